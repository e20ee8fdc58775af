/**
 * exp, sigmoid and tanh in float64 by additions, multiplications and divisions alone, so that every machine gives the same
 * bits: Math.exp and Math.tanh may differ between engines. src/engine/simd/kernels/activations64.ts has the same operations in
 * the same order. Errors are below 1.5 ulp (exp below 1).
 */

const { LOG2E } = Math;
/** Adding it rounds to a whole number: 1.5·2^52. */
const WHOLE = 6755399441055744;
// ln 2 in two parts; the first has few enough digits for n·LN2_HIGH to be exact.
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** 2^k for whole k from -600 on. */
const POWERS = Float64Array.from({ length: 1200 }, (_, k) => 2 ** (k - 600));

/** e^x for -750 <= x <= 709; NaN for NaN. The rational approximation of fdlibm's e_exp.c. */
function boundedExp(x: number): number {
  const n = x * LOG2E + WHOLE - WHOLE;
  const high = x - n * LN2_HIGH;
  const low = n * LN2_LOW;
  const r = high - low;
  const square = r * r;
  let p = square * 4.1381367970572385e-8 + -1.6533902205465252e-6;
  p = square * p + 6.613756321437934e-5;
  p = square * p + -2.7777777777015593e-3;
  p = square * p + 0.16666666666666602;
  const c = r - square * p;
  const y = 1 - (low - (r * c) / (2 - c) - high);
  if (Number.isNaN(n)) return Number.NaN;
  // In two factors: the second may round to a subnormal result.
  const half = Math.floor(n / 2);
  return y * POWERS[half + 600] * POWERS[n - half + 600];
}

/** 1/(1 + e^-x), as t/(1 + t) for x < 0, t = e^-|x|. */
export function sigmoid(x: number): number {
  const size = Math.abs(x);
  const t = boundedExp(size > 750 ? -750 : -size);
  return (x < 0 ? t : 1) / (1 + t);
}

/** An odd rational function below 0.625 (Cephes' tanh.c), else 1 - 2/(e^2|x| + 1). */
export function tanh(x: number): number {
  const size = Math.abs(x);
  if (size < 0.625) {
    const square = size * size;
    const p = (-0.9643991794250523 * square + -99.28772310019185) * square + -1614.6876844170845;
    const q = ((square + 112.81167849163293) * square + 2235.4883906010045) * square + 4844.063053251255;
    const small = size + size * square * (p / q);
    return x < 0 || Object.is(x, -0) ? -small : small;
  }
  const double = size + size;
  const large = 1 - 2 / (boundedExp(Math.min(double, 60)) + 1);
  return x < 0 ? -large : large;
}
