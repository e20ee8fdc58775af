/**
 * sum + a·b in four float32 lanes. Two roundings, the same on every machine; one in the relaxed build, where the machine
 * has a fused multiply-add.
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}

/** The lesser of two, a where it is NaN: one instruction, where f32x4.min takes eight. */
// @ts-ignore: decorator
@inline
export function least(a: v128, b: v128): v128 {
  return f32x4.pmin(a, b);
}

/** The greater of two, a where it is NaN. */
// @ts-ignore: decorator
@inline
export function most(a: v128, b: v128): v128 {
  return f32x4.pmax(a, b);
}
