import { least, madd, most } from './vector';

/**
 * e^x for -104 <= x <= 88, subnormal results included: x = n·ln 2 + r, a polynomial of degree 7 in r (the coefficients of
 * Cephes' expf), then 2^n in two factors. NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
function exp(x: v128): v128 {
  // Adding 1.5·2^23 rounds to a whole number, and leaves it in the low bits.
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504088896341)), f32x4.splat(12582912.0));
  const n = f32x4.sub(shifted, f32x4.splat(12582912.0));
  const whole = i32x4.sub(shifted, i32x4.splat(0x4b400000));
  const r = madd(n, f32x4.splat(2.12194440e-4), madd(n, f32x4.splat(-0.693359375), x));
  let p = madd(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1.0));
  const half = i32x4.shr_s(whole, 1);
  const one = i32x4.splat(0x3f800000);
  const first = i32x4.add(i32x4.shl(half, 23), one);
  const second = i32x4.add(i32x4.shl(i32x4.sub(whole, half), 23), one);
  return f32x4.mul(f32x4.mul(p, first), second);
}

/** 1/(1 + e^-x), as t/(1 + t) for x < 0, t = e^-|x|, which keeps the small results' digits. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1.0);
  const t = exp(most(f32x4.neg(f32x4.abs(x)), f32x4.splat(-104.0)));
  const above = v128.bitselect(t, one, i32x4.shr_s(x, 31));
  return f32x4.div(above, f32x4.add(one, t));
}

/** tanh: an odd polynomial (Cephes' tanhf) below 0.625, else 1 - 2/(e^2|x| + 1); the sign last, for -0. */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let p = madd(f32x4.splat(-5.70498872745e-3), square, f32x4.splat(2.06390887954e-2));
  p = madd(p, square, f32x4.splat(-5.37397155531e-2));
  p = madd(p, square, f32x4.splat(1.33314422036e-1));
  p = madd(p, square, f32x4.splat(-3.33332819422e-1));
  const small = madd(f32x4.mul(p, square), size, size);
  const e = exp(least(f32x4.add(size, size), f32x4.splat(30.0)));
  const one = f32x4.splat(1.0);
  const large = f32x4.sub(one, f32x4.div(f32x4.splat(2.0), f32x4.add(e, one)));
  const result = v128.bitselect(small, large, f32x4.lt(size, f32x4.splat(0.625)));
  return v128.or(result, v128.and(x, i32x4.splat(0x80000000)));
}

export function sigmoids(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 2);
  for (; from < end; from += 16, to += 16) v128.store(to, sigmoid(v128.load(from)));
}

export function tanhs(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>count << 2);
  for (; from < end; from += 16, to += 16) v128.store(to, tanh(v128.load(from)));
}
