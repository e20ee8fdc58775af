/**
 * Prints float32 values as JSON numbers: the shortest decimal that reads back to the same float32, the closest of those
 * that are as short, and of two equally close ones the one farther from zero; laid out as JavaScript lays out numbers.
 * Algorithm: Raffaello Giulietti, "The Schubfach way to render doubles" (2020), for 24-bit significands.
 */
import { BINADES, HALF_UNIT, POWER } from './binades';

/** 10^k for k = -31..46 as 64-bit significands, each floor(10^k / 2^e) + 1 with its top bit set; filled by the host. */
export const POWERS: usize = memory.data(78 * 8, 8);
const LEAST_POWER: i32 = -31;

// @ts-ignore: decorator
@inline
function floorLog10OfPowerOf2(q: i32, threeQuarters: bool): i32 {
  return (q * 1262611 - (threeQuarters ? 524031 : 0)) >> 22;
}

// @ts-ignore: decorator
@inline
function floorLog2OfPowerOf10(k: i32): i32 {
  return (k * 1741647) >> 19;
}

/** The upper part of the 96-bit product g·c, its lowest bit set where anything below is lost. */
// @ts-ignore: decorator
@inline
function roundToOdd(g: u64, c: u32): u32 {
  const low = (g & 0xffffffff) * <u64>c;
  const sum = (g >> 32) * <u64>c + (low >> 32);
  return <u32>(sum >> 32) | u32(<u32>sum > 1);
}

// @ts-ignore: decorator
@inline
function digitsOf(n: u32): i32 {
  // Of a normal float32 there are seven at least.
  if (n >= 1000000) return 7 + i32(n >= 10000000) + i32(n >= 100000000);
  if (n >= 1000) return n >= 100000 ? 6 : n >= 10000 ? 5 : 4;
  return n >= 100 ? 3 : n >= 10 ? 2 : 1;
}

// @ts-ignore: decorator
@inline
function powerOf10(n: i32): u32 {
  return load<u32>(SCALES + ((<usize>n) << 2));
}
const SCALES: usize = memory.data<u32>([1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000]);

/** Eight digits of n < 10^8 as bytes 0 to 9, the first digit in the lowest byte. */
// @ts-ignore: decorator
@inline
function eightDigits(n: u32): u64 {
  const high = n / 10000;
  const fours = <u64>high | (<u64>(n - high * 10000) << 32);
  const hundreds = ((fours * 10486) >> 20) & 0x0000007f0000007f;
  const twos = hundreds + ((fours - hundreds * 100) << 16);
  const tens = ((twos * 103) >> 10) & 0x000f000f000f000f;
  return tens + ((twos - tens * 10) << 8);
}

/** Added to a float64 below 2^51 it rounds it to an integer, which then stands in the low bits of the sum. */
const TO_INTEGER: f64 = 4503599627370496;

/**
 * Writes one value at `out`, at most 22 bytes (and may scribble on 16 more); returns where it ends. A unit in the last
 * place is 1 to 10 in units of 10^k, so one of the two nearest multiples of 10^k and 10^(k+1) is the shortest decimal. In
 * float64 those are told apart unless it is closer than rounding errors are; then the exact way is taken.
 */
export function printFloat32(bits: u32, out: usize): usize {
  const entry = BINADES + <usize>((bits >> 16) & 0x7f80);
  const value = <f64>reinterpret<f32>(bits & 0x7fffffff) * load<f64>(entry);
  const half = load<f64>(entry, HALF_UNIT);
  const onesSum = value + TO_INTEGER;
  const tensSum = value * 0.1 + TO_INTEGER;
  const ones = <u32>reinterpret<u64>(onesSum);
  const tens = <u32>reinterpret<u64>(tensSum);
  const gap = abs((tensSum - TO_INTEGER) * 10 - value);
  const clear = u32(abs(gap - half) > 1e-6) & u32(abs(abs(value - (onesSum - TO_INTEGER)) - 0.5) > 1e-6) & u32((bits & 0x7fffff) != 0);
  if (!clear) return printExactly(bits, out);
  store<u8>(out, 0x2d);
  const shorter = u32(gap < half);
  const digits = ones ^ ((ones ^ tens) & (0 - shorter));
  return layOut(digits, load<i32>(entry, POWER) + <i32>shorter, out + <usize>(bits >> 31));
}

