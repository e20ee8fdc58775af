/**
 * Prints lists of float32 values, four at a time: the digits in vectors, by the float64 arithmetic of float32-text.ts, and
 * each text by one shuffle that its binade knows. Values that this does not decide, or that are not written plainly, are
 * left to float32-text.ts.
 */
import { printFloat32 } from './float32-text';

/**
 * For each biased exponent, 128 bytes filled by the host: 10^-k (f64), half a unit in the last place times 10^-k (f64), the
 * bits from which values have one more digit before the point (u32); then the layout below and from there. A layout is the
 * shuffle of a text and, by the number of zeros that its last eight digits end in, the length of the text (9 bytes).
 */
export const BINADES: usize = memory.data(256 * 128, 16);
const LAYOUTS: usize = 32;
const LENGTHS: usize = 16;

/** Of four values: their texts before the shuffle, and their last eight digits as bytes 0 to 9. */
const TEXTS: usize = memory.data(4 * 16, 16);
const DIGITS: usize = memory.data(4 * 8, 16);

/** Added to a float64 of less than 2^51 it rounds it to an integer, which then stands in the low bits of the sum. */
const TO_INTEGER: f64 = 6755399441055744;
/** Bits of the least value, 2^-16, that is written plainly, and how far the others reach, up to 2^24; zero is plain too. */
const LEAST_PLAIN: i32 = 111 << 23;
const PLAIN_RANGE: i32 = ((151 - 111) << 23) - 0x80000000;

// @ts-ignore: decorator
@inline
function binadeOf(bits: u32): usize {
  return BINADES + <usize>((bits >> 16) & 0x7f80);
}

