import type { Bytes } from '../../domain/bytes.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Store } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { counted } from '../../domain/words.ts';
import { HOUR, noteDue } from '../expiry/due.ts';
import { keptListKey, thingsPrefix } from '../keys.ts';
import type { Ports } from '../ports.ts';
import type { Decide, Decision } from './decision.ts';
import { findOutcome, type Kept, keepWrites, letGoOfKept, readKept } from './kept-outcomes.ts';
import { sizeOf } from './outcome.ts';

/** Turns the answer of a door into bytes, and back into the answer to a repetition. Only the door knows the format. */
export interface OutcomeCodec<R> {
  /** What is long may be made in turns, or when it is written; then the answer must stay as it is. */
  encode(answer: R): Bytes | Promise<Bytes>;
  replay(bytes: Uint8Array): R;
}

/** A request that its client may repeat. It is carried out once. */
export interface Repeatable<R> {
  readonly idempotencyKey: string;
  /**
   * Digest of the door and the whole request. A key belongs to one fingerprint. Doors with different answers have different
   * fingerprints, so no door replays the answer of another.
   */
  readonly fingerprint: string;
  readonly codec: OutcomeCodec<R>;
}

/** Outcomes stay this much longer than needed, so that few commits can remove many. */
const LATE_MS = HOUR / 6;

/**
 * A decision that replays the kept outcome of an earlier request with the key. Without such an outcome it is the given
 * decision, and its outcome is kept in the same commit.
 * @throws {Problem} idempotency-key-reused; too-many-keys if there is no room for another outcome and none may be removed yet
 */
export function decideOnce<R>(
  context: Pick<Ports, 'store' | 'clock' | 'limits'>,
  owner: string,
  request: Repeatable<R>,
  decide: Decide<R>,
): Decide<R> {
  const { store, clock, limits } = context;
  return async () => {
    const now = clock();
    const kept = await readKept(store, owner);
    const replay = await decideReplay(store, owner, kept, request);
    if (replay) return replay;
    if (isLate(kept, now)) {
      await letGoOfKept(store, owner, now);
      return undefined;
    }
    const decision = await decide().catch((refusal: unknown) => refuse(store, owner, kept, refusal));
    if (!decision) return undefined;
    const keeping = await withOutcome(context, owner, kept, request, decision);
    if (keeping) return keeping.decision;
    if (kept.oldest > now) throw tooManyKeys(owner, kept, now, limits);
    await letGoOfKept(store, owner, now);
    return undefined;
  };
}

/**
 * Adds the writes that keep the outcome of a decision, and tells what the owner keeps after them. Returns undefined if the outcome has
 * no room.
 */
export async function withOutcome<R>(
  { store, clock, limits }: Pick<Ports, 'store' | 'clock' | 'limits'>,
  owner: string,
  before: Kept,
  { idempotencyKey, fingerprint, codec }: Repeatable<R>,
  decision: Decision<R>,
): Promise<{ readonly decision: Decision<R>; readonly kept: Kept } | undefined> {
  const encoded = codec.encode(decision.result);
  const outcome = { fingerprint, answer: encoded instanceof Promise ? await encoded : encoded };
  if (before.bytes + sizeOf(outcome) > limits.maxKeyBytes) return undefined;
  const until = clock() + limits.keyHours * HOUR;
  const { writes, kept } = keepWrites(owner, before, idempotencyKey, outcome, until);
  // The sweep looks at every session, but at other things only if they have outcomes.
  if (before.revision === null && !owner.startsWith(thingsPrefix('session'))) {
    await noteDue(store, until, { kind: 'keys', owner });
  }
  return { decision: { ...decision, writes: [...decision.writes, ...writes] }, kept };
}

/** Whether what an owner keeps must be looked through before more is kept: the time of some may be over. */
export function isLate({ oldest }: Kept, now: number): boolean {
  return oldest <= now - LATE_MS;
}

/**
 * Replays a kept outcome, and confirms it with a commit of checks: the first commit may have been made and still failed, for
 * example because too few replicas of the store had it.
 */
async function decideReplay<R>(
  store: Pick<Store, 'get'>,
  owner: string,
  kept: Kept,
  { idempotencyKey, fingerprint, codec }: Repeatable<R>,
): Promise<Decision<R> | undefined> {
  const outcome = kept.revision === null ? undefined : await findOutcome(store, owner, kept, idempotencyKey);
  if (!outcome) return undefined;
  if (outcome.fingerprint !== fingerprint) throw keyReused(idempotencyKey);
  return { writes: [{ key: keptListKey(owner), expect: kept.revision }], result: codec.replay(outcome.answer) };
}

/**
 * Another process may just have carried out the same request, which can cause the refusal. If other outcomes are kept by
 * now, returns undefined, to decide again and find the kept outcome. Otherwise the refusal stands.
 */
async function refuse(store: Pick<Store, 'get'>, owner: string, kept: Kept, refusal: unknown): Promise<undefined> {
  if ((await readKept(store, owner)).revision !== kept.revision) return undefined;
  throw refusal;
}

export function keyReused(idempotencyKey: string): Problem {
  const detail = `Idempotency key '${idempotencyKey}' was first used for another request. Make a new key for a new request.`;
  return new Problem('idempotency-key-reused', detail);
}

/** Refuses instead of removing an outcome too early: its request could be repeated and would be carried out twice. */
function tooManyKeys(owner: string, { count, bytes, oldest }: Kept, now: number, { maxKeyBytes }: Limits): Problem {
  const [kind, id] = owner.split('/');
  const limit = `the limit of ${maxKeyBytes} bytes a thing (CELLSTEP_MAX_KEY_BYTES)`;
  if (count === 0) {
    return new Problem('too-many-keys', `The answer alone is over ${limit}. Send the request without a key.`);
  }
  const detail =
    `The ${kind} '${id}' keeps the answers of ${counted(count, 'request')} with an idempotency key, ${bytes} bytes; ` +
    `one more is over ${limit}. Send the request without a key, or after ${new Date(oldest).toISOString()}, when the first of them goes.`;
  return new Problem('too-many-keys', detail, { retryAfterSeconds: Math.max(1, Math.ceil((oldest - now) / 1000)) });
}
