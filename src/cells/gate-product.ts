import { addProduct } from './product.ts';

/** A product with the first `gates` blocks of `units` columns of a matrix that has `blocks` of them. */
export interface GateProduct {
  readonly vector: Float64Array;
  readonly matrix: Float64Array;
  readonly gates: number;
  readonly units: number;
  /** None, one for all gates, or one for each (dropout in training). */
  readonly masks?: readonly Float64Array[];
  /** As many as there are gates, if not given. */
  readonly blocks?: number;
}

/** sums += (vector∘mask)·matrix, for the columns of the gates. */
export function addGateProducts(
  sums: Float64Array,
  { vector, matrix, gates, units, masks, blocks = gates }: GateProduct,
): void {
  const columns = blocks * units;
  if (masks === undefined || masks.length < 2) {
    addProduct(sums.subarray(0, gates * units), masks?.[0] ? masked(vector, masks[0]) : vector, matrix, columns);
    return;
  }
  for (let gate = 0; gate < gates; gate++) {
    const start = gate * units;
    addProduct(sums.subarray(start, start + units), masked(vector, masks[gate]), matrix, columns, start);
  }
}

/** The mask of a gate, if there is one. */
export function gateMask(masks: readonly Float64Array[] | undefined, gate: number): Float64Array | undefined {
  return masks?.length === 1 ? masks[0] : masks?.[gate];
}

/** The product that `pullGateProducts` goes back through. */
export interface PulledGates extends GateProduct {
  /** The first of the gates, 0 if not given; `sums` has a place for those before it, too. */
  readonly first?: number;
}

/**
 * Backwards through addGateProducts: from d/d sums to d/d matrix and d/d vector, both added to what is there.
 * d matrix += (vector∘mask)ᵀ·d sums, d vector += mask∘(matrix·d sums).
 */
export function pullGateProducts(
  { vector, matrix, gates, units, masks, first = 0, blocks = gates }: PulledGates,
  sumsGradient: Float64Array,
  matrixGradient: Float64Array,
  vectorGradient: Float64Array,
): void {
  const columns = blocks * units;
  for (let r = 0; r < vector.length; r++) {
    for (let gate = first; gate < first + gates; gate++) {
      const mask = gateMask(masks, gate)?.[r] ?? 1;
      const value = vector[r] * mask;
      const row = r * columns;
      let sum = 0;
      for (let k = gate * units; k < (gate + 1) * units; k++) {
        matrixGradient[row + k] += value * sumsGradient[k];
        sum += matrix[row + k] * sumsGradient[k];
      }
      vectorGradient[r] += mask * sum;
    }
  }
}

function masked(vector: Float64Array, mask: Float64Array): Float64Array {
  return vector.map((value, r) => value * mask[r]);
}
