import type { LmdbDatabase } from './database.ts';

/** A key that nothing has. */
const NO_KEY = 'cellstep-nothing';

/** Reads a database for a transaction, and gathers what that is to write. */
export class Draft {
  readonly database: LmdbDatabase;
  private readonly changed = new Map<string, Uint8Array | undefined>();
  private readonly writes: (() => unknown)[] = [];

  constructor(database: LmdbDatabase) {
    this.database = database;
  }

  /** The record of a key, with what was gathered so far. The next call may overwrite its bytes. */
  recordOf(name: string, key: Uint8Array): Uint8Array | undefined {
    return this.changed.has(name) ? this.changed.get(name) : this.database.records.getBinaryFast(key);
  }

  /** The key gets this record, or none. */
  setRecord(name: string, key: Uint8Array, record: Uint8Array | undefined): void {
    const { records } = this.database;
    this.changed.set(name, record);
    this.add(() => (record ? records.put(key, record) : records.remove(key)));
  }

  /** To be written with the rest. */
  add(write: () => unknown): void {
    this.writes.push(write);
  }

  get isEmpty(): boolean {
    return this.writes.length === 0;
  }

  write(): void {
    for (const write of this.writes) write();
  }
}

/**
 * Makes one transaction of what `work` gathers, all or nothing. Resolves to what `work` returns, once that is on the disk.
 *
 * `alone`: nothing else writes to the database, and all earlier transactions are over. Then `work` is done at once, and what it has
 * gathered is written by another thread. Otherwise it is done when LMDB has begun the transaction, under its write lock, which takes two
 * more turns of the event loop.
 */
export async function transact<T>(database: LmdbDatabase, alone: boolean, work: (draft: Draft) => T): Promise<T> {
  const { root } = database;
  const draft = new Draft(database);
  if (!alone) {
    return root.childTransaction(() => {
      const result = work(draft);
      draft.write();
      return result;
    });
  }
  // lmdb-js keeps reading one snapshot for some milliseconds.
  root.resetReadTxn();
  const result = work(draft);
  if (draft.isEmpty) return result;
  const written = root.batch(() => draft.write());
  // One more than START_AT (database.ts): without it lmdb-js would begin to write in the next turn of the event loop.
  root.remove(NO_KEY);
  await written;
  return result;
}
