/**
 * Decimals to float64, correctly rounded as JSON.parse rounds them.
 * Algorithm: Daniel Lemire, "Number parsing at a gigabyte per second" (2021); short decimals after William Clinger, "How to
 * read floating point numbers accurately" (1990).
 */

/** 5^q for q = -342..308: 128-bit significands with the top bit set, high word first; filled by the host. */
export const FIVES: usize = memory.data(651 * 16, 8);
const LEAST: i32 = -342;
const GREATEST: i32 = 308;

/** 10^0..10^22, all exact. */
export const TENS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
  1e22,
]);
/** 10^n and 10^(19 - n) for n = 0..16: n more digits fit in 64 bits below the latter. */
export const SCALES: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
]);
export const ROOM: usize = memory.data<u64>([
  10000000000000000000, 1000000000000000000, 100000000000000000, 10000000000000000, 1000000000000000, 100000000000000,
  10000000000000, 1000000000000, 100000000000, 10000000000, 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000,
]);
/** Loaded at n, a shuffle that moves the first n bytes to the end and clears the others. */
const TO_THE_END: usize = memory.data<u8>([
  0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8,
  9, 10, 11, 12, 13, 14, 15,
]);

/** Vector constants in memory: V8 makes one that is written anew wherever it is used, in three instructions. */
const COMMAS: usize = memory.data<u32>([0x2c2c2c2c]);
export const ZEROS: usize = memory.data<u32>([0x30303030]);
const NINES: usize = memory.data<u32>([0x09090909]);
/** 10 · 2^8 + 1: of two digits a, b in a 16-bit lane it leaves 10a + b in the upper byte. */
const TWOS: usize = memory.data<u16>([2561, 2561]);
const FOURS: usize = memory.data<u16>([100, 1]);
const EIGHTS: usize = memory.data<u16>([10000, 1]);
/** 10^0..10^15, and the same below zero. */
export const SIGNED_TENS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, -1e0, -1e1, -1e2, -1e3, -1e4, -1e5,
  -1e6, -1e7, -1e8, -1e9, -1e10, -1e11, -1e12, -1e13, -1e14, -1e15,
]);

/** Where the first comma of 16 bytes stands; 16 where there is none. */
// @ts-ignore: decorator
@inline
export function findComma(text: v128): usize {
  return <usize>ctz(i8x16.bitmask(i8x16.eq(text, v128.load32_splat(COMMAS))) | 0x10000);
}

/** How many bytes, 16 at most, are 0 to 9 before the first other. */
// @ts-ignore: decorator
@inline
export function countDigits(digits: v128): usize {
  return <usize>ctz(~i8x16.bitmask(i8x16.le_u(digits, v128.load32_splat(NINES))));
}

/** The value of the first n ≤ 16 of bytes 0 to 9. */
// @ts-ignore: decorator
@inline
export function valueOf(digits: v128, n: usize): u64 {
  const ones = i8x16.swizzle(digits, v128.load(TO_THE_END + n));
  const twos = i16x8.shr_u(i16x8.mul(ones, v128.load32_splat(TWOS)), 8);
  const fours = i32x4.dot_i16x8_s(twos, v128.load32_splat(FOURS));
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(fours, fours), v128.load32_splat(EIGHTS));
  const both = i64x2.extract_lane(eights, 0);
  return (both & 0xffffffff) * 100000000 + (<u64>both >> 32);
}

// @ts-ignore: decorator
@inline
function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  return aHigh * bHigh + (middle >> 32) + ((aLow * bHigh + (middle & 0xffffffff)) >> 32);
}

/** Bits of the float64 nearest to m·10^q, m > 0; 0 where that takes more care: it is subnormal, infinite or too close to a tie. */
export function nearestBits(m: u64, q: i32): u64 {
  if (q < LEAST || q > GREATEST) return 0;
  const shift = clz(m);
  const w = m << shift;
  const entry = FIVES + ((<usize>(q - LEAST)) << 4);
  const five = load<u64>(entry);
  let high = multiplyHigh(w, five);
  let low = w * five;
  if ((high & 0x1ff) == 0x1ff) {
    const more = multiplyHigh(w, load<u64>(entry + 8));
    low += more;
    if (low < more) high++;
    if (low == u64.MAX_VALUE) return 0;
  }
  const upper = high >> 63;
  let significand = high >> (upper + 9);
  let exponent = ((217706 * q) >> 16) + 63 + <i32>upper - <i32>shift + 1023;
  if (exponent <= 0) return 0;
  // A tie is possible, and then exact, only where 5^|q| is small.
  if (low <= 1 && q >= -4 && q <= 23 && (significand & 3) == 1 && significand << (upper + 9) == high) significand &= ~1;
  significand = (significand + (significand & 1)) >> 1;
  if (significand >= 1 << 53) {
    significand = 1 << 52;
    exponent++;
  }
  if (exponent >= 0x7ff) return 0;
  return (significand & 0xfffffffffffff) | (<u64>exponent << 52);
}
