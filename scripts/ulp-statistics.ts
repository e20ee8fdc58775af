/** How far float32 results are from the exact values, in the figures of test/golden/ulp_report.json. */
export interface UlpStatistics {
  readonly cases: number;
  readonly values: number;
  readonly mean_ulp: number;
  readonly median_ulp: number;
  readonly p99_ulp: number;
  readonly max_ulp: number;
  /** Of values of at least 1/16 in size: without the results near zero, where a small error is many ulps. */
  readonly max_ulp_where_at_least_1_16: number;
  readonly mean_ulp_where_at_least_1_16: number;
  readonly max_abs: number;
  readonly share_correctly_rounded: number;
}

/** The results of one case beside their exact values, element by element. */
export interface Measured {
  readonly values: readonly number[];
  readonly exact: readonly number[];
}

/** Distance of neighbouring float32 values at x. */
export function float32Ulp(x: number): number {
  const size = Math.abs(x);
  if (size < 2 ** -126) return 2 ** -149;
  const exponent = Math.floor(Math.log2(size));
  // log2 may round up to the power of two above.
  return 2 ** ((2 ** exponent > size ? exponent - 1 : exponent) - 23);
}

/** Errors in ulps of the exact value: at most 0.5 where a result is correctly rounded. */
export function ulpErrors({ values, exact }: Measured): number[] {
  return exact.map((wanted, i) => Math.abs(values[i] - wanted) / float32Ulp(wanted));
}

/** @throws {RangeError} where there is nothing to measure. */
export function ulpStatistics(cases: readonly Measured[]): UlpStatistics {
  const errors = cases.flatMap(ulpErrors);
  if (errors.length === 0) throw new RangeError('there are no values to measure');
  const exact = cases.flatMap((one) => one.exact);
  const absolute = cases.flatMap((one) => one.exact.map((wanted, i) => Math.abs(one.values[i] - wanted)));
  const large = errors.filter((_, i) => Math.abs(exact[i]) >= 1 / 16);
  const sorted = errors.toSorted((a, b) => a - b);
  return {
    cases: cases.length,
    values: errors.length,
    mean_ulp: mean(errors),
    median_ulp: percentile(sorted, 50),
    p99_ulp: percentile(sorted, 99),
    max_ulp: sorted[sorted.length - 1],
    max_ulp_where_at_least_1_16: Math.max(...large),
    mean_ulp_where_at_least_1_16: mean(large),
    max_abs: Math.max(...absolute),
    share_correctly_rounded: errors.filter((error) => error <= 0.5).length / errors.length,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Between the neighbours in proportion, as NumPy's percentile. */
function percentile(sorted: readonly number[], percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100;
  const low = Math.floor(place);
  const high = Math.ceil(place);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}
