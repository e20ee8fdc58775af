import { splat } from './vector';

/** What normalizeRows divides by: the standard deviation of what is left of the mean, the root mean square, or the norm. */
const DEVIATION: i32 = 0;
const NORM: i32 = 2;
const MOST_INVERSE: f64 = 1e12;

/** x = (x - mean)·scale + shift, element by element, for `rows` rows of `bytes`, in place. */
export function scaleRows(x: usize, mean: usize, scale: usize, shift: usize, bytes: usize, rows: i32): void {
  for (; rows > 0; rows--) {
    for (let u: usize = 0; u < bytes; u += 16, x += 16) {
      const centred = v128.sub<Real>(v128.load(x), v128.load(mean + u));
      v128.store(x, v128.add<Real>(v128.mul<Real>(centred, v128.load(scale + u)), v128.load(shift + u)));
    }
  }
}

/** The lanes of v, or their squares, added to two sums of float64. */
// @ts-ignore: decorator
@inline
function addWide(sum: v128, v: v128, squared: bool): v128 {
  if (sizeof<Real>() == 8) return f64x2.add(sum, squared ? f64x2.mul(v, v) : v);
  const low = f64x2.promote_low_f32x4(v);
  const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  if (!squared) return f64x2.add(f64x2.add(sum, low), high);
  return f64x2.add(f64x2.add(sum, f64x2.mul(low, low)), f64x2.mul(high, high));
}

/** Of a row of `bytes`, filled up with zeros. */
function sumOf(x: usize, bytes: usize, squared: bool): f64 {
  let sum = f64x2.splat(0);
  for (const end = x + bytes; x < end; x += 16) sum = addWide(sum, v128.load(x), squared);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/**
 * x = x̂·scale + shift for `rows` rows of n numbers, filled up to `bytes` with zeros, in place. x̂ is x, of DEVIATION without
 * its mean, over what the mode says. Sums are of float64, in one order, so that a row's bits depend on no other.
 */
export function normalizeRows(
  mode: i32,
  x: usize,
  scale: usize,
  shift: usize,
  n: i32,
  bytes: usize,
  epsilon: f64,
  rows: i32,
): void {
  for (; rows > 0; rows--, x += bytes) {
    if (mode == DEVIATION) {
      const mean = splat(sumOf(x, bytes, false) / <f64>n);
      for (let u: usize = 0; u < bytes; u += 16) v128.store(x + u, v128.sub<Real>(v128.load(x + u), mean));
      memory.fill(x + <usize>n * sizeof<Real>(), 0, bytes - <usize>n * sizeof<Real>());
    }
    const squares = sumOf(x, bytes, true);
    const inverse = mode == NORM ? min(1 / sqrt(squares), MOST_INVERSE) : 1 / sqrt(squares / <f64>n + epsilon);
    const by = splat(inverse);
    for (let u: usize = 0; u < bytes; u += 16) {
      const normal = v128.mul<Real>(v128.load(x + u), by);
      v128.store(x + u, v128.add<Real>(v128.mul<Real>(normal, v128.load(scale + u)), v128.load(shift + u)));
    }
  }
}
