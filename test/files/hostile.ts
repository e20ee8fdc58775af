import { expect } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import { SEED } from '../support/seed.ts';

/** What a reader may do with bytes that are not as they should be: give a value, or refuse them. Nothing else. */
export async function outcomeOf(read: () => unknown): Promise<'read' | 'refused'> {
  try {
    await read();
    return 'read';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // A thread that a busy machine gives no time says `overloaded`.
    expect(['invalid-file', 'limit-exceeded', 'overloaded']).toContain(error.code);
    expect(error.message).toMatch(/^.{20,600}$/s);
    return 'refused';
  }
}

export async function refusal(read: () => unknown): Promise<string> {
  const error = await Promise.resolve()
    .then(read)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(Problem);
  return error instanceof Problem ? `${error.code}: ${error.message}` : '';
}

/** mulberry32: a seeded sequence of [0, 1), so that a failing fuzz case can be had again from the printed seed. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every cut of a small file; of a larger one the first and last 200 and 400 evenly between. */
export function truncations(bytes: Uint8Array): Uint8Array[] {
  const { length } = bytes;
  const step = Math.max(1, Math.floor(length / 400));
  return Array.from({ length }, (_, at) => at)
    .filter((at) => at < 200 || at >= length - 200 || at % step === 0)
    .map((at) => new Uint8Array(bytes.subarray(0, at)));
}

/** One to eight flipped bits, or a run of bytes overwritten with 0x00, 0xff or noise. */
export function damaged(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = new Uint8Array(bytes);
  const anywhere = () => Math.floor(random() * copy.length);
  if (random() < 0.7) {
    for (let flips = 1 + Math.floor(random() * 8); flips > 0; flips--)
      copy[anywhere()] ^= 1 << Math.floor(random() * 8);
  } else {
    const fill = [() => 0, () => 0xff, () => Math.floor(random() * 256)][Math.floor(random() * 3)];
    const start = anywhere();
    for (let at = start; at < Math.min(copy.length, start + 1 + Math.floor(random() * 12)); at++) copy[at] = fill();
  }
  return copy;
}

/** Reads `rounds` damaged copies; the seed is printed with the case that breaks the rule. */
export async function fuzz(bytes: Uint8Array, rounds: number, read: (bytes: Uint8Array) => unknown): Promise<void> {
  const random = randomFrom(SEED);
  for (let round = 0; round < rounds; round++) {
    const file = damaged(bytes, random);
    try {
      await outcomeOf(() => read(file));
    } catch (error) {
      throw new Error(`SEED=${SEED}, round ${round}: ${error instanceof Error ? error.stack : error}`, {
        cause: error,
      });
    }
  }
}
