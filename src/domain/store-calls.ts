import type { CommitEnd, Hold, Store, StoredValue, StoreWrite } from './ports.ts';

/** The values of many keys. Long ones are told to `hold` first. */
export function getAll(
  store: Pick<Store, 'get' | 'getAll'>,
  keys: readonly string[],
  hold?: Hold,
): Promise<(StoredValue | undefined)[]> {
  return store.getAll ? store.getAll(keys, hold) : Promise.all(keys.map((key) => store.get(key, hold)));
}

/** Many commits, each on its own. Never rejects: if the store does, as when it is closed, each commit ends with that error. */
export async function commitAll(
  store: Pick<Store, 'commit' | 'commitAll'>,
  commits: readonly (readonly StoreWrite[])[],
): Promise<CommitEnd[]> {
  try {
    return await (store.commitAll ? store.commitAll(commits) : eachAlone(store, commits));
  } catch (error) {
    return commits.map(() => error as Error);
  }
}

/** The same by a call for each. */
export function eachAlone(
  store: Pick<Store, 'commit'>,
  commits: readonly (readonly StoreWrite[])[],
): Promise<CommitEnd[]> {
  return Promise.all(commits.map((writes) => store.commit(writes).catch((error: Error) => error)));
}
