import { type LmdbDatabase, openDatabase, openReadOnly, readFormat } from './lmdb-database.ts';
import { isReadOnly } from './lmdb-preflight.ts';

export interface LmdbConnection {
  readonly directory: string;
  /** The open database; throws when it is down. */
  current(): LmdbDatabase;
  /** After a failed commit: makes the database usable again. False when it had to be, or could not be, reopened. */
  recover(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * An open database that is opened again when LMDB has given it up. After a failed write of its root page LMDB refuses
 * every further transaction (MDB_PANIC), and lmdb-js would then never settle the promise of the next commit. A read
 * shows that state without harm. On a file system that is read-only by then it is opened for reading, and anew once it can
 * be written: only then does LMDB tell other processes what is being read.
 */
export function connect(directory: string, mapBytes: number): LmdbConnection {
  let database: LmdbDatabase | undefined = openDatabase(directory, mapBytes);
  let forReading = false;
  let closing: Promise<void> | undefined;

  function current(): LmdbDatabase {
    if (database !== undefined && forReading && !isReadOnly(directory)) void discard();
    if (closing !== undefined) throw new Error('the database is being reopened');
    database ??= reopen();
    return database;
  }

  function reopen(): LmdbDatabase {
    forReading = isReadOnly(directory);
    return forReading ? openReadOnly(directory, mapBytes) : openDatabase(directory, mapBytes);
  }

  function discard(): Promise<void> {
    closing ??= closeQuietly(database).finally(() => {
      closing = undefined;
    });
    database = undefined;
    return closing;
  }

  return {
    directory,
    current,
    async recover() {
      try {
        const { root } = current();
        root.resetReadTxn();
        readFormat(root);
        return true;
      } catch {
        await discard();
        return false;
      }
    },
    close: discard,
  };
}

/** What fails while a broken database is closed has been told already by the failure that broke it. */
async function closeQuietly(database: LmdbDatabase | undefined): Promise<void> {
  try {
    await database?.root.close();
  } catch {}
}
