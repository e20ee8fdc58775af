import { expiryOf, type SessionRecord } from '../../domain/session.ts';
import type { Context } from '../context.ts';
import { DAY, type Due, noteDue, WEEK } from '../expiry/due.ts';

/** How long the service still knows an expired session. */
const EXPIRED_MS = DAY;
/** A session is swept at least this often, because of the outcomes that it keeps. */
const LOOK_MS = WEEK;

/** When the session is swept next. */
export function nextLook(record: SessionRecord, now: number): number {
  const expiry = expiryOf(record);
  return Math.min(now + LOOK_MS, expiry === undefined ? Number.POSITIVE_INFINITY : expiry + EXPIRED_MS);
}

/** Whether the session expired so long ago that it can be removed. */
export function isOver(record: SessionRecord, now: number): boolean {
  const expiry = expiryOf(record);
  return expiry !== undefined && now >= expiry + EXPIRED_MS;
}

function dueOf({ id, uid, cell, cell_uid, pinned }: SessionRecord): Due & { readonly kind: 'session' } {
  const session = { cell, cell_uid, ...(pinned === undefined ? {} : { pinned }) };
  return { kind: 'session', id, uid, session };
}

/** Schedules the sweep of a session. */
export function noteSession({ store, clock }: Pick<Context, 'store' | 'clock'>, record: SessionRecord): Promise<void> {
  return noteDue(store, nextLook(record, clock()), dueOf(record));
}
