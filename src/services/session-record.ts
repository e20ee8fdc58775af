import type { Store, StoredValue } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../domain/record.ts';
import { expiryOf, isExpired, type SessionRecord } from '../domain/session.ts';
import type { Tensor } from '../domain/tensor.ts';

export interface Session {
  readonly record: SessionRecord;
  readonly revision: string;
  /** One [batch, units] tensor for each state of the cell. */
  readonly states: readonly Tensor[];
  /** The output of the last step, [batch, width], kept from the first masked step on: masked steps repeat it. */
  readonly output?: Tensor;
}

export function sessionKey(id: string): string {
  return `session/${id}`;
}

/** Where the references to the sessions of a cell are, under the cell's owner. */
export function referencesPrefix(cell: string): string {
  return `cell-session/${cell}/`;
}

/** That this session is open on its cell. */
export function referenceKey({ cell, id, uid }: Pick<SessionRecord, 'cell' | 'id' | 'uid'>): string {
  return `${referencesPrefix(cell)}${id}/${uid}`;
}

/** @throws {Problem} not-found, session-expired */
export async function readSession(store: Pick<Store, 'get'>, id: string, now: number): Promise<Session> {
  const stored = await store.get(sessionKey(id));
  if (!stored) throw new Problem('not-found', `There is no session '${id}'.`);
  const session = sessionOf(stored);
  if (!isExpired(session.record, now)) return session;
  const expiredAt = new Date(expiryOf(session.record) ?? now).toISOString();
  const detail = `Session '${id}' expired at ${expiredAt}, after ${session.record.ttl_seconds} idle seconds.`;
  throw new Problem('session-expired', detail, { extra: { expired_at: expiredAt } });
}

export async function findSession(store: Pick<Store, 'get'>, id: string): Promise<Session | undefined> {
  const stored = await store.get(sessionKey(id));
  return stored && sessionOf(stored);
}

function sessionOf({ revision, bytes }: StoredValue): Session {
  return { ...decodeSession(bytes), revision };
}

export function decodeSession(bytes: Uint8Array): Omit<Session, 'revision'> {
  const { fields, tensors } = decodeRecord<SessionRecord>(bytes);
  const { output, ...states } = tensors;
  return { record: fields, states: Object.values(states), ...(output ? { output } : {}) };
}

export function encodeSession(record: SessionRecord, states: readonly Tensor[], output?: Tensor): Uint8Array {
  const tensors: Record<string, Tensor> = {};
  for (let i = 0; i < states.length; i++) tensors[`states.${i}`] = states[i];
  if (output) tensors.output = output;
  return encodeRecord({ fields: record, tensors });
}
