/**
 * Prints lists of float32 values, four at a time: their digits in vectors (float32-digits.ts), and each text by the one
 * shuffle that its binade knows. Plain are zero and values from 2^-16 up to 2^24; others are left to float32-text.ts.
 */
import { BINADES, LAYOUTS, LENGTHS, THRESHOLD } from './binades';
import { digitsOfTwos, firstOf, foursOf, hundredsOf, integers, lowHalves, restsOf, shortest, tenThousands } from './float32-digits';
import { printFloat32 } from './float32-text';

/** Of four values: the characters that are shuffled, and the last eight digits as bytes 0 to 9. */
const CHARACTERS: usize = memory.data(4 * 16, 16);
const DIGITS: usize = memory.data(4 * 8, 16);

/** Bits without the sign. Vector constants are in memory, as in float32-digits.ts. */
const UNSIGNED: usize = memory.data<u32>([0x7fffffff]);
/** Bits of 2^-16, and how many there are up to 2^24; moved by 2^31, as signed numbers are compared in one step. */
const LEAST_PLAIN: usize = memory.data<u32>([(111 << 23) + 0x80000000]);
const PLAIN_RANGE: usize = memory.data<u32>([((151 - 111) << 23) + 0x80000000]);
const ASCII_ZERO: usize = memory.data<u32>([0x30303030]);
/** The first digit, a zero, the point, the minus sign. */
const OTHER_CHARACTERS: usize = memory.data<u32>([0x2d2e3030]);

// @ts-ignore: decorator
@inline
function binadeOf(bits: u32): usize {
  return <usize>((bits >> 16) & 0xff80);
}

/** Writes a value, at most 16 bytes; returns where it ends. */
// @ts-ignore: decorator
@inline
function layOut(bits: u32, binade: usize, characters: v128, digits: u64, out: usize): usize {
  const layout = binade + (usize(bits >= load<u32>(binade, BINADES + THRESHOLD)) << 5);
  v128.store(out, i8x16.swizzle(characters, v128.load(layout, BINADES + LAYOUTS)));
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
    // What lies beyond the end is read, but not printed.
    const bits = v128.load(at);
    const a = load<u32>(at);
    const b = load<u32>(at, 4);
    const c = load<u32>(at, 8);
    const d = load<u32>(at, 12);
    const binadeA = binadeOf(a);
    const binadeB = binadeOf(b);
    const binadeC = binadeOf(c);
    const binadeD = binadeOf(d);

    const sizes = v128.and(bits, v128.load32_splat(UNSIGNED));
    let plain = i32x4.bitmask(
      i32x4.lt_s(i32x4.sub(sizes, v128.load32_splat(LEAST_PLAIN)), v128.load32_splat(PLAIN_RANGE)),
    );
    if (plain != 15) plain |= i32x4.bitmask(i32x4.eq(sizes, i32x4.splat(0)));

    const numberAB = shortest(sizes, v128.load(binadeA, BINADES), v128.load(binadeB, BINADES));
    const numberCD = shortest(
      v128.shuffle<i64>(sizes, sizes, 1, 1),
      v128.load(binadeC, BINADES),
      v128.load(binadeD, BINADES),
    );
    // Nine digits as 1, 4 and 4, then those as 2, 2, 2 and 2.
    const number = lowHalves(integers(numberAB), integers(numberCD));
    const high = lowHalves(tenThousands(numberAB), tenThousands(numberCD));
    const first = firstOf(high);
    const fours = foursOf(number, high, first);
    const hundreds = hundredsOf(fours);
    const rests = restsOf(fours, hundreds);
    const digitsAB = digitsOfTwos(v128.shuffle<i16>(hundreds, rests, 0, 8, 1, 9, 2, 10, 3, 11));
    const digitsCD = digitsOfTwos(v128.shuffle<i16>(hundreds, rests, 4, 12, 5, 13, 6, 14, 7, 15));

    const others = v128.or(first, v128.load32_splat(OTHER_CHARACTERS));
    const charactersAB = v128.or(digitsAB, v128.load32_splat(ASCII_ZERO));
    const charactersCD = v128.or(digitsCD, v128.load32_splat(ASCII_ZERO));
    const charactersA = v128.shuffle<i32>(charactersAB, others, 0, 1, 4, 4);
    const charactersB = v128.shuffle<i32>(charactersAB, others, 2, 3, 5, 5);
    const charactersC = v128.shuffle<i32>(charactersCD, others, 0, 1, 6, 6);
    const charactersD = v128.shuffle<i32>(charactersCD, others, 2, 3, 7, 7);

    if (plain == 15 && left >= 4) {
      out = layOut(a, binadeA, charactersA, i64x2.extract_lane(digitsAB, 0), out);
      store<u8>(out, 0x2c);
      out = layOut(b, binadeB, charactersB, i64x2.extract_lane(digitsAB, 1), out + 1);
      store<u8>(out, 0x2c);
      out = layOut(c, binadeC, charactersC, i64x2.extract_lane(digitsCD, 0), out + 1);
      store<u8>(out, 0x2c);
      out = layOut(d, binadeD, charactersD, i64x2.extract_lane(digitsCD, 1), out + 1);
      left -= 4;
      if (left > 0) store<u8>(out++, 0x2c);
      else if (at + 16 < end) {
        out = nextRow(++row, shape, rank, out);
        left = width;
      }
      continue;
    }
    v128.store(CHARACTERS, charactersA);
    v128.store(CHARACTERS, charactersB, 16);
    v128.store(CHARACTERS, charactersC, 32);
    v128.store(CHARACTERS, charactersD, 48);
    v128.store(DIGITS, digitsAB);
    v128.store(DIGITS, digitsCD, 16);
    for (let lane: usize = 0; lane < 4; lane++) {
      const each = at + (lane << 2);
      const its = load<u32>(each);
      if ((plain >> <i32>lane) & 1) {
        out = layOut(its, binadeOf(its), v128.load(CHARACTERS + (lane << 4)), load<u64>(DIGITS + (lane << 3)), out);
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
