/** 10^k as floor(10^k · 2^e) + 1, with e such that it has 64 bits. */
function power10(k: number): bigint {
  const size = 10n ** BigInt(Math.abs(k));
  const bits = BigInt(size.toString(2).length);
  if (k >= 0) return (bits > 64n ? size >> (bits - 64n) : size << (64n - bits)) + 1n;
  const inverse = (1n << (bits + 64n)) / size;
  return (inverse >> 64n ? inverse >> 1n : inverse) + 1n;
}

/** 5^q, times a power of two such that it has 128 bits: cut off, but the next greater where 5^-q fits into 64 bits. */
function power5(q: number): bigint {
  const size = 5n ** BigInt(Math.abs(q));
  const bits = BigInt(size.toString(2).length);
  if (q >= 0) return bits > 128n ? size >> (bits - 128n) : size << (128n - bits);
  if (q >= -27) return (1n << (bits + 127n)) / size + 1n;
  const inverse = (1n << (bits + 128n)) / size;
  return inverse >> (BigInt(inverse.toString(2).length) - 128n);
}

/** Tables of the kernels, as bytes: POWERS of float32-text.ts, BINADES of binades.ts, FIVES of read-decimals.ts. */
export interface NumberTables {
  readonly powers: Uint8Array;
  readonly binades: Uint8Array;
  readonly fives: Uint8Array;
}

export function numberTables(): NumberTables {
  const powers = BigUint64Array.from({ length: 78 }, (_, i) => power10(i - 31));
  const fives = new BigUint64Array(651 * 2);
  for (let i = 0; i < 651; i++) {
    const five = power5(i - 342);
    fives[2 * i] = five >> 64n;
    fives[2 * i + 1] = BigInt.asUintN(64, five);
  }
  return {
    powers: new Uint8Array(powers.buffer),
    binades: binades(),
    fives: new Uint8Array(fives.buffer),
  };
}

/**
 * Positions of a zero, the point and the sign in a text before its shuffle. The first of nine digits stands after the others.
 */
const FIRST = 8;
const ZERO = 9;
const POINT = 10;
const MINUS = 11;

/** The table of kernels/binades.ts, with layouts for the values of kernels/float32-digits.ts and for zero. */
function binades(): Uint8Array {
  const bytes = new Uint8Array(512 * 128);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 128) {
    const biased = (at / 128) % 256;
    const sign = at < bytes.length / 2 ? [] : [MINUS];
    // k such that a unit in the last place is 1 to 10 times 10^k.
    const k = Math.floor((biased - 150) * Math.log10(2));
    const scale = Number(`1e${-k}`);
    view.setFloat64(at, scale, true);
    view.setFloat64(at + 8, biased === 0 || biased === 255 ? Number.NaN : scale * 2 ** (biased - 151), true);
    view.setInt32(at + 20, k, true);
    // Zero has the layout of 1 to 2 with other digits.
    const least = biased === 0 ? 1 : 2 ** (biased - 127);
    const point = biased === 0 ? 1 : 9 + k;
    const whole = Math.max(1, Math.floor(Math.log10(least)) + 1);
    view.setFloat32(at + 16, sign.length > 0 ? -(10 ** whole) : 10 ** whole, true);
    if (biased !== 0 && (point < -3 || point > 9)) continue;
    bytes.set(layout(sign, point, point - whole), at + 32);
    bytes.set(layout(sign, point, Math.max(0, point - whole - 1)), at + 64);
  }
  return bytes;
}

/** The layout of nine digits of which `point` stand before the point, the first `dropped` of them being zeros to leave out. */
function layout(sign: number[], point: number, dropped: number): Uint8Array {
  const digits = [FIRST, 0, 1, 2, 3, 4, 5, 6, 7];
  const shuffle =
    point > 0
      ? [...sign, ...digits.slice(dropped, point), POINT, ...digits.slice(point)]
      : [...sign, ZERO, POINT, ...Array<number>(-point).fill(ZERO), ...digits];
  const bytes = new Uint8Array(32);
  bytes.set(shuffle);
  for (let zeros = 0; zeros <= 8; zeros++)
    bytes[16 + zeros] = 9 - zeros > point ? shuffle.length - zeros : sign.length + point - dropped;
  return bytes;
}
