/**
 * The digits of float32 values from 2^-16 up to 2^24, several in a vector. In units of 10^k such that a unit in the last place
 * is 1 to 10 of them, one of the two nearest multiples of 1 and 10 is the shortest decimal. Of these values every one is
 * exact in float64 in those units, as 10^-k is at most 10^12 and 24 + 28 bits are enough for the product; and no multiple
 * of 10 lies half way between two of them, so that comparing is exact too. The lower neighbour of a power of two is only half
 * as far, which changes the digits of none.
 */

/** Vector constants in memory: V8 makes one that is written anew wherever it is used, in three instructions. */
const HALF: usize = memory.data<f64>([0.5]);
const TENTH: usize = memory.data<f64>([0.1]);
const TEN: usize = memory.data<f64>([10]);
const TEN_THOUSANDTH: usize = memory.data<f64>([1e-4]);
/** Subtracted from a multiple of 1/10000, it makes rounding to the nearest integer round down. */
const ALMOST_HALF: usize = memory.data<f64>([0.49995]);
/** 3 · 2^51: added to a float64 below 2^51 it rounds it to an integer, which then stands in the low bits of the sum. */
const TO_INTEGER: usize = memory.data<f64>([6755399441055744]);

/** Pairs of 16 bits, for the products of 16-bit lanes. */
const INVERSE_OF_625: usize = memory.data<u32>([26844]);
const INVERSE_OF_100: usize = memory.data<u32>([20971 * 0x10001]);
const INVERSE_OF_10: usize = memory.data<u32>([103 * 0x10001]);
const TEN_THOUSAND: usize = memory.data<u32>([10000]);
const HUNDRED: usize = memory.data<u32>([100 * 0x10001]);
const TENS_TO_DIGITS: usize = memory.data<u32>([2559 * 0x10001]);

/**
 * The shortest decimals of two values (f32, without sign) in units of 10^k, as float64. The scales of each are 10^-k, and
 * half a unit in its last place times 10^-k.
 */
// @ts-ignore: decorator
@inline
export function shortest(values: v128, scalesA: v128, scalesB: v128): v128 {
  const value = f64x2.mul(f64x2.promote_low_f32x4(values), v128.shuffle<i64>(scalesA, scalesB, 0, 2));
  const half = v128.shuffle<i64>(scalesA, scalesB, 1, 3);
  // Of two equally close the greater one.
  const ones = f64x2.floor(f64x2.add(value, v128.load64_splat(HALF)));
  const sum = f64x2.add(f64x2.mul(value, v128.load64_splat(TENTH)), v128.load64_splat(TO_INTEGER));
  const tens = f64x2.mul(f64x2.sub(sum, v128.load64_splat(TO_INTEGER)), v128.load64_splat(TEN));
  return v128.bitselect(tens, ones, f64x2.lt(f64x2.abs(f64x2.sub(tens, value)), half));
}

/** Integers (f64) as the low halves of 64-bit lanes. */
// @ts-ignore: decorator
@inline
export function integers(values: v128): v128 {
  return f64x2.add(values, v128.load64_splat(TO_INTEGER));
}

/** Integers (f64) over 10000, rounded down, likewise. */
// @ts-ignore: decorator
@inline
export function tenThousands(values: v128): v128 {
  return integers(f64x2.sub(f64x2.mul(values, v128.load64_splat(TEN_THOUSANDTH)), v128.load64_splat(ALMOST_HALF)));
}

/** The low halves of four 64-bit lanes. */
// @ts-ignore: decorator
@inline
export function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

/** The first of five digits each (u32): 10000 is 16 · 625. */
// @ts-ignore: decorator
@inline
export function firstOf(high: v128): v128 {
  return i32x4.shr_u(i32x4.dot_i16x8_s(i32x4.shr_u(high, 4), v128.load32_splat(INVERSE_OF_625)), 24);
}

/** The last eight of nine digits each, as two 16-bit lanes below 10000. `high` are the first five, `first` is the first. */
// @ts-ignore: decorator
@inline
export function foursOf(number: v128, high: v128, first: v128): v128 {
  const middle = i32x4.sub(high, i32x4.dot_i16x8_s(first, v128.load32_splat(TEN_THOUSAND)));
  const low = i16x8.sub(number, i16x8.mul(high, v128.load32_splat(TEN_THOUSAND)));
  return v128.or(middle, i32x4.shl(low, 16));
}

/** Numbers below 10000 (u16) over 100, rounded down. */
// @ts-ignore: decorator
@inline
export function hundredsOf(fours: v128): v128 {
  return i16x8.shr_u(i16x8.q15mulr_sat_s(fours, v128.load32_splat(INVERSE_OF_100)), 6);
}

/** What remains of them. */
// @ts-ignore: decorator
@inline
export function restsOf(fours: v128, hundreds: v128): v128 {
  return i16x8.sub(fours, i16x8.mul(hundreds, v128.load32_splat(HUNDRED)));
}

/** Eight numbers below 100 (u16) as sixteen digits: with t tens, n is t + 256(n - 10t) = 256n - 2559t. */
// @ts-ignore: decorator
@inline
export function digitsOfTwos(twos: v128): v128 {
  const tens = i16x8.shr_u(i16x8.mul(twos, v128.load32_splat(INVERSE_OF_10)), 10);
  return i16x8.sub(i16x8.shl(twos, 8), i16x8.mul(tens, v128.load32_splat(TENS_TO_DIGITS)));
}
