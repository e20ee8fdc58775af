import { least, most } from './vector';

/**
 * The same arithmetic, operation for operation, as src/cells/activations/exponential.ts: the results have the same bits. Constants lie in
 * memory, as in activations32.ts.
 */
const TABLE = memory.data<f64>([
  1.4426950408889634, 6755399441055744.0, 0.6931471803691238, 1.9082149292705877e-10, 4.1381367970572385e-8,
  -1.6533902205465252e-6, 6.613756321437934e-5, -2.7777777777015593e-3, 0.16666666666666602, 1.0, 2.0, -750.0, 60.0, 0.625,
  -0.9643991794250523, -99.28772310019185, -1614.6876844170845, 112.81167849163293, 2235.4883906010045, 4844.063053251255,
  -0.0,
]);

const LOG2_E: usize = 0;
const WHOLE: usize = 8;
const LN2_HIGH: usize = 16;
const LN2_LOW: usize = 24;
const EXP_5: usize = 32;
const EXP_4: usize = 40;
const EXP_3: usize = 48;
const EXP_2: usize = 56;
const EXP_1: usize = 64;
const ONE: usize = 72;
const TWO: usize = 80;
const EXP_LEAST: usize = 88;
const TANH_MOST: usize = 96;
const TANH_SMALL: usize = 104;
const TANH_P2: usize = 112;
const TANH_P1: usize = 120;
const TANH_P0: usize = 128;
const TANH_Q2: usize = 136;
const TANH_Q1: usize = 144;
const TANH_Q0: usize = 152;
const SIGN: usize = 160;

// @ts-ignore: decorator
@inline
function constant(at: usize): v128 {
  return v128.load64_splat(TABLE + at);
}

// @ts-ignore: decorator
@inline
function multiplyAdd(a: v128, b: v128, sum: v128): v128 {
  return f64x2.add(f64x2.mul(a, b), sum);
}

/** e^x for -750 <= x <= 709. */
// @ts-ignore: decorator
@inline
function exp(x: v128): v128 {
  const shifted = f64x2.add(f64x2.mul(x, constant(LOG2_E)), constant(WHOLE));
  const n = f64x2.sub(shifted, constant(WHOLE));
  const high = f64x2.sub(x, f64x2.mul(n, constant(LN2_HIGH)));
  const low = f64x2.mul(n, constant(LN2_LOW));
  const r = f64x2.sub(high, low);
  const square = f64x2.mul(r, r);
  let p = multiplyAdd(square, constant(EXP_5), constant(EXP_4));
  p = multiplyAdd(square, p, constant(EXP_3));
  p = multiplyAdd(square, p, constant(EXP_2));
  p = multiplyAdd(square, p, constant(EXP_1));
  const c = f64x2.sub(r, f64x2.mul(square, p));
  const quotient = f64x2.div(f64x2.mul(r, c), f64x2.sub(constant(TWO), c));
  const y = f64x2.sub(constant(ONE), f64x2.sub(f64x2.sub(low, quotient), high));
  const whole = i64x2.sub(shifted, constant(WHOLE));
  const half = i64x2.shr_s(whole, 1);
  const rest = i64x2.sub(whole, half);
  const one = constant(ONE);
  return f64x2.mul(f64x2.mul(y, i64x2.add(i64x2.shl(half, 52), one)), i64x2.add(i64x2.shl(rest, 52), one));
}

// @ts-ignore: decorator
@inline
export function sigmoid64(x: v128): v128 {
  const one = constant(ONE);
  const t = exp(most(v128.or(x, constant(SIGN)), constant(EXP_LEAST)));
  const above = v128.bitselect(t, one, i64x2.shr_s(x, 63));
  return f64x2.div(above, f64x2.add(one, t));
}

// @ts-ignore: decorator
@inline
export function tanh64(x: v128): v128 {
  const sign = constant(SIGN);
  const size = v128.andnot(x, sign);
  const square = f64x2.mul(size, size);
  const p = multiplyAdd(multiplyAdd(constant(TANH_P2), square, constant(TANH_P1)), square, constant(TANH_P0));
  const q = multiplyAdd(
    multiplyAdd(f64x2.add(square, constant(TANH_Q2)), square, constant(TANH_Q1)),
    square,
    constant(TANH_Q0),
  );
  const small = f64x2.add(size, f64x2.mul(f64x2.mul(size, square), f64x2.div(p, q)));
  const one = constant(ONE);
  const e = exp(least(f64x2.add(size, size), constant(TANH_MOST)));
  const large = f64x2.sub(one, f64x2.div(constant(TWO), f64x2.add(e, one)));
  const result = v128.bitselect(small, large, f64x2.lt(size, constant(TANH_SMALL)));
  return v128.or(result, v128.and(x, sign));
}
