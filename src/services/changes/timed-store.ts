import type { CommitOutcome, Store } from '../../domain/ports.ts';

/** The same store, telling of each commit how it ended and how many seconds it took. */
export function timeCommits(
  store: Store,
  observe: (outcome: CommitOutcome | 'failed', seconds: number) => void,
): Store {
  return {
    get: (key) => store.get(key),
    list: (prefix, after, limit) => store.list(prefix, after, limit),
    check: () => store.check(),
    close: () => store.close(),
    async commit(writes) {
      const started = performance.now();
      const tell = (outcome: CommitOutcome | 'failed') => observe(outcome, (performance.now() - started) / 1000);
      try {
        const outcome = await store.commit(writes);
        tell(outcome);
        return outcome;
      } catch (error) {
        tell('failed');
        throw error;
      }
    },
  };
}
