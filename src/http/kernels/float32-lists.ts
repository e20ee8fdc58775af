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
export const BINADES: usize = memory.data(512 * 128, 16);
const THRESHOLD: usize = 16;
const LAYOUTS: usize = 32;
const LENGTHS: usize = LAYOUTS + 16;

/** Of four values: their texts before the shuffle, and their last eight digits as bytes 0 to 9. */
const TEXTS: usize = memory.data(4 * 16, 16);
const DIGITS: usize = memory.data(4 * 8, 16);

/** Added to a float64 of less than 2^51 it rounds it to an integer, which then stands in the low bits of the sum. */
const TO_INTEGER: f64 = 6755399441055744;
const MAGNITUDE: usize = memory.data<u32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16);
const LEAST_PLAIN_: usize = memory.data<i32>([(111 << 23) - 0x80000000, (111 << 23) - 0x80000000, (111 << 23) - 0x80000000, (111 << 23) - 0x80000000], 16);
const PLAIN_RANGE_: usize = memory.data<i32>([((151 - 111) << 23) - 0x80000000, ((151 - 111) << 23) - 0x80000000, ((151 - 111) << 23) - 0x80000000, ((151 - 111) << 23) - 0x80000000], 16);
const TENTH: usize = memory.data<f64>([0.1, 0.1], 16);
const TO_INTEGERS: usize = memory.data<f64>([6755399441055744, 6755399441055744], 16);
const TEN: usize = memory.data<f64>([10, 10], 16);
const HALF: usize = memory.data<f64>([0.5, 0.5], 16);
const TEN_THOUSANDTH: usize = memory.data<f64>([1e-4, 1e-4], 16);
const BELOW_HALF: usize = memory.data<f64>([0.49995, 0.49995], 16);
const C26844: usize = memory.data<u32>([26844, 26844, 26844, 26844], 16);
const C10000: usize = memory.data<u32>([10000, 10000, 10000, 10000], 16);
const C20971: usize = memory.data<u16>([20971, 20971, 20971, 20971, 20971, 20971, 20971, 20971], 16);
const C100: usize = memory.data<u16>([100, 100, 100, 100, 100, 100, 100, 100], 16);
const C103: usize = memory.data<u16>([103, 103, 103, 103, 103, 103, 103, 103], 16);
const C2559: usize = memory.data<u16>([2559, 2559, 2559, 2559, 2559, 2559, 2559, 2559], 16);
const ZEROS: usize = memory.data<u8>([0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30], 16);
const OTHERS: usize = memory.data<u32>([0x2d2e3030, 0x2d2e3030, 0x2d2e3030, 0x2d2e3030], 16);

/** Bits of the least value, 2^-16, that is written plainly, and how far the others reach, up to 2^24; zero is plain too. */
const LEAST_PLAIN: i32 = 111 << 23;
const PLAIN_RANGE: i32 = ((151 - 111) << 23) - 0x80000000;

// @ts-ignore: decorator
@inline
function binadeOf(bits: u32): usize {
  return <usize>((bits >> 16) & 0xff80);
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
  return f64x2.sub(f64x2.add(values, v128.load(TO_INTEGERS)), v128.load(TO_INTEGERS));
}

/** Integers below 2^52, as 64-bit lanes of which the low halves count. */
// @ts-ignore: decorator
@inline
function integers(values: v128): v128 {
  return f64x2.add(values, v128.load(TO_INTEGERS));
}

/** Floor of integers over 10000, likewise. */
// @ts-ignore: decorator
@inline
function tenThousands(values: v128): v128 {
  return integers(f64x2.sub(f64x2.mul(values, v128.load(TEN_THOUSANDTH)), v128.load(BELOW_HALF)));
}

/** Eight numbers below 100 as sixteen digits. */
// @ts-ignore: decorator
@inline
function digitsOfTwos(twos: v128): v128 {
  const tens = i16x8.shr_u(i16x8.mul(twos, v128.load(C103)), 10);
  return i16x8.sub(i16x8.shl(twos, 8), i16x8.mul(tens, v128.load(C2559)));
}

