import type { KernelModule } from './kernel-module.ts';
import type { PackedCell } from './packed-cell.ts';
import { inputStride, type Workplace } from './scratch.ts';

/** The places of one step's states; next ones may be where the old ones are. */
export interface StatePlaces {
  readonly h: number;
  readonly nextH: number;
  readonly c: number;
  readonly nextC: number;
}

/** A cell whose packed weights lie at an address, and the kernels that compute with it. */
export interface PlacedCell {
  readonly kernels: KernelModule;
  readonly cell: PackedCell;
  readonly block: number;
}

/** z = bias + x·kernel for `rows` rows from the addresses x and z on; `fours` as in kernels/product.ts. */
export function inputProduct(
  { kernels, cell, block }: PlacedCell,
  x: number,
  z: number,
  rows: number,
  fours: number,
): void {
  const { kernel, sums, bias, arithmetic } = cell;
  const { inner, panels } = kernel;
  const { product } = kernels[arithmetic];
  product(block + kernel.offset, inner, panels, x, inputStride(cell), block + bias, 0, z, sums, rows, fours);
}

/** The rest of a step of `rows` rows: from the inputs' product at z and the old states to the new ones. */
export function recurrentStep(
  { kernels, cell, block }: PlacedCell,
  z: number,
  { a, s, full, fours }: Pick<Workplace, 'a' | 's' | 'full' | 'fours'>,
  { h, nextH, c, nextC }: StatePlaces,
  rows: number,
): void {
  const { kind, recurrent, candidate, projection, sums, gateSums, width, hStride } = cell;
  const set = kernels[cell.arithmetic];
  const U = block + recurrent.offset;
  if (kind === 'simple_rnn') {
    set.product(U, recurrent.inner, recurrent.panels, h, hStride, z, sums, z, sums, rows, fours);
    set.simpleRnn(block, z, sums, nextH, hStride, rows);
  } else if (kind === 'lstm') {
    set.product(U, recurrent.inner, recurrent.panels, h, hStride, z, sums, z, sums, rows, fours);
    if (!projection) {
      set.lstm(block, z, sums, a, 5 * width, c, nextC, width, nextH, hStride, rows);
      return;
    }
    set.lstm(block, z, sums, a, 5 * width, c, nextC, width, full, width, rows);
    const P = block + projection.offset;
    const zeros = block + cell.zeros;
    set.product(P, projection.inner, projection.panels, full, width, zeros, 0, nextH, hStride, rows, fours);
  } else {
    const bias = block + cell.recurrentBias;
    set.product(U, recurrent.inner, recurrent.panels, h, hStride, bias, 0, s, sums, rows, fours);
    if (!candidate) {
      set.gruGates(block, z, s, sums, sums, a, 5 * width, h, hStride, 0, rows);
      set.gruCandidate(block, z, s + 2 * width, sums, sums, a, 5 * width, h, nextH, hStride, 1, rows);
      return;
    }
    set.gruGates(block, z, s, sums, sums, a, 5 * width, h, hStride, full, rows);
    const own = s + rows * sums;
    const hBias = bias + 2 * width;
    const Uh = block + candidate.offset;
    set.product(Uh, candidate.inner, candidate.panels, full, hStride, hBias, 0, own, gateSums, rows, fours);
    set.gruCandidate(block, z, own, sums, gateSums, a, 5 * width, h, nextH, hStride, 0, rows);
  }
}
