import type { Training } from './ports.ts';
import type { Dropout } from './program.ts';

/** Training for the cells that come after the first `cells` of a composite. */
export function trainingAfter(training: Training | undefined, cells: number): Training | undefined {
  return training?.seed === undefined ? training : { seed: training.seed + cells };
}

export function hasDropout({ inputs, recurrent }: Dropout): boolean {
  return inputs > 0 || recurrent > 0;
}
