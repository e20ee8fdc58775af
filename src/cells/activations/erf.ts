/**
 * The complementary error function in float64, within 1 ulp. Rational approximations of fdlibm's s_erf.c:
 * Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunPro, a Sun Microsystems, Inc.
 * business. Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice
 * is preserved.
 */

const ERX = 0.8450629115104675;

// erf(x) = x + x·P(x²)/Q(x²) on [0, 0.84375].
const PP = [
  0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442, -0.000023763016656650163,
];
const QQ = [
  1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164, -3.960228278775368e-6,
];
// erf(x) = ERX + P(|x|-1)/Q(|x|-1) on [0.84375, 1.25].
const PA = [
  -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175, -0.11089469428239668,
  0.035478304325618236, -0.002166375594868791,
];
const QA = [
  1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905,
  0.011984499846799107,
];
// log(x·e^(x²)·erfc(x)) + 0.5625 = R(1/x²)/S(1/x²) on [1.25, 1/0.35] and on [1/0.35, 28].
const RA = [
  -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347,
  -184.60509290671104, -81.2874355063066, -9.814329344169145,
];
const SA = [
  1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783,
  108.63500554177944, 6.570249770319282, -0.0604244152148581,
];
const RB = [
  -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192, -637.5664433683896,
  -1025.0951316110772, -483.5191916086514,
];
const SB = [
  1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955, 2553.0504064331644,
  474.52854120695537, -22.44095244658582,
];

/** From here on `erfcTail` holds. */
export const TAIL_START = 1.25;

export function erfc(x: number): number {
  const size = Math.abs(x);
  if (!(size >= 0.84375)) {
    const square = x * x;
    const y = polynomial(PP, square) / polynomial(QQ, square);
    return x < 0.25 ? 1 - (x + x * y) : 0.5 - (x * y + (x - 0.5));
  }
  if (size < TAIL_START) {
    const s = size - 1;
    const erf = polynomial(PA, s) / polynomial(QA, s);
    return x > 0 ? 1 - ERX - erf : 1 + (ERX + erf);
  }
  if (size > 28) return x > 0 ? 0 : 2;
  // size = high + a rest, with high² exact, or the exponential would lose digits.
  const high = Math.trunc(size * 4096) / 4096;
  const tail = (Math.exp(-high * high - 0.5625) * Math.exp((high - size) * (high + size) + erfcTail(size))) / size;
  return x > 0 ? tail : 2 - tail;
}

/** t such that erfc(x) = exp(-x² - 0.5625 + t) / x, for x ≥ TAIL_START. */
export function erfcTail(x: number): number {
  const s = 1 / (x * x);
  return x < 1 / 0.35 ? polynomial(RA, s) / polynomial(SA, s) : polynomial(RB, s) / polynomial(SB, s);
}

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i];
  return sum;
}
