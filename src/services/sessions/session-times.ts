import { expiryOf, type SessionRecord } from '../../domain/session.ts';
import type { Context } from '../context.ts';
import { DAY, type Due, noteDue, WEEK } from '../expiry/due.ts';

/** For so long a session that has expired is answered for. */
const EXPIRED_MS = DAY;
/** At least so often a session is looked at, for the keys that it keeps. */
const LOOK_MS = WEEK;

/** When the session is to be looked at next. */
export function nextLook(record: SessionRecord, now: number): number {
  const expiry = expiryOf(record);
  return Math.min(now + LOOK_MS, expiry === undefined ? Number.POSITIVE_INFINITY : expiry + EXPIRED_MS);
}

/** Whether the session expired so long ago that nobody needs to be told any more. */
export function isOver(record: SessionRecord, now: number): boolean {
  const expiry = expiryOf(record);
  return expiry !== undefined && now >= expiry + EXPIRED_MS;
}

function dueOf({ id, uid, cell, cell_uid, pinned }: SessionRecord): Due & { readonly kind: 'session' } {
  const session = { cell, cell_uid, ...(pinned === undefined ? {} : { pinned }) };
  return { kind: 'session', id, uid, session };
}

/** Has a session looked at when it is time. */
export function noteSession({ store, clock }: Pick<Context, 'store' | 'clock'>, record: SessionRecord): Promise<void> {
  return noteDue(store, nextLook(record, clock()), dueOf(record));
}
