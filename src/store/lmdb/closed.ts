import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncPath } from '../sync-path.ts';
import { dataFile } from './file.ts';

/**
 * Records the state of the data file when the store was closed in order. The record exists only while nobody has the store
 * open: after a power loss a torn file can still have its old size and times.
 */
const MARK = 'closed.mark';

/** Whether the data file is unchanged since the store was closed in order, or missing. */
export function wasClosed(directory: string): boolean {
  const now = fileState(directory);
  return now === undefined || now === readMark(directory);
}

/** Called after the last process has closed the database. */
export function markClosed(directory: string): void {
  try {
    writeFileSync(join(directory, MARK), fileState(directory) ?? '', { mode: 0o600 });
  } catch {
    // The next opening reads everything.
    rmSync(join(directory, MARK), { force: true });
  }
}

/** Call it before any write. It also removes the mark from the disk. */
export function unmarkClosed(directory: string): void {
  const mark = join(directory, MARK);
  if (!existsSync(mark)) return;
  rmSync(mark, { force: true });
  syncPath(directory);
}

function readMark(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, MARK), 'utf8');
  } catch {
    return undefined;
  }
}

function fileState(directory: string): string | undefined {
  const stat = statSync(dataFile(directory), { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.size} ${stat.mtimeNs} ${stat.ino}`;
}
