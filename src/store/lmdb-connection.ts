import { type LmdbDatabase, openDatabase, readFormat } from './lmdb-database.ts';

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
 * shows that state without harm.
 */
export function connect(directory: string, mapBytes: number): LmdbConnection {
  let database: LmdbDatabase | undefined = openDatabase(directory, mapBytes);
  let closing: Promise<void> | undefined;

  function current(): LmdbDatabase {
    if (closing !== undefined) throw new Error('the database is being reopened');
    database ??= openDatabase(directory, mapBytes);
    return database;
  }

  async function discard(): Promise<void> {
    const old = database;
    database = undefined;
    closing = closeQuietly(old);
    await closing;
    closing = undefined;
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
