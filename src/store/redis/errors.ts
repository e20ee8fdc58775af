import { Problem } from '../../domain/problems.ts';

/** The reason for each error code of Redis, which is the first word of an error or of a script's error. */
const REASONS: Readonly<Record<string, string>> = {
  OOM: 'it is out of memory (maxmemory)',
  READONLY: 'it is a read-only replica',
  MISCONF: 'it cannot save to its disk',
  LOADING: 'it is still loading its data',
  MASTERDOWN: 'its primary is away',
  NOREPLICAS: 'too few of its replicas are there',
  CLUSTERDOWN: 'its cluster is down',
  TRYAGAIN: 'its cluster is being resharded',
  MOVED: 'its cluster is being resharded',
  ASK: 'its cluster is being resharded',
  BUSY: 'it is busy with a script',
  NOAUTH: 'it asks for a password',
  WRONGPASS: 'it refuses the user name or password',
  NOPERM: 'its user may not do this',
};
const CODE = new RegExp(`(?:^|\\W)(${Object.keys(REASONS).join('|')})\\b`);

const LOST = 'the connection was lost';
/** Codes of the system and of ioredis for a missing or lost connection. */
const UNREACHED = new RegExp(`\\b(E(CONN|HOST|NET|PIPE|TIMEDOUT|AI_AGAIN)\\w*|ENOTFOUND)\\b|^Socket timeout|^${LOST}$`);

/** A call that took longer than it may. Of a commit, nobody knows then whether it was made. */
export class TimeLimitError extends Error {}

/** Fewer replicas than asked for have a commit, which the primary has made. */
export class ReplicaError extends Error {}

/** The problem that a client gets for an error of Redis, of the connection, or of the time limit. */
export function storeProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = messageOf(error);
  // Not the error itself: ioredis hangs the command's arguments on it, values and passwords included.
  const cause = new Error(message);
  const code = CODE.exec(message)?.[1];
  return new Problem('store-unavailable', `The store failed: ${reasonOf(error, code)}.`, {
    cause,
    retryAfterSeconds: 1,
  });
}

function reasonOf(error: unknown, code: string | undefined): string {
  if (error instanceof TimeLimitError || error instanceof ReplicaError) return error.message;
  if (code !== undefined) return REASONS[code];
  if ((error as { name?: unknown }).name === 'ReplyError') return 'it refused the command';
  return 'it is not connected, or the connection was lost before it answered';
}

/** The message for an operator when the store cannot be opened: whether no server answers, or a server refuses. */
export function openingProblem(error: unknown): string {
  const message = messageOf(error);
  const away = error instanceof TimeLimitError || UNREACHED.test(message);
  return `${away ? 'is not reachable' : 'cannot be opened'}: ${message}`;
}

/** The text of an error. For a name with several addresses it is in the errors of the addresses. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The error of ioredis for a command that was running when the connection ended. Its own text is about an option.
  if (error.name === 'MaxRetriesPerRequestError') return LOST;
  if (error.message === 'Connection is closed.') return LOST;
  // OpenSSL's text has a line of code and ends with a line break.
  const { library, reason } = error as { readonly library?: unknown; readonly reason?: unknown };
  if (library !== undefined && typeof reason === 'string') return reason;
  const [first] = error instanceof AggregateError ? error.errors : [];
  return error.message || (first instanceof Error ? first.message : error.name);
}
