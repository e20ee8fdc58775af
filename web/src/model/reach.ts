/** How far the past reaches: the size of the gradient of an output with respect to the input of each step before it. */
export interface Reach {
  /** Newest first: [0] is the step itself. */
  readonly sizes: readonly number[];
  readonly verdict: 'vanishing' | 'exploding' | 'steady' | 'unknown';
  /** By what the size changes with each step back, on average. */
  readonly factor: number;
}

/** `gradients` of an output with respect to the inputs [time][features], oldest first. */
export function reachOf(gradients: readonly (readonly number[])[]): Reach {
  const sizes = gradients.map((row) => Math.hypot(...row)).toReversed();
  const known = sizes.flatMap((size, back) =>
    size > 0 && Number.isFinite(size) ? [{ back, log: Math.log(size) }] : [],
  );
  if (known.length < 4) return { sizes, verdict: 'unknown', factor: Number.NaN };
  const factor = Math.exp(slope(known));
  const verdict = factor < 0.9 ? 'vanishing' : factor > 1.1 ? 'exploding' : 'steady';
  return { sizes, verdict, factor };
}

/** Of the line through the points that has the least squared distance. */
function slope(points: readonly { readonly back: number; readonly log: number }[]): number {
  const mean = (pick: (point: (typeof points)[number]) => number) =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [x, y] = [mean(({ back }) => back), mean(({ log }) => log)];
  const covariance = mean(({ back, log }) => (back - x) * (log - y));
  return covariance / mean(({ back }) => (back - x) ** 2);
}