/** The low halves of four 64-bit lanes. */
// @ts-ignore: decorator
@inline
function lows(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function nearest(values: v128): v128 {
  return f64x2.sub(f64x2.add(values, f64x2.splat(TO_INTEGER)), f64x2.splat(TO_INTEGER));
}

/** Integers below 2^52, as 64-bit lanes of which the low halves count. */
// @ts-ignore: decorator
@inline
function integers(values: v128): v128 {
  return f64x2.add(values, f64x2.splat(TO_INTEGER));
}

/** Floor of integers over 10000, likewise. */
// @ts-ignore: decorator
@inline
function tenThousands(values: v128): v128 {
  return integers(f64x2.sub(f64x2.mul(values, f64x2.splat(1e-4)), f64x2.splat(0.49995)));
}

/** Eight numbers below 100 as sixteen digits. */
// @ts-ignore: decorator
@inline
function digitsOfTwos(twos: v128): v128 {
  const tens = i16x8.shr_u(i16x8.mul(twos, i16x8.splat(103)), 10);
  return i16x8.sub(i16x8.shl(twos, 8), i16x8.mul(tens, i16x8.splat(2559)));
}

/** Writes a value of which the text before the shuffle and the last eight digits are known; returns where it ends. */
// @ts-ignore: decorator
@inline
function layOut(bits: u32, binade: usize, text: v128, digits: u64, out: usize): usize {
  const layout = binade + LAYOUTS + (usize((bits & 0x7fffffff) >= load<u32>(binade, 16)) << 5);
  store<u8>(out, 0x2d);
  out += <usize>(bits >> 31);
  v128.store(out, i8x16.swizzle(text, v128.load(layout)));
  return out + load<u8>(layout + <usize>(clz(digits) >> 3), LENGTHS);
}

/**
 * Prints float32 values at `source` as nested JSON arrays at `out`; returns where the text ends. `shape` are `rank` ≥ 1
 * extents (u32), none of them 0.
 */
export function printNested(source: usize, shape: usize, rank: i32, out: usize): usize {
  const width = <i32>load<u32>(shape + ((<usize>(rank - 1)) << 2));
  let count: i32 = width;
  for (let axis = 0; axis < rank - 1; axis++) count *= <i32>load<u32>(shape + ((<usize>axis) << 2));
  const end = source + ((<usize>count) << 2);
  for (let axis = 0; axis < rank; axis++) store<u8>(out++, 0x5b);
  let row: i32 = 0;
  /** How many values this row still lacks. */
  let left = width;
  for (let at = source; at < end; at += 16) {
    // Beyond the end it is as plain as anything.
    const bits = v128.load(at);
    const a = load<u32>(at);
    const b = load<u32>(at, 4);
    const c = load<u32>(at, 8);
    const d = load<u32>(at, 12);
    const binadeA = binadeOf(a);
    const binadeB = binadeOf(b);
    const binadeC = binadeOf(c);
    const binadeD = binadeOf(d);
    const sizes = v128.and(bits, i32x4.splat(0x7fffffff));

    // In these binades float64 has no rounding errors that matter: see BINADES.
    let plain = i32x4.bitmask(i32x4.lt_s(i32x4.sub(sizes, i32x4.splat(LEAST_PLAIN - 0x80000000)), i32x4.splat(PLAIN_RANGE)));
    if (plain != 15) plain |= i32x4.bitmask(i32x4.eq(sizes, i32x4.splat(0)));
    const scalesA = v128.load(binadeA);
    const scalesB = v128.load(binadeB);
    const scalesC = v128.load(binadeC);
    const scalesD = v128.load(binadeD);
    const scaleAB = v128.shuffle<i64>(scalesA, scalesB, 0, 2);
    const scaleCD = v128.shuffle<i64>(scalesC, scalesD, 0, 2);
    const halfAB = v128.shuffle<i64>(scalesA, scalesB, 1, 3);
    const halfCD = v128.shuffle<i64>(scalesC, scalesD, 1, 3);
    const valueAB = f64x2.mul(f64x2.promote_low_f32x4(sizes), scaleAB);
    const valueCD = f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<i64>(sizes, sizes, 1, 1)), scaleCD);
    const onesAB = f64x2.floor(f64x2.add(valueAB, f64x2.splat(0.5)));
    const onesCD = f64x2.floor(f64x2.add(valueCD, f64x2.splat(0.5)));
    const tensAB = f64x2.mul(nearest(f64x2.mul(valueAB, f64x2.splat(0.1))), f64x2.splat(10));
    const tensCD = f64x2.mul(nearest(f64x2.mul(valueCD, f64x2.splat(0.1))), f64x2.splat(10));
    const gapAB = f64x2.abs(f64x2.sub(tensAB, valueAB));
    const gapCD = f64x2.abs(f64x2.sub(tensCD, valueCD));
    const numberAB = v128.bitselect(tensAB, onesAB, f64x2.lt(gapAB, halfAB));
    const numberCD = v128.bitselect(tensCD, onesCD, f64x2.lt(gapCD, halfCD));

    // Nine digits as 1, 4 and 4.
    const number = lows(integers(numberAB), integers(numberCD));
    const high = lows(tenThousands(numberAB), tenThousands(numberCD));
    const first = i32x4.shr_u(i32x4.dot_i16x8_s(i32x4.shr_u(high, 4), i32x4.splat(26844)), 24);
    const middle = i32x4.sub(high, i32x4.dot_i16x8_s(first, i32x4.splat(10000)));
    const low = i16x8.sub(number, i16x8.mul(high, i16x8.splat(10000)));
    const fours = v128.or(middle, i32x4.shl(low, 16));
    const hundreds = i16x8.shr_u(i16x8.q15mulr_sat_s(fours, i16x8.splat(20971)), 6);
    const rest = i16x8.sub(fours, i16x8.mul(hundreds, i16x8.splat(100)));
    const digitsAB = digitsOfTwos(v128.shuffle<i16>(hundreds, rest, 0, 8, 1, 9, 2, 10, 3, 11));
    const digitsCD = digitsOfTwos(v128.shuffle<i16>(hundreds, rest, 4, 12, 5, 13, 6, 14, 7, 15));

    // The eight digits, then the first one, '0' and '.'.
    const others = v128.or(first, i32x4.splat(0x2e3030));
    const charsAB = v128.or(digitsAB, i8x16.splat(0x30));
    const charsCD = v128.or(digitsCD, i8x16.splat(0x30));
    const textA = v128.shuffle<i32>(charsAB, others, 0, 1, 4, 4);
    const textB = v128.shuffle<i32>(charsAB, others, 2, 3, 5, 5);
    const textC = v128.shuffle<i32>(charsCD, others, 0, 1, 6, 6);
    const textD = v128.shuffle<i32>(charsCD, others, 2, 3, 7, 7);

    if (plain == 15 && left >= 4) {
      out = layOut(a, binadeA, textA, i64x2.extract_lane(digitsAB, 0), out);
      store<u8>(out, 0x2c);
      out = layOut(b, binadeB, textB, i64x2.extract_lane(digitsAB, 1), out + 1);
      store<u8>(out, 0x2c);
      out = layOut(c, binadeC, textC, i64x2.extract_lane(digitsCD, 0), out + 1);
      store<u8>(out, 0x2c);
      out = layOut(d, binadeD, textD, i64x2.extract_lane(digitsCD, 1), out + 1);
      left -= 4;
      if (left > 0) store<u8>(out++, 0x2c);
      else if (at + 16 < end) {
        out = nextRow(++row, shape, rank, out);
        left = width;
      }
      continue;
    }
    v128.store(TEXTS, textA);
    v128.store(TEXTS, textB, 16);
    v128.store(TEXTS, textC, 32);
    v128.store(TEXTS, textD, 48);
    v128.store(DIGITS, digitsAB);
    v128.store(DIGITS, digitsCD, 16);
    for (let lane: usize = 0; lane < 4; lane++) {
      const each = at + (lane << 2);
      const its = load<u32>(each);
      if ((plain >> <i32>lane) & 1) {
        out = layOut(its, binadeOf(its), v128.load(TEXTS + (lane << 4)), load<u64>(DIGITS + (lane << 3)), out);
      } else out = printFloat32(its, out);
      if (each + 4 == end) break;
      if (--left > 0) store<u8>(out++, 0x2c);
      else {
        out = nextRow(++row, shape, rank, out);
        left = width;
      }
    }
  }
  for (let axis = 0; axis < rank; axis++) store<u8>(out++, 0x5d);
  return out;
}

/** Closes the arrays that end before a row, and opens those that begin with it. */
function nextRow(row: i32, shape: usize, rank: i32, out: usize): usize {
  let open = 1;
  for (let axis = rank - 2; axis > 0; axis--) {
    const extent = <i32>load<u32>(shape + ((<usize>axis) << 2));
    if (row % extent != 0) break;
    row /= extent;
    open++;
  }
  for (let i = 0; i < open; i++) store<u8>(out++, 0x5d);
  store<u8>(out++, 0x2c);
  for (let i = 0; i < open; i++) store<u8>(out++, 0x5b);
  return out;
}