function printExactly(bits: u32, out: usize): usize {
  const biased = (bits >> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (biased == 0xff) return printNonFinite(bits, out);
  store<u8>(out, 0x2d);
  out += <usize>(bits >> 31);
  if ((biased | fraction) == 0) {
    store<u8>(out, 0x30);
    return out + 1;
  }

  const c: u32 = biased ? fraction | 0x800000 : fraction;
  const q: i32 = <i32>(biased ? biased : 1) - 150;
  // Above a power of two the lower neighbour is only half as far as the upper one.
  const closer = fraction == 0 && biased > 1;
  const odd: u32 = c & 1;
  const k = floorLog10OfPowerOf2(q, closer);
  const h = q + floorLog2OfPowerOf10(-k) + 1;
  const g = load<u64>(POWERS + ((<usize>(-k - LEAST_POWER)) << 3));
  const low = roundToOdd(g, (4 * c - 2 + u32(closer)) << h) + odd;
  const mid = roundToOdd(g, (4 * c) << h);
  const high = roundToOdd(g, (4 * c + 2) << h) - odd;

  // Without branches, as which of these holds is as good as random.
  const s = mid >> 2;
  const tens = s / 10;
  const tensUp = u32(tens * 40 + 40 <= high);
  const shorter = (u32(low <= tens * 40) ^ tensUp) & u32(s >= 10);
  const up = u32(s * 4 + 4 <= high);
  const single = u32(low <= s * 4) ^ up;
  const nearest = s + ((up & single) | (u32(mid >= s * 4 + 2) & (single ^ 1)));
  const digits = nearest ^ ((nearest ^ (tens + tensUp)) & (0 - shorter));
  const power = k + <i32>shorter;
  // The one value whose shortest decimal, 7.038531e-26, is read as its neighbour by way of float64.
  if ((bits & 0x7fffffff) == 0x15ae43fd) return layOut(70385307, -33, out);
  return layOut(digits, power, out);
}

/** digits·10^power as JavaScript writes a number. */
// @ts-ignore: decorator
@inline
function layOut(digits: u32, power: i32, out: usize): usize {
  const count = digitsOf(digits);
  /** The value is 0.digits · 10^point. */
  const point = count + power;
  const nine = digits * powerOf10(9 - count);
  const first = nine / 100000000;
  const rest = nine - first * 100000000;
  const values = eightDigits(rest);
  /** Digits without the zeros at the end. */
  const length = 9 - <i32>(clz(values) >> 3);
  const text = values | 0x3030303030303030;
  if (point > 0 && point <= 21) {
    store<u8>(out, first + 0x30);
    store<u64>(out + 1, text);
    if (length > point) {
      const at = out + <usize>point;
      store<u8>(at, 0x2e);
      store<u64>(at + 1, text >> (<u64>(point - 1) << 3));
      return out + <usize>length + 1;
    }
    for (let zeros = out + <usize>length; zeros < out + <usize>point; zeros++) store<u8>(zeros, 0x30);
    return out + <usize>point;
  }
  if (point > -6 && point <= 0) {
    store<u64>(out, 0x3030303030302e30);
    const at = out + <usize>(2 - point);
    store<u8>(at, first + 0x30);
    store<u64>(at + 1, text);
    return at + <usize>length;
  }
  store<u8>(out, first + 0x30);
  let end = out + 1;
  if (length > 1) {
    store<u8>(end, 0x2e);
    store<u64>(end + 1, text);
    end += <usize>length;
  }
  const exponent = point - 1;
  const size = exponent < 0 ? -exponent : exponent;
  store<u8>(end, 0x65);
  store<u8>(end + 1, exponent < 0 ? 0x2d : 0x2b);
  end += 2;
  if (size >= 10) {
    store<u8>(end, 0x30 + size / 10);
    end += 1;
  }
  store<u8>(end, 0x30 + (size % 10));
  return end + 1;
}

/** "NaN", "Infinity" or "-Infinity", with the quotes. */
function printNonFinite(bits: u32, out: usize): usize {
  if (bits & 0x7fffff) {
    store<u32>(out, 0x4e614e22); // "NaN
    store<u8>(out + 4, 0x22);
    return out + 5;
  }
  store<u16>(out, 0x2d22); // "-
  out += 1 + <usize>(bits >> 31);
  store<u64>(out, 0x7974696e69666e49); // Infinity
  store<u8>(out + 8, 0x22);
  return out + 9;
}
