/**
 * The counter-based generator Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3; 2011) as
 * TensorFlow seeds it (xla/tsl/lib/random/philox_random.h, keras/src/backend/tensorflow/random.py).
 */

/** The four words of a counter, or the start of a stream; 32-bit unsigned. */
export type Words = Uint32Array;

/** Where a seeded draw begins: its key, and the high half of its counter (the low half counts from 0). */
export interface PhiloxStream {
  readonly key: readonly [number, number];
  readonly high: readonly [number, number];
}

// Keras draws seeds below this number, from a SeedGenerator as from an integer (keras/src/random/seed_generator.py).
const SEED_MODULUS = 2147483646;

/** The stream of the n-th draw from an integer seed; a plain integer (no SeedGenerator) always draws with n = 0. */
export function philoxStream(seed: number, n: number): PhiloxStream {
  const rest = seed % SEED_MODULUS;
  const s = rest < 0 ? rest + SEED_MODULUS : rest;
  const words = new Uint32Array(4);
  philoxRounds([s, 0], [n, 0], [0x3ec8f720, 0x02461e29], words);
  return { key: [words[0], words[1]], high: [words[2], words[3]] };
}

/** Writes the four words of a stream at a position from 0 to 2^53. */
export function philoxAt(stream: PhiloxStream, position: number, out: Words): void {
  philoxRounds([position >>> 0, Math.floor(position / 2 ** 32)], stream.high, stream.key, out);
}

function philoxRounds(
  low: readonly [number, number],
  high: readonly [number, number],
  key: readonly [number, number],
  out: Words,
): void {
  let c0 = low[0];
  let c1 = low[1];
  let c2 = high[0];
  let c3 = high[1];
  let k0 = key[0];
  let k1 = key[1];
  for (let round = 0; round < 10; round++) {
    const pHigh = multiplyHigh(0xd2511f53, c0);
    const pLow = Math.imul(0xd2511f53, c0);
    const qHigh = multiplyHigh(0xcd9e8d57, c2);
    const qLow = Math.imul(0xcd9e8d57, c2);
    c0 = (qHigh ^ c1 ^ k0) >>> 0;
    c1 = qLow >>> 0;
    c2 = (pHigh ^ c3 ^ k1) >>> 0;
    c3 = pLow >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The high 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (other >>> 16);
}
