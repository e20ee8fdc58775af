/**
 * What is known of the float32 values between two powers of two: 128 bytes for each sign and biased exponent, filled by the
 * host. 10^-k (f64); half a unit in the last place times 10^-k (f64), NaN where the values are subnormal or not finite; the
 * bits from which values have one more digit before the point (u32); k (i32). Then the layout of the values below, and of
 * those from there: the shuffle of a text (16 bytes) and, by the number of zeros that its last eight digits end in, its
 * length (9 bytes).
 */
export const BINADES: usize = memory.data(512 * 128, 16);
export const HALF_UNIT: usize = 8;
export const THRESHOLD: usize = 16;
export const POWER: usize = 20;
export const LAYOUTS: usize = 32;
export const LENGTHS: usize = LAYOUTS + 16;
