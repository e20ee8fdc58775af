import type { BeginStage, CommitEnd, CommitOutcome, Hold, Store } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { commitAll, getAll } from '../../domain/store-calls.ts';
import { PROBE_KEY } from '../keys.ts';

/** How a commit ended, or `count` that were made together, and how many seconds it took. */
export type CommitObserver = (outcome: CommitOutcome | 'failed', seconds: number, count?: number) => void;

interface Watchers {
  readonly commits: CommitObserver;
  readonly beginStage?: BeginStage | undefined;
  /** Counts long values for whoever reads them, before they are read. */
  readonly hold?: Hold;
}

/**
 * The same store, which reports each commit and each long value that is read. After a commit found no room, `check` rejects until a commit succeeds again.
 * `check` tries a small commit itself, since nobody may be sending changes.
 */
export function watchStore(store: Store, { commits, beginStage, hold }: Watchers): Store {
  let full = false;
  const commit: Store['commit'] = async (writes) => {
    const started = performance.now();
    const end = beginStage?.('commit');
    const tell = (outcome: CommitOutcome | 'failed') => commits(outcome, (performance.now() - started) / 1000);
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
    get: (key) => store.get(key, hold),
    getAll: (keys) => getAll(store, keys, hold),
    async commitAll(all) {
      const started = performance.now();
      const end = beginStage?.('commit');
      const ends = await commitAll(store, all);
      end?.();
      const seconds = (performance.now() - started) / 1000;
      for (const [outcome, count] of countOf(ends)) commits(outcome, seconds, count);
      if (ends.includes('committed')) full = false;
      full ||= ends.some((error) => error instanceof Problem && error.code === 'store-full');
      return ends;
    },
    list: (prefix, after, limit, maxBytes) => store.list(prefix, after, limit, maxBytes),
    async check() {
      await store.check();
      if (full) await commit([{ key: PROBE_KEY, bytes: new Uint8Array(1) }]);
    },
    close: () => store.close(),
  };
}

function countOf(ends: readonly CommitEnd[]): Map<CommitOutcome | 'failed', number> {
  const counts = new Map<CommitOutcome | 'failed', number>();
  for (const end of ends) {
    const outcome = end instanceof Error ? 'failed' : end;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}
