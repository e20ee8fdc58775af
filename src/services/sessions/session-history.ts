import type { Store, StoreWrite } from '../../domain/ports.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { oldestStep, type SessionRecord } from '../../domain/session.ts';
import { BYTES_PER_ELEMENT, sizeOf, type Tensor } from '../../domain/tensor.ts';
import { counted } from '../../domain/words.ts';
import { stepKey, stepsPrefix } from '../keys.ts';
import { decodeKept, encodeKept, FIELD_BYTES, type KeptStates, type KeptStep } from './kept-step.ts';
import { readSession, type Session } from './session-record.ts';

/** @throws {Problem} limit-exceeded if a history of this length would have too many bytes */
export function requireHistoryRoom(
  steps: number,
  states: readonly Pick<Tensor, 'dtype' | 'shape'>[],
  outputBytes: number,
  { maxHistoryBytes }: { readonly maxHistoryBytes: number },
): void {
  if (steps === 0) return;
  const bytesOf = ({ dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>) => sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
  const bytes = states.reduce((sum, state) => sum + bytesOf(state), 2 * outputBytes + FIELD_BYTES);
  const total = bytes * (steps + 1);
  if (total <= maxHistoryBytes) return;
  const most = Math.max(0, Math.floor(maxHistoryBytes / bytes) - 1);
  const detail = `A history of ${counted(steps, 'step')} of ${bytes} bytes is over the limit of ${maxHistoryBytes} bytes a session (CELLSTEP_MAX_HISTORY_BYTES). Send at most ${most}.`;
  throw fieldProblem('limit-exceeded', '/history', detail);
}

/** The writes that keep `kept` and delete the steps of `before` that are not in `after`. */
export function historyWrites(
  before: SessionRecord | undefined,
  after: SessionRecord,
  kept: readonly KeptStates[],
): StoreWrite[] {
  const writes: StoreWrite[] = [];
  if (after.history) {
    const { uid, version, updated_at: at } = after;
    for (const states of kept) {
      const bytes = encodeKept({ ...states, uid, version, at });
      if (states.step >= after.history.oldest) writes.push({ key: stepKey(after.id, states.step), bytes });
    }
  }
  return before ? [...writes, ...historyDeletes(before, after)] : writes;
}

/** The writes that delete the kept steps of a session, except those that `after` also keeps. */
export function historyDeletes(before: SessionRecord, after?: SessionRecord): StoreWrite[] {
  const writes: StoreWrite[] = [];
  if (!before.history) return writes;
  for (let step = before.history.oldest; step <= before.step; step++) {
    if (after && step >= oldestStep(after) && step <= after.step) continue;
    writes.push({ key: stepKey(before.id, step), delete: true });
  }
  return writes;
}

/** How often a read is tried again because the session changed. */
const READS = 10;

/**
 * A session and one of its kept steps, read at one moment. `check` sees the session first; `field` is the field that names
 * the step.
 * @throws {Problem} not-found, session-expired, step-not-kept; conflict if the session keeps changing
 */
export async function readSessionAt(
  store: Pick<Store, 'get'>,
  id: string,
  now: number,
  wanted: { readonly step?: number; readonly field: string; readonly check: (session: Session) => void },
): Promise<{ session: Session; kept: KeptStates }> {
  for (let reads = 0; reads < READS; reads++) {
    const session = await readSession(store, id, now);
    wanted.check(session);
    const { record, states, output } = session;
    const { step = record.step } = wanted;
    if (step === record.step) {
      const { cell_version } = record;
      return { session, kept: { step, cell_version, states, ...(output ? { repeated: output } : {}) } };
    }
    if (step < oldestStep(record) || step > record.step) {
      throw fieldProblem('step-not-kept', wanted.field, notKept(record, step, wanted.field));
    }
    const kept = await readKept(store, session, step);
    if (kept) return { session, kept };
  }
  throw changing(id);
}

/** A step of the session as it was read; undefined if it was deleted or rewritten since. */
export async function readKept(
  store: Pick<Store, 'get'>,
  { record }: Session,
  step: number,
): Promise<KeptStep | undefined> {
  const stored = await store.get(stepKey(record.id, step));
  const kept = stored && decodeKept(stored.bytes);
  return kept && isOf(record, kept) ? kept : undefined;
}

/** Whether the step was kept by this version of the session or an earlier one. */
function isOf({ uid, version }: SessionRecord, kept: KeptStep): boolean {
  return kept.uid === uid && kept.version <= version;
}

function changing(id: string): Problem {
  return new Problem('conflict', `Session '${id}' was changed again and again while it was read. Send this again.`);
}

function notKept({ id, step, history }: SessionRecord, sent: number, field: string): string {
  const name = field.slice(1);
  if (!history) {
    return `'${name}' is ${sent}; session '${id}' is at step ${step} and keeps no others. Open it with "history" to keep some.`;
  }
  return `'${name}' is ${sent}; session '${id}' keeps the steps ${history.oldest} to ${step}. Send one of these.`;
}

export interface KeptPage {
  readonly items: readonly KeptStep[];
  /** Send it as `after` for the next page; null at the end. */
  readonly next_after: number | null;
}

/** The bytes of tensors at which a page ends. As text they are several times as long. */
const PAGE_BYTES = 4 * 2 ** 20;

/**
 * The kept steps after step `after`, in order, at one moment.
 * @throws {Problem} not-found, session-expired; conflict if the session keeps changing
 */
export async function listKeptSteps(
  store: Pick<Store, 'get' | 'list'>,
  id: string,
  { after = 0, limit }: { readonly after?: number; readonly limit: number },
  now: number,
): Promise<KeptPage> {
  for (let reads = 0; reads < READS; reads++) {
    const { record } = await readSession(store, id, now);
    // The oldest entry is only the start of the step after it.
    const from = Math.max(after, oldestStep(record));
    if (from >= record.step) return { items: [], next_after: null };
    const count = Math.min(limit, record.step - from);
    const entries = await store.list(stepsPrefix(id), stepKey(id, from), count);
    // Steps deleted since then are missing, and steps added since then do not belong to that moment.
    const items = entries.map(({ bytes }) => decodeKept(bytes)).filter(({ step }) => step <= record.step);
    const steady = items.length === count && items.every((kept) => isOf(record, kept));
    if (steady) return pageOf(items, record.step);
  }
  throw changing(id);
}

function pageOf(items: readonly KeptStep[], newest: number): KeptPage {
  let bytes = 0;
  const count = items.findIndex(({ states, output }) => {
    bytes += [...states, ...(output ? [output] : [])].reduce((sum, { data }) => sum + data.byteLength, 0);
    return bytes > PAGE_BYTES;
  });
  const shown = count < 0 ? items : items.slice(0, Math.max(1, count));
  const last = shown[shown.length - 1].step;
  return { items: shown, next_after: last < newest ? last : null };
}
