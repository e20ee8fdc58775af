/** A line through points, by least squares. */
export interface Slope {
  /** What is added in a unit of x. */
  readonly perUnit: number;
  /** Standard error of that. */
  readonly error: number;
}

export function slopeOf(points: readonly (readonly [x: number, y: number])[]): Slope {
  const mean = (k: 0 | 1) => points.reduce((sum, point) => sum + point[k], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let xx = 0;
  let xy = 0;
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  const perUnit = xy / xx;
  const left = points.reduce((sum, [x, y]) => sum + (y - meanY - perUnit * (x - meanX)) ** 2, 0);
  return { perUnit, error: Math.sqrt(left / (points.length - 2) / xx) };
}

/** Whether a slope is surely above a bound: by more than chance explains. */
export function isAbove({ perUnit, error }: Slope, bound: number): boolean {
  return perUnit - 2 * error > bound;
}
