import { type Dtype, type FloatArray, rounder } from '../../domain/tensor.ts';
import type { PackedCell } from './packed-cell.ts';
import type { SharedMemory } from './shared-memory.ts';

/** Below this a loop is faster than a call of `set`. */
export const FEW = 48;

/** The memory as numbers of a cell's arithmetic, up to `end` at least. */
export function numbersOf(
  { arithmetic }: Pick<PackedCell, 'arithmetic'>,
  memory: SharedMemory,
  end: number,
): FloatArray {
  return arithmetic === 'float32' ? memory.float32(end) : memory.float64(end);
}

/** How rows of `width` numbers lie in the memory, `stride` bytes apart; an array has them one after another, in its dtype. */
export interface RowLayout {
  readonly view: FloatArray;
  readonly stride: number;
  readonly width: number;
  readonly dtype: Dtype;
}

/** Copies `rows` rows to the memory, from the row `first` of an array on. */
export function loadRows(layout: RowLayout, address: number, values: FloatArray, first: number, rows: number): void {
  const { view, stride, width } = layout;
  const at = address / view.BYTES_PER_ELEMENT;
  const step = stride / view.BYTES_PER_ELEMENT;
  const from = first * width;
  if (step === width) copy(view, at, values, from, rows * width);
  else for (let row = 0; row < rows; row++) copy(view, at + row * step, values, from + row * width, width);
}

/** Copies `rows` rows from the memory to an array's rows from `first` on, rounded to its dtype. */
export function storeRows(layout: RowLayout, address: number, target: FloatArray, first: number, rows: number): void {
  const { view, stride, width, dtype } = layout;
  const at = address / view.BYTES_PER_ELEMENT;
  const step = stride / view.BYTES_PER_ELEMENT;
  const to = first * width;
  if (dtype === 'float32' || dtype === 'float64') {
    if (step === width) copy(target, to, view, at, rows * width);
    else for (let row = 0; row < rows; row++) copy(target, to + row * width, view, at + row * step, width);
    return;
  }
  const round = rounder(dtype);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < width; k++) target[to + row * width + k] = round(view[at + row * step + k]);
  }
}

/** Numbers from one array to another; what is narrower rounds them. */
function copy(target: FloatArray, to: number, source: FloatArray, from: number, count: number): void {
  if (count < FEW) for (let k = 0; k < count; k++) target[to + k] = source[from + k];
  else target.set(source.subarray(from, from + count), to);
}
