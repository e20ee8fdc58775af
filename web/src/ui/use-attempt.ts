import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { ApiProblem } from '../api/problem.ts';

export interface Attempt {
  /** Runs work; what the service refuses is kept as the problem, until the next attempt. */
  readonly run: (work: () => Promise<void>) => Promise<void>;
  readonly problem: Signal<ApiProblem | undefined>;
  readonly busy: Signal<boolean>;
}

export function useAttempt(): Attempt {
  const problem = useSignal<ApiProblem | undefined>(undefined);
  const busy = useSignal(false);
  const attempt = useRef<Attempt | undefined>(undefined);
  attempt.current ??= {
    problem,
    busy,
    run: async (work) => {
      busy.value = true;
      problem.value = undefined;
      try {
        await work();
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        problem.value = error;
      } finally {
        busy.value = false;
      }
    },
  };
  return attempt.current;
}
