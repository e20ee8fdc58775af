import type { FloatArray } from '../../domain/tensor.ts';
import type { KernelSet } from '../simd/kernel-module.ts';
import { packPanels } from '../simd/pack-panels.ts';
import { emptyWideRegisters } from '../simd/wide-simd.ts';
import type { Arena, Rows } from './arena.ts';

/** Columns of a panel of float32, and its bytes. */
const LANES = 16;
const LINE = 64;
/** Rows that go through a product together: what they take four at a time stays in the cache. */
const BLOCK = 128;

/** A matrix [inner, columns] in panels: kernels/product.ts. */
export interface PackedMatrix {
  readonly address: number;
  readonly inner: number;
  readonly panels: number;
}

/** Bytes of a row of so many float32, up to whole lines. */
export function rowBytes(width: number): number {
  return Math.ceil(width / LANES) * LINE;
}

/** values [inner, columns] */
export function packMatrix(arena: Arena, values: FloatArray, inner: number, columns: number): PackedMatrix {
  const panels = Math.ceil(columns / LANES);
  const { address, values: out } = arena.take(inner * panels * LINE);
  const sources = Int32Array.from({ length: columns }, (_, k) => k);
  for (const _ of packPanels(out, { values, inner, columns, sources, lanes: LANES }));
  return { address, inner, panels };
}

/** values [rows, columns] as [columns, rows]; `place` tells where each column comes among `inner` ones, the rest being 0. */
export function packTransposed(
  arena: Arena,
  values: FloatArray,
  rows: number,
  columns: number,
  { inner = columns, place = (column: number) => column } = {},
): PackedMatrix {
  const transposed = new Float32Array(inner * rows);
  for (let column = 0; column < columns; column++) {
    const to = place(column) * rows;
    for (let row = 0; row < rows; row++) transposed[to + row] = values[row * columns + column];
  }
  return packMatrix(arena, transposed, inner, rows);
}

/** Products of rows in an arena, by the kernels of float32. */
export class Products {
  private readonly kernels: KernelSet;
  private readonly arena: Arena;
  private readonly zeros: number;
  private readonly one: number;
  private fours = { address: 0, bytes: 0 };

  constructor(kernels: KernelSet, arena: Arena) {
    this.kernels = kernels;
    this.arena = arena;
    const { address, values } = arena.take(2 * LINE);
    values[0] = 1;
    this.one = address;
    this.zeros = address + LINE;
  }

  /** out[r] = init[r] + x[r]·matrix for `rows` rows; without `init` from zeros. out may be init. */
  multiply(matrix: PackedMatrix, x: Rows, out: Rows, rows: number, init?: Rows): void {
    const { address, inner, panels } = matrix;
    const start = init ?? this.startFor(panels);
    const fours = this.roomForFours(inner);
    const at = (place: Rows, row: number) => place.address + row * place.stride;
    for (let row = 0; row < rows; row += BLOCK) {
      const count = Math.min(BLOCK, rows - row);
      const [from, to] = [at(x, row), at(out, row)];
      this.kernels.product(
        address,
        inner,
        panels,
        from,
        x.stride,
        at(start, row),
        start.stride,
        to,
        out.stride,
        count,
        fours,
      );
    }
    emptyWideRegisters();
  }

  /** out [inner, lines] += Σ x[r]ᵀ·d[r] over `rows` rows. */
  addOuter(x: Rows, inner: number, d: Rows, out: Rows, rows: number): void {
    if (rows === 0) return;
    const lines = out.stride / LINE;
    this.kernels.outer(x.address, x.stride, inner, d.address, d.stride, lines, out.address, out.stride, rows);
    emptyWideRegisters();
  }

  /** out [lines] += Σ d[r] over `rows` rows. */
  addRows(d: Rows, out: Rows, rows: number): void {
    this.addOuter({ address: this.one, stride: 0 }, 1, d, out, rows);
  }

  /** Zeros that every row starts from. */
  private startFor(panels: number): Rows {
    const address = panels === 1 ? this.zeros : this.arena.take(panels * LINE).address;
    return { address, stride: 0 };
  }

  private roomForFours(inner: number): number {
    const bytes = BLOCK * inner * 4;
    if (this.fours.bytes < bytes) this.fours = { address: this.arena.take(bytes).address, bytes };
    return this.fours.address;
  }
}
