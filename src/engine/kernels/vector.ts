/**
 * a·b + sum in the lanes of a vector of T. Two roundings, the same on every machine; of float32 in the relaxed build one,
 * where the machine has a fused multiply-add.
 */
// @ts-ignore: decorator
@inline
export function madd<T>(a: v128, b: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD && sizeof<T>() == 4) return f32x4.relaxed_madd(a, b, sum);
  return v128.add<T>(sum, v128.mul<T>(a, b));
}

/** The lesser of two, a where it is NaN: one instruction, where v128.min takes eight. Zeros keep a's sign. */
// @ts-ignore: decorator
@inline
export function least<T>(a: v128, b: v128): v128 {
  return v128.pmin<T>(a, b);
}

/** The greater of two, a where it is NaN. */
// @ts-ignore: decorator
@inline
export function most<T>(a: v128, b: v128): v128 {
  return v128.pmax<T>(a, b);
}

/** The number at an address, in every lane. */
// @ts-ignore: decorator
@inline
export function splatAt<T>(at: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(at) : v128.load64_splat(at);
}

// @ts-ignore: decorator
@inline
export function splat<T>(value: f64): v128 {
  return v128.splat<T>(<T>value);
}
