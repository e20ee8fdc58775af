/**
 * Reads nested JSON arrays of numbers into float64, each correctly rounded as JSON.parse rounds it.
 * Algorithm: Daniel Lemire, "Number parsing at a gigabyte per second" (2021); short decimals after William Clinger, "How to
 * read floating point numbers accurately" (1990).
 */

/** 5^q for q = -342..308: 128-bit significands with the top bit set, high word first; filled by the host. */
export const FIVES: usize = memory.data(651 * 16, 8);
const LEAST: i32 = -342;
const GREATEST: i32 = 308;

const MAX_RANK: i32 = 8;
/** Extents of the array that was read last (u32). */
export const SHAPE: usize = memory.data(MAX_RANK * 4, 8);
const COUNTS: usize = memory.data(MAX_RANK * 4, 8);
export let rank: i32 = 0;
export let count: i32 = 0;

/** 10^0..10^22, all exact. */
const TENS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
  1e22,
]);
/** 10^n and 10^(19 - n) for n = 0..16: n more digits fit in 64 bits below the latter. */
const SCALES: usize = memory.data<u64>([
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
]);
const ROOM: usize = memory.data<u64>([
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
const ZEROS: usize = memory.data<u32>([0x30303030]);
const NINES: usize = memory.data<u32>([0x09090909]);
/** 10 · 2^8 + 1: of two digits a, b in a 16-bit lane it leaves 10a + b in the upper byte. */
const TWOS: usize = memory.data<u16>([2561, 2561]);
const FOURS: usize = memory.data<u16>([100, 1]);
const EIGHTS: usize = memory.data<u16>([10000, 1]);
/** 10^0..10^15, and the same below zero. */
const SIGNED_TENS: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, -1e0, -1e1, -1e2, -1e3, -1e4, -1e5, -1e6,
  -1e7, -1e8, -1e9, -1e10, -1e11, -1e12, -1e13, -1e14, -1e15,
]);

// @ts-ignore: decorator
@inline
function skipBlanks(p: usize): usize {
  let c = load<u8>(p);
  while (c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09) c = load<u8>(++p);
  return p;
}

/** How many bytes, 16 at most, are 0 to 9 before the first other. */
// @ts-ignore: decorator
@inline
function countDigits(digits: v128): usize {
  return <usize>ctz(~i8x16.bitmask(i8x16.le_u(digits, v128.load32_splat(NINES))));
}

