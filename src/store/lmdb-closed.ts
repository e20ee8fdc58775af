import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFile } from './lmdb-file.ts';
import { syncPath } from './sync-path.ts';

/**
 * Says what the data file was when the store was closed in order. It is there only while nobody has the store open: after a
 * loss of power a file can be torn and have its size and times of before.
 */
const MARK = 'closed.mark';

/** Whether the data file is what it was when the store was closed in order, or there is none. */
export function wasClosed(directory: string): boolean {
  const now = fileState(directory);
  return now === undefined || now === readMark(directory);
}

/** After the database was closed, by the last that had it open. */
export function markClosed(directory: string): void {
  try {
    writeFileSync(join(directory, MARK), fileState(directory) ?? '', { mode: 0o600 });
  } catch {
    // The next opening reads everything.
    rmSync(join(directory, MARK), { force: true });
  }
}

/** Before anything is written: the mark is gone from the disk then, too. */
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
