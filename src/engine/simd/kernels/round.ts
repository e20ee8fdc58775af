/** Rounds `bytes` of float64 to the nearest float32 values, in place. */
export function roundToFloat32(at: usize, bytes: usize): void {
  for (const end = at + bytes; at < end; at += 16) {
    v128.store(at, f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(v128.load(at))));
  }
}