/** The value of the first n ≤ 16 of bytes 0 to 9. */
// @ts-ignore: decorator
@inline
function valueOf(digits: v128, n: usize): u64 {
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
function nearestBits(m: u64, q: i32): u64 {
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

/**
 * Reads the array that starts at `p` into float64 at `out`, and sets `rank`, `count` and the extents at SHAPE. Returns where
 * the array ends; 0 where it is anything but numbers in arrays of one length a level, at most 8 deep and none of them empty.
 * Sixteen zero bytes must follow the text, and three more that may be read.
 */
export function readNumbers(p: usize, out: usize): usize {
  const start = out;
  let depth: i32 = 0;
  let known: i32 = 0;
  for (let axis = 0; axis < MAX_RANK; axis++) store<u32>(SHAPE + (<usize>axis << 2), 0);

  while (true) {
    // At '['.
    if (depth == MAX_RANK) return 0;
    store<u32>(COUNTS + ((<usize>depth) << 2), 0);
    depth++;
    p = skipBlanks(p + 1);
    if (load<u8>(p) == 0x5b) continue;
    if (known == 0) known = depth;
    else if (depth != known) return 0;

    const row = out;
    while (true) {
      // One digit, a point, at most 13 digits and a comma; looking for the comma first lets the next number begin early.
      const comma = <usize>ctz(i8x16.bitmask(i8x16.eq(v128.load(p), v128.load32_splat(COMMAS))) | 0x10000);
      let c: u32 = load<u8>(p);
      const negative: u64 = u64(c == 0x2d);
      const one = p + <usize>negative;
      c = <u32>load<u8>(one) - 0x30;
      const places = comma - <usize>negative - 2;
      const digits = i8x16.sub(v128.load(one, 2), v128.load32_splat(ZEROS));
      const isOnlyDigits = u32(places > 0) & u32(countDigits(digits) == places);
      const isShort = u32(comma < 16) & u32(c <= 9) & u32(load<u8>(one, 1) == 0x2e) & isOnlyDigits;
      if (isShort) {
        const m = <u64>c * load<u64>(SCALES + (places << 3)) + valueOf(digits, places);
        store<f64>(out, <f64>m / load<f64>(SIGNED_TENS + ((places + <usize>(negative << 4)) << 3)));
        out += 8;
        p += comma + 1;
        if (load<u8>(p) <= 0x20) p = skipBlanks(p);
        continue;
      }
      p = one;
      if (c > 9) return 0;
      let m: u64 = c;
      let q: i32 = 0;
      p++;
      if (c) {
        for (c = <u32>load<u8>(p) - 0x30; c <= 9; c = <u32>load<u8>(p) - 0x30) {
          // Zeros at the end of a whole number may be beyond the digits that 64 bits hold.
          if (m < 1000000000000000000) m = m * 10 + c;
          else if (c) return 0;
          else q++;
          p++;
        }
      }
      c = load<u8>(p);
      if (c == 0x2e) {
        p++;
        const from = p;
        while (true) {
          const digits = i8x16.sub(v128.load(p), v128.load32_splat(ZEROS));
          const n = countDigits(digits);
          if (m >= load<u64>(ROOM + (n << 3))) return 0;
          m = m * load<u64>(SCALES + (n << 3)) + valueOf(digits, n);
          p += n;
          if (n < 16) break;
        }
        if (p == from) return 0;
        q -= <i32>(p - from);
        c = load<u8>(p);
      }
      if ((c | 0x20) == 0x65) {
        p++;
        c = load<u8>(p);
        const minus = c == 0x2d;
        if (minus || c == 0x2b) p++;
        c = <u32>load<u8>(p) - 0x30;
        if (c > 9) return 0;
        let exponent: i32 = 0;
        while (c <= 9) {
          if (exponent > 9999) return 0;
          exponent = exponent * 10 + c;
          p++;
          c = <u32>load<u8>(p) - 0x30;
        }
        q += minus ? -exponent : exponent;
      }

      let bits: u64 = 0;
      if (m <= 9007199254740992 && q >= -22 && q <= 22) {
        const scale = load<f64>(TENS + ((<usize>(q < 0 ? -q : q)) << 3));
        bits = reinterpret<u64>(q < 0 ? <f64>m / scale : <f64>m * scale);
      } else if (m) {
        bits = nearestBits(m, q);
        if (bits == 0) return 0;
      }
      store<u64>(out, bits | (negative << 63));
      out += 8;

      c = load<u8>(p);
      if (c != 0x2c && c != 0x5d) {
        p = skipBlanks(p);
        c = load<u8>(p);
      }
      p++;
      if (c == 0x5d) break;
      if (c != 0x2c) return 0;
      if (load<u8>(p) <= 0x20) p = skipBlanks(p);
    }
    if (!closes(depth, <i32>((out - row) >> 3))) return 0;
    depth--;

    while (depth > 0) {
      const at = COUNTS + ((<usize>(depth - 1)) << 2);
      store<u32>(at, load<u32>(at) + 1);
      p = skipBlanks(p);
      const c = load<u8>(p);
      p++;
      if (c == 0x2c) break;
      if (c != 0x5d || !closes(depth, load<u32>(at))) return 0;
      depth--;
    }
    if (depth == 0) break;
    p = skipBlanks(p);
    if (load<u8>(p) != 0x5b) return 0;
  }
  rank = known;
  count = <i32>((out - start) >> 3);
  return p;
}

/** Whether an array of so many elements fits its siblings at this depth. */
function closes(depth: i32, length: u32): bool {
  const at = SHAPE + ((<usize>(depth - 1)) << 2);
  const extent = load<u32>(at);
  if (extent == 0) store<u32>(at, length);
  return extent == 0 || extent == length;
}
