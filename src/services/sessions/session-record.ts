import type { Store, StoredValue } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { expiryOf, isExpired } from '../../domain/session.ts';
import { sessionKey } from '../keys.ts';
import { decodeSession, type SessionContent } from './session-bytes.ts';

export interface Session extends SessionContent {
  readonly revision: string;
}

/** @throws {Problem} not-found, session-expired */
export function readSession(store: Pick<Store, 'get'>, id: string, now: number): Promise<Session> {
  return store.get(sessionKey(id)).then((stored) => requireSession(id, stored, now));
}

/** The session in a value of the store, whose tensors are views of its bytes. @throws {Problem} not-found, session-expired */
export function requireSession(
  id: string,
  stored: Pick<StoredValue, 'bytes' | 'revision'> | undefined,
  now: number,
): Session {
  if (!stored) throw new Problem('not-found', `There is no session '${id}'.`);
  const session = sessionIn(stored);
  if (!isExpired(session.record, now)) return session;
  const expiredAt = new Date(expiryOf(session.record) ?? now).toISOString();
  const detail = `Session '${id}' expired at ${expiredAt}, after ${session.record.ttl_seconds} idle seconds.`;
  throw new Problem('session-expired', detail, { extra: { expired_at: expiredAt } });
}

export async function findSession(store: Pick<Store, 'get'>, id: string): Promise<Session | undefined> {
  const stored = await store.get(sessionKey(id));
  return stored && sessionIn(stored);
}

export function sessionIn({ bytes, revision }: Pick<StoredValue, 'bytes' | 'revision'>): Session {
  const { record, states, output } = decodeSession(bytes);
  return { record, states, output, revision };
}
