/** Random choices that a seed repeats. */
export interface Random {
  /** From [0, 1). */
  next(): number;
  /** A whole number from [low, high]. */
  integer(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Choices of their own, so that what one part draws does not depend on how often another one did. */
  fork(): Random;
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (list) => list[integer(0, list.length - 1)],
    fork: () => createRandom(Math.floor(next() * 2 ** 32)),
  };
}

/** The seed to use: SEED from the environment, or a fresh one; printed, so that a failure can be repeated. */
export function chooseSeed(given = process.env.SEED): number {
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  if (!Number.isInteger(seed)) throw new Error(`SEED '${given}' is not a whole number`);
  console.log(`SEED=${seed}`);
  return seed;
}
