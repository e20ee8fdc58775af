/**
 * a·b + sum in the lanes of a vector of Real. Two roundings, the same on every machine; of float32 in the relaxed build one,
 * where the machine has a fused multiply-add.
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD && sizeof<Real>() == 4) return f32x4.relaxed_madd(a, b, sum);
  return v128.add<Real>(sum, v128.mul<Real>(a, b));
}

/** The lesser of two, a where it is NaN: one instruction, where v128.min takes eight. Zeros keep a's sign. */
// @ts-ignore: decorator
@inline
export function least(a: v128, b: v128): v128 {
  return v128.pmin<Real>(a, b);
}

/** The greater of two, a where it is NaN. */
// @ts-ignore: decorator
@inline
export function most(a: v128, b: v128): v128 {
  return v128.pmax<Real>(a, b);
}

/** The number at an address, in every lane. */
// @ts-ignore: decorator
@inline
export function splatAt(at: usize): v128 {
  return sizeof<Real>() == 4 ? v128.load32_splat(at) : v128.load64_splat(at);
}

// @ts-ignore: decorator
@inline
export function splat(value: f64): v128 {
  return v128.splat<Real>(<Real>value);
}
