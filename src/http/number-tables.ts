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

/** The tables of kernels/float32-text.ts and kernels/read-numbers.ts, as bytes. */
export interface NumberTables {
  readonly powers: Uint8Array;
  readonly exponents: Uint8Array;
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
  const exponents = new DataView(new ArrayBuffer(256 * 24));
  for (let biased = 0; biased < 256; biased++) {
    const q = biased - 150;
    const k = unitOf(biased);
    const scale = Number(`1e${-k}`);
    // NaN sends zero, subnormals, NaN and infinities the exact way.
    const half = biased === 0 || biased === 255 ? Number.NaN : scale * 2 ** (q - 1);
    exponents.setFloat64(biased * 24, scale, true);
    exponents.setFloat64(biased * 24 + 8, half, true);
    exponents.setInt32(biased * 24 + 16, k, true);
  }
  return {
    powers: new Uint8Array(powers.buffer),
    exponents: new Uint8Array(exponents.buffer),
    binades: binades(),
    fives: new Uint8Array(fives.buffer),
  };
}

/** Where a text before its shuffle has its zero and its point; the first of nine digits is the ninth byte. */
const ZERO = 9;
const POINT = 10;

/** The values between two powers of two, of which nine digits in units of 10^k are known. */
function binades(): Uint8Array {
  const bytes = new Uint8Array(256 * 128);
  const view = new DataView(bytes.buffer);
  const ofFloat32 = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0];
  for (let biased = 0; biased < 256; biased++) {
    const at = biased * 128;
    const k = unitOf(biased);
    const scale = Number(`1e${-k}`);
    const least = 2 ** (biased - 127);
    const isPlain = biased >= 111 && biased < 151;
    // NaN leaves those that are not to be written plainly, and subnormals, to float32-text.ts.
    view.setFloat64(at, scale, true);
    view.setFloat64(at + 8, scale * 2 ** (biased - 151), true);
    const whole = Math.max(1, Math.floor(Math.log10(least)) + 1);
    view.setUint32(at + 16, ofFloat32(10 ** whole), true);
    if (biased === 0) bytes.set(layout(9, 8), 32);
    if (!isPlain) continue;
    bytes.set(layout(9 + k, 9 + k - whole), at + 32);
    bytes.set(layout(9 + k, 9 + k - whole - 1), at + 64);
  }
  return bytes;
}

/**
 * The layout of nine digits of which the first `whole` stand before the point, for a number that has `dropped` zeros before its
 * first digit there.
 */
function layout(whole: number, dropped: number): Uint8Array {
  const digits = [8, 0, 1, 2, 3, 4, 5, 6, 7];
  const shuffle =
    whole > 0
      ? [...digits.slice(dropped, whole), POINT, ...digits.slice(whole)]
      : [ZERO, POINT, ...Array<number>(-whole).fill(ZERO), ...digits];
  const bytes = new Uint8Array(32);
  bytes.set(shuffle);
  for (let zeros = 0; zeros <= 8; zeros++) {
    const kept = 9 - zeros;
    bytes[16 + zeros] = kept > whole ? shuffle.length - zeros : whole - dropped;
  }
  return bytes;
}

/** The power of ten of which a unit in the last place of a binade is 1 to 10. */
function unitOf(biased: number): number {
  return Math.floor((biased - 150) * Math.log10(2));
}
