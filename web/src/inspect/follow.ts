import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import { SOCKET } from '../api/snippets.ts';
import type { KeptStep, Session } from '../api/types.ts';

export interface Follower {
  /** A session as it is now, whenever it has changed. */
  readonly onSession: (session: Session) => void;
  /** The session is gone, expired or forbidden. */
  readonly onEnd: (problem: ApiProblem) => void;
}

/** What a socket tells of a session. */
interface Changed {
  readonly event?: 'changed' | 'closed';
  readonly step: number;
  readonly version: number;
  readonly states: Session['states'];
  readonly cell_version: number;
  readonly updated_at: string;
}

const SUBPROTOCOL = 'cellstep.v1';

/** Follows a session until the signal is aborted: over a socket, or where there is none, by asking again and again. */
export async function follow(api: Api, id: string, follower: Follower, signal: AbortSignal): Promise<void> {
  await followBySocket(api, id, follower, signal);
  if (!signal.aborted) await followByPolling(api, id, follower, signal);
}

/** Resolves when the socket is closed. A browser can't send a key with it, so the key is its first message. */
async function followBySocket(api: Api, id: string, { onSession }: Follower, signal: AbortSignal): Promise<void> {
  let session: Session;
  try {
    session = await api.get<Session>(`v1/sessions/${id}`);
  } catch {
    return;
  }
  onSession(session);
  const address = new URL('v1/stream', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  address.hash = '';
  const socket = new WebSocket(address, SUBPROTOCOL);
  signal.addEventListener('abort', () => socket.close());
  const sent = JSON.stringify({ op: 'subscribe', id: 1, session: id });
  const started = performance.now();
  socket.addEventListener('open', async () => {
    const key = api.key();
    if (key) socket.send(JSON.stringify({ op: 'auth', token: key }));
    socket.send(sent);
    const milliseconds = performance.now() - started;
    api.show({ method: SOCKET, path: 'v1/stream', headers: {}, sent, status: 101, answered: '', milliseconds });
  });
  socket.addEventListener('message', ({ data }) => {
    const { event, ...change } = JSON.parse(data) as Changed & { status?: number };
    // Its answer has the session as it is once it is listened to.
    if (event === 'changed' || (event === undefined && change.states)) {
      const { step, version, states, cell_version, updated_at } = change;
      session = { ...session, step, version, states, cell_version, updated_at };
      onSession(session);
      // Refused, or ended: asking for the session tells why.
    } else if (event === 'closed' || (change.status ?? 200) >= 400) socket.close();
  });
  await new Promise((resolve) => socket.addEventListener('close', resolve));
}

const POLL_MILLISECONDS = 700;

/** Follows a session until the signal is aborted: asks for it again and again, and is answered 304 while nothing is new. */
async function followByPolling(
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
