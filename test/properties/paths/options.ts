import { runs } from '../../support/runs.ts';

/** How many cases are drawn, and from which seed: both can be set, so that a failure can be repeated and more be tried. */
export const SEED = Number(process.env.CELLSTEP_PATHS_SEED ?? 1);
const RUNS = Number(process.env.CELLSTEP_PATHS_RUNS ?? 0);

/** What to set to get case `index` again, and it alone. */
export function again(index: number): string {
  return `CELLSTEP_PATHS_SEED=${SEED} CELLSTEP_PATHS_ONLY=${index}`;
}

/** The indices of the cases to try: as many as `CELLSTEP_PATHS_RUNS` says, or `usual`, of which `npm test` tries a quarter. */
export function indices(usual: number): number[] {
  const only = process.env.CELLSTEP_PATHS_ONLY;
  if (only !== undefined) return [Number(only)];
  return Array.from({ length: RUNS > 0 ? RUNS : runs(usual, Math.ceil(usual / 4)) }, (_, index) => index);
}
