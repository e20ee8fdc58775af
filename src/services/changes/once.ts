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

/** Turns what a door answered into bytes, and those into the answer to a repetition. What they hold is the door's own. */
export interface OutcomeCodec<R> {
  encode(answer: R): Uint8Array;
  replay(bytes: Uint8Array): R;
}

/** A request that its client may repeat: it is carried out once. */
export interface Repeatable<R> {
  readonly idempotencyKey: string;
  /**
   * Digest of the door and of all that was asked. A key belongs to one of these: doors whose answers differ have
   * fingerprints that differ, so that no door replays what another one has kept.
   */
  readonly fingerprint: string;
  readonly codec: OutcomeCodec<R>;
}

/** Outcomes stay for so long after their time, so that few commits let go of many. */
const LATE_MS = HOUR / 6;

/**
 * The decision that replays the outcome which an earlier request with the key had on the owner. Where there is none, it is
 * the given one, and its outcome is kept in the same commit.
 * @throws {Problem} idempotency-key-reused; too-many-keys where no outcome may go yet and there is no room for another
 */
export function decideOnce<R>(
  context: Pick<Ports, 'store' | 'clock' | 'limits'>,
  owner: string,
  request: Repeatable<R>,
  decide: Decide<R>,
): Decide<R> {
  const { store, clock, limits } = context;
  const { idempotencyKey, fingerprint, codec } = request;
  return async () => {
    const now = clock();
    const kept = await readKept(store, owner);
    const replay = await decideReplay(store, owner, kept, request);
    if (replay) return replay;
    if (kept.oldest <= now - LATE_MS) {
      await letGoOfKept(store, owner, now);
      return undefined;
    }
    const decision = await decide().catch((refusal: unknown) => refuse(store, owner, kept, refusal));
    if (!decision) return undefined;
    const outcome = { fingerprint, answer: codec.encode(decision.result) };
    if (kept.bytes + sizeOf(outcome) > limits.maxKeyBytes) {
      if (kept.oldest > now) throw tooManyKeys(owner, kept, now, limits);
      await letGoOfKept(store, owner, now);
      return undefined;
    }
    const until = now + limits.keyHours * HOUR;
    const writes = keepWrites(owner, kept, idempotencyKey, outcome, until);
    // A session is looked at in any case; anything else only where it has outcomes.
    if (kept.revision === null && !owner.startsWith(thingsPrefix('session'))) {
      await noteDue(store, until, { kind: 'keys', owner });
    }
    return { ...decision, writes: [...decision.writes, ...writes] };
  };
}

/**
 * The outcome that is kept. It is confirmed by a commit of checks: the first commit may have failed after it was made, as
 * one does that too few replicas of the store have.
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
 * A refusal may be for what the same request has done by another process just now, which its kept outcome answers then:
 * undefined, to decide again, where other outcomes are kept by now; else the refusal stands.
 */
async function refuse(store: Pick<Store, 'get'>, owner: string, kept: Kept, refusal: unknown): Promise<undefined> {
  if ((await readKept(store, owner)).revision !== kept.revision) return undefined;
  throw refusal;
}

export function keyReused(idempotencyKey: string): Problem {
  const detail = `Idempotency key '${idempotencyKey}' was first used for another request. Make a new key for a new request.`;
  return new Problem('idempotency-key-reused', detail);
}

/** An outcome that may not go yet must not: its request could be repeated, and would be carried out twice. */
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
