import type { RowMasks } from '../../cells/cell-row.ts';
import type { GradientSums } from '../../cells/step-gradient.ts';

/** Vectors of one row of the batch, one for each time step. */
export type Vectors = readonly Float64Array[];

/** What all parts of a program share while one row goes through it. */
export interface RowContext {
  /** Initial states of the whole program. */
  readonly states: Vectors;
  /** By the index of the cell in the program. */
  readonly masks: readonly (RowMasks | undefined)[];
  /** By the index of the cell in the program; over all rows. */
  readonly sums: readonly GradientSums[];
  /** False where the mask leaves time step t out. */
  readonly live: (t: number) => boolean;
  readonly zeroOutputForMask: boolean;
  /** A masked first step repeats the state h rather than zeros, as in a network: network-node.ts. */
  readonly carriesOutput?: boolean;
  /** The gradients with respect to `states`; each part sets those of its own states on the way back. */
  readonly stateGradients: Float64Array[];
}

/** One row's outputs of a part of a program: one, or two where a bidirectional layer does not merge them. */
export interface RowPass {
  readonly sequences: readonly Vectors[];
  readonly last: readonly Float64Array[];
  /** Back from d/d sequences, or d/d last, to d/d inputs. Final states are not part of the loss. */
  pullSequences(gradients: readonly Vectors[]): Generator<void, Vectors>;
  pullLast(gradients: readonly Float64Array[]): Generator<void, Vectors>;
}

/** A part of a sequence program that one row goes through, and back, both in slices. */
export interface Differentiable {
  forward(inputs: Vectors, context: RowContext): Generator<void, RowPass>;
}

/** Where a part's cells and states begin among those of the whole program. */
export interface Position {
  readonly cell: number;
  readonly state: number;
}

export function zeroVectors(count: number, width: number): Float64Array[] {
  return Array.from({ length: count }, () => new Float64Array(width));
}

/** a + b, element by element, of two lists of equally many vectors of equal widths. */
export function addVectors(a: Vectors, b: Vectors): Float64Array[] {
  return a.map((vector, t) => vector.map((value, u) => value + b[t][u]));
}
