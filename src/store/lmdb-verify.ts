import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoreOpenError } from './store-open-error.ts';

/** What the data file was when the store was closed in order. */
const MARK = 'closed.mark';

/**
 * Reads the whole database, unless its file is what it was when the store was closed in order: after a crash, a copy or a
 * repair. LMDB has no checksums of its pages, and what a torn one does to it can be a key that is missing, or a segmentation
 * fault; so another process reads it. Throws StoreOpenError when the database is damaged.
 */
export function verifyUnlessClosed(directory: string): void {
  const now = fileState(directory);
  if (now === undefined || now === readMark(directory)) return;
  const worker = fileURLToPath(new URL('lmdb-verify-worker.ts', import.meta.url));
  const { status, signal, stderr, error } = spawnSync(process.execPath, [worker, directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status === 0) return;
  // LMDB prints some of what it finds.
  const told = stderr?.trim().replace(/\s+/g, ' ');
  const reason = error?.message ?? (status === 2 ? told : `reading it ended with ${signal ?? status}`);
  throw new StoreOpenError(
    `store file ${join(directory, 'data.mdb')} is damaged: ${reason}; restore a backup, or repair the disk`,
  );
}

/** After the database was closed. */
export function markClosed(directory: string): void {
  try {
    writeFileSync(join(directory, MARK), fileState(directory) ?? '', { mode: 0o600 });
  } catch {
    // The next opening reads everything.
    rmSync(join(directory, MARK), { force: true });
  }
}

function readMark(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, MARK), 'utf8');
  } catch {
    return undefined;
  }
}

function fileState(directory: string): string | undefined {
  const stat = statSync(join(directory, 'data.mdb'), { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.size} ${stat.mtimeNs} ${stat.ino}`;
}
