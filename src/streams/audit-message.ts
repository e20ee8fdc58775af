import type { AuditedChange } from '../http/observability/audit.ts';
import type { AnswerOutcome } from './answer-form.ts';

/** The operations that do the same over HTTP, by the `op` of a message. Other messages change nothing. */
const CHANGES: ReadonlyMap<unknown, string> = new Map([
  ['step', 'stepSession'],
  ['open', 'openSession'],
  ['fork', 'forkSession'],
  ['rewind', 'rewindSession'],
  ['reset', 'resetSession'],
  ['close', 'deleteSession'],
]);
const MOST_CHARACTERS = 128;

/** The session that a message names, if that can be an id. */
export function sessionNamedIn(sent: unknown): { readonly session?: string } {
  const { session } = Object(sent) as { session?: unknown };
  return typeof session === 'string' && session.length <= MOST_CHARACTERS ? { session } : {};
}

/** The change that a message asked for, as the log has those of HTTP; undefined if it asked for none. */
export function changeOfMessage(
  sent: unknown,
  { session, status, replayed }: AnswerOutcome,
): AuditedChange | undefined {
  const { op = 'step' } = Object(sent) as { op?: unknown };
  const what = CHANGES.get(op);
  if (what === undefined) return undefined;
  const named = op === 'open' ? {} : sessionNamedIn(sent);
  const ids = { ...named, ...(status === 201 ? { made: `/v1/sessions/${session}` } : {}) };
  return { what, ids, status, replayed };
}
