import type { BeginStage, CommitOutcome, Store } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { PROBE_KEY } from '../keys.ts';

/** How a commit ended, and how many seconds it took. */
export type CommitObserver = (outcome: CommitOutcome | 'failed', seconds: number) => void;

/**
 * The same store, which reports each commit. After a commit found no room, `check` rejects until a commit succeeds again.
 * `check` tries a small commit itself, since nobody may be sending changes.
 */
export function watchCommits(store: Store, observe: CommitObserver, beginStage?: BeginStage): Store {
  let full = false;
  const commit: Store['commit'] = async (writes) => {
    const started = performance.now();
    const end = beginStage?.('commit');
    const tell = (outcome: CommitOutcome | 'failed') => observe(outcome, (performance.now() - started) / 1000);
    try {
      const outcome = await store.commit(writes);
      full &&= outcome !== 'committed';
      tell(outcome);
      return outcome;
    } catch (error) {
      full ||= error instanceof Problem && error.code === 'store-full';
      tell('failed');
      throw error;
    } finally {
      end?.();
    }
  };
  return {
    commit,
    get: (key) => store.get(key),
    list: (prefix, after, limit, maxBytes) => store.list(prefix, after, limit, maxBytes),
    async check() {
      await store.check();
      if (full) await commit([{ key: PROBE_KEY, bytes: new Uint8Array(1) }]);
    },
    close: () => store.close(),
  };
}
