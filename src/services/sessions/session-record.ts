import { LONG_BYTES } from '../../domain/bytes.ts';
import type { Store, StoredValue } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { expiryOf, isExpired } from '../../domain/session.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { sessionKey } from '../keys.ts';
import { decodeSession, type SessionContent, sessionSlices } from './session-bytes.ts';

export interface Session extends SessionContent {
  readonly revision: string;
}

/** @throws {Problem} not-found, session-expired */
export function readSession(store: Pick<Store, 'get'>, id: string, now: number): Promise<Session> {
  return store.get(sessionKey(id)).then((stored) => {
    if (!stored || stored.bytes.length <= LONG_BYTES) return requireSession(id, stored, now);
    return inSlices(stored).then((session) => unexpired(session, now));
  });
}

/** The session in a value of the store, whose tensors are views of its bytes. @throws {Problem} not-found, session-expired */
export function requireSession(
  id: string,
  stored: Pick<StoredValue, 'bytes' | 'revision'> | undefined,
  now: number,
): Session {
  if (!stored) throw noSession(id);
  return unexpired({ ...decodeSession(stored.bytes), revision: stored.revision }, now);
}

export function noSession(id: string): Problem {
  return new Problem('not-found', `There is no session '${id}'.`);
}

/** @throws {Problem} session-expired */
function unexpired(session: Session, now: number): Session {
  if (!isExpired(session.record, now)) return session;
  const { id } = session.record;
  const expiredAt = new Date(expiryOf(session.record) ?? now).toISOString();
  const detail = `Session '${id}' expired at ${expiredAt}, after ${session.record.ttl_seconds} idle seconds.`;
  throw new Problem('session-expired', detail, { extra: { expired_at: expiredAt } });
}

export async function findSession(store: Pick<Store, 'get'>, id: string): Promise<Session | undefined> {
  const stored = await store.get(sessionKey(id));
  return stored && sessionIn(stored);
}

/** The session in a value of the store; a long one is read in slices. */
export function sessionIn(stored: Pick<StoredValue, 'bytes' | 'revision'>): Session | Promise<Session> {
  const { bytes, revision } = stored;
  return bytes.length > LONG_BYTES ? inSlices(stored) : { ...decodeSession(bytes), revision };
}

async function inSlices({ bytes, revision }: Pick<StoredValue, 'bytes' | 'revision'>): Promise<Session> {
  return { ...(await inTurns(sessionSlices(bytes))), revision };
}
