/** Reads nested JSON arrays of numbers into float64. */
import { countDigits, findComma, nearestBits, ROOM, SCALES, SIGNED_TENS, TENS, valueOf, ZEROS } from './read-decimals';

const MAX_RANK: i32 = 8;
/** Extents of the array that was read last (u32). */
export const SHAPE: usize = memory.data(MAX_RANK * 4, 8);
const COUNTS: usize = memory.data(MAX_RANK * 4, 8);
export let rank: i32 = 0;
export let count: i32 = 0;
/** Whether the array goes on behind what was read. */
export let goesOn: bool = false;
/** Numbers of the innermost list that were read before. */
let before: i32 = 0;

// @ts-ignore: decorator
@inline
function skipBlanks(p: usize): usize {
  let c = load<u8>(p);
  while (c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09) c = load<u8>(++p);
  return p;
}

/**
 * Reads the array that starts at `p` into float64 at `out`, and sets `rank`, `count` and the extents at SHAPE. Returns where
 * the array ends; 0 where it is anything but numbers in arrays of one length a level, at most 8 deep and none of them empty.
 * Before the first number at `limit` or behind it, it stops, returns where that is, and `goesOn`; `count` is that of this call.
 * Forty zero bytes must follow the text.
 */
export function readNumbers(p: usize, out: usize, limit: usize): usize {
  goesOn = false;
  for (let axis = 0; axis < MAX_RANK; axis++) store<u32>(SHAPE + (<usize>axis << 2), 0);
  return read(p, out, limit);
}

/** Goes on with the array where the last call stopped: its text from there on is at `p`. */
export function readOn(p: usize, out: usize, limit: usize): usize {
  return read(p, out, limit);
}

function read(p: usize, out: usize, limit: usize): usize {
  const start = out;
  let known: i32 = goesOn ? rank : 0;
  let depth = known;
  let atNumber = goesOn;
  goesOn = false;

  while (true) {
    let row = out;
    if (atNumber) {
      row -= <usize>before << 3;
      atNumber = false;
    } else {
      // At '['.
      if (depth == MAX_RANK) return 0;
      store<u32>(COUNTS + ((<usize>depth) << 2), 0);
      depth++;
      p = skipBlanks(p + 1);
      if (load<u8>(p) == 0x5b) continue;
      if (known == 0) known = depth;
      else if (depth != known) return 0;
    }

    while (true) {
      if (p >= limit) {
        rank = known;
        count = <i32>((out - start) >> 3);
        before = <i32>((out - row) >> 3);
        goesOn = true;
        return p;
      }
      // Looking for the comma first lets the next number begin early. First: a digit, a point, up to 13 digits.
      let comma = findComma(v128.load(p));
      let c: u32 = load<u8>(p);
      const negative: u64 = u64(c == 0x2d);
      const one = p + <usize>negative;
      c = <u32>load<u8>(one) - 0x30;
      const startsPlainly = u32(c <= 9) & u32(load<u8>(one, 1) == 0x2e);
      let places = comma - <usize>negative - 2;
      const digits = i8x16.sub(v128.load(one, 2), v128.load32_splat(ZEROS));
      const run = countDigits(digits);
      if (startsPlainly & u32(comma < 16) & u32(places > 0) & u32(run == places)) {
        const m = <u64>c * load<u64>(SCALES + (places << 3)) + valueOf(digits, places);
        store<f64>(out, <f64>m / load<f64>(SIGNED_TENS + ((places + <usize>(negative << 4)) << 3)));
        out += 8;
        p += comma + 1;
        if (load<u8>(p) <= 0x20) p = skipBlanks(p);
        continue;
      }
      // Then with 16 to 18 digits, as float64 has.
      if (startsPlainly & u32(run == 16)) {
        comma = 16 + findComma(v128.load(p, 16));
        places = comma - <usize>negative - 2;
        const more = i8x16.sub(v128.load(one, 18), v128.load32_splat(ZEROS));
        if (u32(places <= 18) & u32(countDigits(more) == places - 16)) {
          const high = <u64>c * 10000000000000000 + valueOf(digits, 16);
          const m = high * load<u64>(SCALES + ((places - 16) << 3)) + valueOf(more, places - 16);
          const bits = m ? nearestBits(m, -<i32>places) : 0;
          if (bits) {
            store<u64>(out, bits | (negative << 63));
            out += 8;
            p += comma + 1;
            if (load<u8>(p) <= 0x20) p = skipBlanks(p);
            continue;
          }
        }
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
