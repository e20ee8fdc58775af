import { least, madd, most } from './vector';

/**
 * Constants lie in memory: V8 builds one that is in the code from four instructions each time, and loads one from memory
 * by one.
 */
const TABLE = memory.data<f32>([
  1.44269504088896341, 12582912.0, -0.693359375, 2.12194440e-4, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
  4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0, -104.0, 30.0, 2.0, 0.625, -5.70498872745e-3,
  2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1, -0.0,
]);

const LOG2_E: usize = 0;
const WHOLE: usize = 4;
const LN2_HIGH: usize = 8;
const LN2_LOW: usize = 12;
const EXP_5: usize = 16;
const EXP_4: usize = 20;
const EXP_3: usize = 24;
const EXP_2: usize = 28;
const EXP_1: usize = 32;
const EXP_0: usize = 36;
const ONE: usize = 40;
const EXP_LEAST: usize = 44;
const TANH_MOST: usize = 48;
const TWO: usize = 52;
const TANH_SMALL: usize = 56;
const TANH_4: usize = 60;
const TANH_3: usize = 64;
const TANH_2: usize = 68;
const TANH_1: usize = 72;
const TANH_0: usize = 76;
const SIGN: usize = 80;

// @ts-ignore: decorator
@inline
function constant(at: usize): v128 {
  return v128.load32_splat(TABLE + at);
}

/**
 * e^x for -104 <= x <= 88, subnormal results included: x = n·ln 2 + r, a polynomial of degree 7 in r (the coefficients of
 * Cephes' expf), then 2^n in two factors. NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
function exp(x: v128): v128 {
  // Adding 1.5·2^23 rounds to a whole number, and leaves it in the low bits.
  const shifted = f32x4.add(f32x4.mul(x, constant(LOG2_E)), constant(WHOLE));
  const n = f32x4.sub(shifted, constant(WHOLE));
  const r = madd(n, constant(LN2_LOW), madd(n, constant(LN2_HIGH), x));
  let p = madd(constant(EXP_5), r, constant(EXP_4));
  p = madd(p, r, constant(EXP_3));
  p = madd(p, r, constant(EXP_2));
  p = madd(p, r, constant(EXP_1));
  p = madd(p, r, constant(EXP_0));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), constant(ONE));
  const whole = i32x4.sub(shifted, constant(WHOLE));
  const half = i32x4.shr_s(whole, 1);
  const rest = i32x4.sub(whole, half);
  const one = constant(ONE);
  return f32x4.mul(f32x4.mul(p, i32x4.add(i32x4.shl(half, 23), one)), i32x4.add(i32x4.shl(rest, 23), one));
}

/** 1/(1 + e^-x), as t/(1 + t) for x < 0, t = e^-|x|, which keeps the small results' digits. */
// @ts-ignore: decorator
@inline
export function sigmoid32(x: v128): v128 {
  const one = constant(ONE);
  const t = exp(most(v128.or(x, constant(SIGN)), constant(EXP_LEAST)));
  const above = v128.bitselect(t, one, i32x4.shr_s(x, 31));
  return f32x4.div(above, f32x4.add(one, t));
}

/** tanh: an odd polynomial (Cephes' tanhf) below 0.625, else 1 - 2/(e^2|x| + 1); the sign last, for -0. */
// @ts-ignore: decorator
@inline
export function tanh32(x: v128): v128 {
  const sign = constant(SIGN);
  const size = v128.andnot(x, sign);
  const square = f32x4.mul(x, x);
  let p = madd(constant(TANH_4), square, constant(TANH_3));
  p = madd(p, square, constant(TANH_2));
  p = madd(p, square, constant(TANH_1));
  p = madd(p, square, constant(TANH_0));
  const small = madd(f32x4.mul(p, square), size, size);
  const e = exp(least(f32x4.add(size, size), constant(TANH_MOST)));
  const one = constant(ONE);
  const large = f32x4.sub(one, f32x4.div(constant(TWO), f32x4.add(e, one)));
  const result = v128.bitselect(small, large, f32x4.lt(size, constant(TANH_SMALL)));
  return v128.or(result, v128.and(x, sign));
}
