import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StoreOpenError } from '../store-open-error.ts';
import { dataFile } from './file.ts';

/**
 * Reads the whole database in another process. LMDB has no checksums, so a torn page can mean a missing key or a segmentation
 * fault. Throws StoreOpenError when the database is damaged.
 */
export function verifyDatabase(directory: string): void {
  const worker = fileURLToPath(new URL('./verify-worker.ts', import.meta.url));
  const { status, signal, stderr, error } = spawnSync(process.execPath, [worker, directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status === 0) return;
  // LMDB itself prints some of the errors that it finds.
  const told = stderr?.trim().replace(/\s+/g, ' ');
  const reason = error?.message ?? (status === 2 ? told : `reading it ended with ${signal ?? status}`);
  throw new StoreOpenError(
    `store file ${dataFile(directory)} is damaged: ${reason}; restore a backup, or repair the disk`,
  );
}
