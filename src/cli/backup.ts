import { resolve } from 'node:path';
import { ConfigError, readConfig } from '../config.ts';
import { backupLmdb } from '../store/lmdb/backup.ts';
import { StoreOpenError } from '../store/store-open-error.ts';

/** Ends with exit code 2 and one line on stderr for a mistake that an operator can fix. */
function refuse(message: string): never {
  process.stderr.write(`cellstep: ${message}\n`);
  process.exit(2);
}

export const BACKUP_USAGE = 'usage: cellstep backup DIR, with CELLSTEP_STORE as the service has it';

/** Copies the store that CELLSTEP_STORE names, even while it is in use. See docs/backup.md. */
async function backup([target, ...more]: readonly string[]): Promise<void> {
  if (target === undefined || more.length > 0) refuse(BACKUP_USAGE);
  const { store } = readConfig({ CELLSTEP_STORE: process.env.CELLSTEP_STORE });
  if (store === 'memory:') refuse('CELLSTEP_STORE memory: keeps nothing that could be backed up.');
  if (!store.startsWith('lmdb:')) {
    refuse('CELLSTEP_STORE is a Redis, which makes its own backups: redis-cli --rdb FILE (docs/backup.md).');
  }
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      abort.abort();
      process.exit(1);
    });
  }
  const { records, bytes } = await backupLmdb(resolve(store.slice('lmdb:'.length)), target, abort.signal);
  process.stdout.write(`${records} records with ${bytes} bytes are saved in ${target}\n`);
}

export async function backupCommand(args: readonly string[]): Promise<void> {
  await backup(args).catch((error: unknown) => {
    if (error instanceof ConfigError || error instanceof StoreOpenError) refuse(error.message);
    process.stderr.write(`cellstep: the backup failed: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  });
}
