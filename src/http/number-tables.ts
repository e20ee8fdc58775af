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
    const k = Math.floor(q * Math.log10(2));
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
    fives: new Uint8Array(fives.buffer),
  };
}
