import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import type { KeptStep, Session } from '../api/types.ts';

export interface Follower {
  /** A session as it is now, whenever it has changed. */
  readonly onSession: (session: Session) => void;
  /** The session is gone, expired or forbidden. */
  readonly onEnd: (problem: ApiProblem) => void;
}

const POLL_MILLISECONDS = 700;

/** Follows a session until the signal is aborted: asks for it again and again, and is answered 304 while nothing is new. */
export async function followByPolling(
  api: Api,
  id: string,
  { onSession, onEnd }: Follower,
  signal: AbortSignal,
): Promise<void> {
  let tag = '';
  while (!signal.aborted) {
    try {
      const { response, text } = await api.send('GET', `v1/sessions/${id}`, {
        headers: tag ? { 'if-none-match': tag } : {},
        signal,
        silent: true,
      });
      if (signal.aborted) return;
      if (response.status === 200) {
        tag = response.headers.get('etag') ?? '';
        onSession(JSON.parse(text));
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiProblem)) return;
      if (error.status !== 0) return onEnd(error);
      await api.whenReached();
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}

/** Steps that are read in one call. */
const PAGE = 1000;

/** The kept steps behind a step, oldest first. */
export async function keptSteps(api: Api, id: string, after: number): Promise<readonly KeptStep[]> {
  const steps: KeptStep[] = [];
  let from: number | null = after;
  while (from !== null) {
    const page: { items: KeptStep[]; next_after: number | null } = await api.get(
      `v1/sessions/${id}/steps?after=${from}&limit=${PAGE}`,
    );
    steps.push(...page.items);
    from = page.next_after;
  }
  return steps;
}
