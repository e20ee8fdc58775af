import { Problem } from '../../domain/problems.ts';
import { type Shape, sizeOf, Tensor } from '../../domain/tensor.ts';
import { mt19937 } from './mt19937.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_END = 2n ** 63n;

/**
 * np.random.RandomState(seed).randint(low, high, size): integers from low up to, but not including, high, each as
 * likely, as an int64 tensor. Bit for bit NumPy's (numpy/random/src/distributions: masked rejection).
 * @throws {Problem} invalid-value unless low < high, both are int64 and the seed is in [0, 2^32).
 */
export function randint(low: number | bigint, high: number | bigint, size: Shape, seed: number): Tensor {
  const first = integer(low, 'low');
  const end = integer(high, 'high');
  if (first >= end)
    throw new Problem(
      'invalid-value',
      `'low' is ${low} and 'high' is ${high}. Send low < high; high itself is never drawn.`,
    );
  if (first < INT64_MIN || end > INT64_END) {
    throw new Problem('invalid-value', `[${low}, ${high}) is not within int64. Send low >= -2^63 and high <= 2^63.`);
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new Problem('invalid-value', `'seed' is ${seed}. Send an integer from 0 to 4294967295.`);
  }
  const next = mt19937(seed);
  const range = end - 1n - first;
  const out = new BigInt64Array(sizeOf(size));
  if (range < 2n ** 32n) fillNarrow(out, first, Number(range), next);
  else fillWide(out, first, range, next);
  return new Tensor('int64', size, out);
}

/** Ranges of 32 bits take one word a try. */
function fillNarrow(out: BigInt64Array, first: bigint, range: number, next: () => number): void {
  if (range === 0) {
    out.fill(first);
    return;
  }
  const mask = 0xffffffff >>> Math.clz32(range);
  for (let i = 0; i < out.length; i++) {
    let offset = (next() & mask) >>> 0;
    while (offset > range) offset = (next() & mask) >>> 0;
    out[i] = first + BigInt(offset);
  }
}

/** Wider ranges take two words a try, the high one first. */
function fillWide(out: BigInt64Array, first: bigint, range: bigint, next: () => number): void {
  const mask = 2n ** BigInt(range.toString(2).length) - 1n;
  const word = () => ((BigInt(next()) << 32n) | BigInt(next())) & mask;
  for (let i = 0; i < out.length; i++) {
    let offset = word();
    while (offset > range) offset = word();
    out[i] = first + offset;
  }
}

function integer(value: number | bigint, name: string): bigint {
  if (typeof value === 'bigint') return value;
  if (Number.isInteger(value)) return BigInt(value);
  throw new Problem('invalid-value', `'${name}' is ${value}. Send an integer.`);
}