/** Writes a value of which the text before the shuffle and the last eight digits are known; returns where it ends. */
// @ts-ignore: decorator
@inline
function layOut(bits: u32, binade: usize, text: v128, digits: u64, out: usize): usize {
  const layout = binade + (usize(bits >= load<u32>(binade, BINADES + THRESHOLD)) << 5);
  v128.store(out, i8x16.swizzle(text, v128.load(layout, BINADES + LAYOUTS)));
  return out + load<u8>(layout + <usize>(clz(digits) >> 3), BINADES + LENGTHS);
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
    const sizes = v128.and(bits, v128.load(MAGNITUDE));

    // In these binades float64 has no rounding errors that matter: see BINADES.
    let plain = i32x4.bitmask(i32x4.lt_s(i32x4.sub(sizes, v128.load(LEAST_PLAIN_)), v128.load(PLAIN_RANGE_)));
    if (plain != 15) plain |= i32x4.bitmask(i32x4.eq(sizes, i32x4.splat(0)));
    const scalesA = v128.load(binadeA, BINADES);
    const scalesB = v128.load(binadeB, BINADES);
    const scalesC = v128.load(binadeC, BINADES);
    const scalesD = v128.load(binadeD, BINADES);
    const scaleAB = v128.shuffle<i64>(scalesA, scalesB, 0, 2);
    const scaleCD = v128.shuffle<i64>(scalesC, scalesD, 0, 2);
    const halfAB = v128.shuffle<i64>(scalesA, scalesB, 1, 3);
    const halfCD = v128.shuffle<i64>(scalesC, scalesD, 1, 3);
    const valueAB = f64x2.mul(f64x2.promote_low_f32x4(sizes), scaleAB);
    const valueCD = f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<i64>(sizes, sizes, 1, 1)), scaleCD);
    const onesAB = f64x2.floor(f64x2.add(valueAB, v128.load(HALF)));
    const onesCD = f64x2.floor(f64x2.add(valueCD, v128.load(HALF)));
    const tensAB = f64x2.mul(nearest(f64x2.mul(valueAB, v128.load(TENTH))), v128.load(TEN));
    const tensCD = f64x2.mul(nearest(f64x2.mul(valueCD, v128.load(TENTH))), v128.load(TEN));
    const gapAB = f64x2.abs(f64x2.sub(tensAB, valueAB));
    const gapCD = f64x2.abs(f64x2.sub(tensCD, valueCD));
    const numberAB = v128.bitselect(tensAB, onesAB, f64x2.lt(gapAB, halfAB));
    const numberCD = v128.bitselect(tensCD, onesCD, f64x2.lt(gapCD, halfCD));

    // Nine digits as 1, 4 and 4.
    const number = lows(integers(numberAB), integers(numberCD));
    const high = lows(tenThousands(numberAB), tenThousands(numberCD));
    const first = i32x4.shr_u(i32x4.dot_i16x8_s(i32x4.shr_u(high, 4), v128.load(C26844)), 24);
    const middle = i32x4.sub(high, i32x4.dot_i16x8_s(first, v128.load(C10000)));
    const low = i16x8.sub(number, i16x8.mul(high, v128.load(C10000)));
    const fours = v128.or(middle, i32x4.shl(low, 16));
    const hundreds = i16x8.shr_u(i16x8.q15mulr_sat_s(fours, v128.load(C20971)), 6);
    const rest = i16x8.sub(fours, i16x8.mul(hundreds, v128.load(C100)));
    const digitsAB = digitsOfTwos(v128.shuffle<i16>(hundreds, rest, 0, 8, 1, 9, 2, 10, 3, 11));
    const digitsCD = digitsOfTwos(v128.shuffle<i16>(hundreds, rest, 4, 12, 5, 13, 6, 14, 7, 15));

    // The eight digits, then the first one, '0' and '.'.
    const others = v128.or(first, v128.load(OTHERS));
    const charsAB = v128.or(digitsAB, v128.load(ZEROS));
    const charsCD = v128.or(digitsCD, v128.load(ZEROS));
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
