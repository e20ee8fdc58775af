import { isOpen } from '../../domain/graph.ts';

type Extents = readonly (number | string)[];

const BATCH = /batch|^[bn]$/i;
const TIME = /time|seq|frame|step|sample|len/i;

/**
 * The axis of a state along which rows of a batch stand: one that is called a batch, or else the first that is open, or
 * else the first of one element. A run always has one row, so it is a matter of how rows are shown together.
 */
export function rowsOfState(shape: Extents): number | null {
  return named(shape) ?? indexOrNull(shape.findIndex(isOpen)) ?? indexOrNull(shape.indexOf(1));
}

/** The same of an input or output: one that is called a batch, or else the first, if it may have one element. */
export function rowsOfValue(shape: Extents): number | null {
  const first = shape.at(0);
  const own = first === 1 || (first !== undefined && isOpen(first) && !TIME.test(first));
  return named(shape) ?? (own ? 0 : null);
}

function named(shape: Extents): number | null {
  return indexOrNull(shape.findIndex((extent) => isOpen(extent) && BATCH.test(extent)));
}

function indexOrNull(index: number): number | null {
  return index < 0 ? null : index;
}
