import type { Target } from './target.ts';

/** Where a service is served. */
export interface Served {
  readonly url: string;
  readonly grpcUrl: string;
}

/** What one anonymous client may try, within the limits of the service or beyond them. */
export interface Attack {
  readonly name: string;
  /** Resolves to a text where something is wrong with the answers, beside what holds for all attacks. */
  readonly run: (target: Target) => Promise<unknown>;
}

/** Initializers that cost nothing. */
export const ZEROS = { kernel_initializer: 'zeros', recurrent_initializer: 'zeros', bias_initializer: 'zeros' };

/** A cell whose weights are zeros. */
export function zeroCell(id: string, class_name: string, units: number, features: number, config: object = {}) {
  return { id, class_name, config: { units, ...ZEROS, ...config }, input_shape: [null, features] };
}
