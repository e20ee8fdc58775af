import type { Gate } from '../access/gate.ts';
import type { Identity } from '../domain/identity.ts';
import { Problem } from '../domain/problems.ts';

/** Keys and tokens expire without an event, so they are checked from time to time. */
const CHECK_MS = 15_000;

/** What messages need: steps, and subscriptions. */
const NEEDED = ['step', 'read'] as const;

/** The caller of a stream or a socket. It may last longer than the key is valid. */
export interface Caller {
  readonly credential: string;
  readonly identity: Identity;
}

/**
 * Calls `revoked` once when the caller loses access: at once if its key was removed or changed, and soon after it expired.
 * Returns a function that stops it.
 */
export function watchCaller(
  gate: Pick<Gate, 'identify' | 'watch'>,
  { credential, identity }: Caller,
  revoked: (problem: Problem) => void,
): () => void {
  const check = async () => {
    const problem = await refusalOf(gate, credential, identity);
    if (!problem || stopped) return;
    stop();
    revoked(problem);
  };
  let stopped = false;
  const unwatch = gate.watch(check);
  const timer = setInterval(check, CHECK_MS);
  timer.unref();
  const stop = () => {
    stopped = true;
    unwatch();
    clearInterval(timer);
  };
  return stop;
}

async function refusalOf(
  gate: Pick<Gate, 'identify'>,
  credential: string,
  { tenant, scopes }: Identity,
): Promise<Problem | undefined> {
  try {
    const now = await gate.identify(credential);
    const keeps = NEEDED.every((scope) => now.scopes.has(scope) || !scopes.has(scope));
    if (now.tenant === tenant && keeps) return undefined;
    return new Problem('insufficient-scope', 'The key of this connection may do less than it could.');
  } catch (error) {
    // If the issuer does not answer, its tokens stay valid for now.
    return error instanceof Problem && error.status === 401
      ? new Problem('unauthorized', 'The key of this connection is not valid any more.')
      : undefined;
  }
}
