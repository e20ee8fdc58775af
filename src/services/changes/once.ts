import type { Store } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { noteDue } from '../expiry/due.ts';
import { keptListKey, thingsPrefix } from '../keys.ts';
import type { Ports } from '../ports.ts';
import type { Decide, Decision } from './decision.ts';
import { KEPT_MS, type Kept, keepWrites, readKept, readOutcome } from './kept-outcomes.ts';

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

/**
 * The decision that replays the outcome which an earlier request with the key had on the owner. Where there is none, it is
 * the given one, and its outcome is kept in the same commit.
 * @throws {Problem} idempotency-key-reused
 */
export function decideOnce<R>(
  context: Pick<Ports, 'store' | 'clock'>,
  owner: string,
  request: Repeatable<R>,
  decide: Decide<R>,
): Decide<R> {
  const { store, clock } = context;
  const { idempotencyKey, fingerprint, codec } = request;
  return async () => {
    const kept = await readKept(store, owner);
    const replay = await decideReplay(store, owner, kept, request);
    if (replay) return replay;
    const decision = await decide().catch((refusal: unknown) => refuse(store, owner, kept, refusal));
    if (!decision) return undefined;
    const entry = { key: idempotencyKey, fingerprint, at: clock() };
    const writes = keepWrites(owner, kept, entry, codec.encode(decision.result));
    // A session is looked at in any case; anything else only where it has outcomes.
    if (kept.revision === null && !owner.startsWith(thingsPrefix('session'))) {
      await noteDue(store, clock() + KEPT_MS, { kind: 'keys', owner });
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
  { entries, revision }: Kept,
  { idempotencyKey, fingerprint, codec }: Repeatable<R>,
): Promise<Decision<R> | undefined> {
  const entry = entries.find(({ key }) => key === idempotencyKey);
  if (!entry) return undefined;
  if (entry.fingerprint !== fingerprint) throw keyReused(idempotencyKey);
  const bytes = await readOutcome(store, owner, idempotencyKey);
  return bytes && { writes: [{ key: keptListKey(owner), expect: revision }], result: codec.replay(bytes) };
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
