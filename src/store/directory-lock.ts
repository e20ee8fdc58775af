import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreOpenError } from './store-open-error.ts';

const SQLITE_BUSY = 5;
/** Long enough for two starting processes to find out which was first. */
const WAIT_MILLISECONDS = 200;
/** Longer, because sharing processes hold the lock shortly to check whether they are the first (see lmdb.ts). */
const SHARED_WAIT_MILLISECONDS = 2_000;

export interface DirectoryLock {
  release(): void;
}

/**
 * Takes a directory for this process: alone, or `shared` with others that share it too. Throws StoreOpenError naming the
 * holder when it is taken.
 * The kernel keeps the lock (fcntl on `holder.lock`). Node has no call for it, so we take it through Node's SQLite: an open
 * transaction on an empty database, which writes nothing. The kernel drops the lock when the holder dies, so it is never
 * stale, and no process id has to be trusted (in a container it is always 1). Two processes that start at once cannot both
 * get it. SQLite also refuses a second opening in the same process, which bare fcntl does not. A pid file or a socket that is
 * replaced when it looks stale would have a race. `holder.pid` only tells who holds the lock.
 */
export function lockDirectory(
  directory: string,
  shared: boolean,
  wait = shared ? SHARED_WAIT_MILLISECONDS : WAIT_MILLISECONDS,
): DirectoryLock {
  const pidFile = join(directory, 'holder.pid');
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(directory, 'holder.lock'), { timeout: wait });
    // A read inside the transaction takes the shared lock.
    lock.exec(shared ? 'BEGIN; SELECT count(*) FROM sqlite_schema' : 'BEGIN EXCLUSIVE');
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new StoreOpenError(`store directory ${directory} is in use by process ${readHolder(pidFile)}`, error);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreOpenError(`store directory ${directory} cannot be locked: ${reason}`, error);
  }
  writeHolder(pidFile);
  const held = lock;
  return { release: () => held.close() };
}

function readHolder(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim() || '(unknown)';
  } catch {
    return '(unknown)';
  }
}

/** On a full disk the store still opens. Only the message to a second process lacks the holder's id. */
function writeHolder(pidFile: string): void {
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch {}
}
