import { gateFunction } from '../../cells/cell-row.ts';
import type { AnyLayer } from '../../domain/layers.ts';
import { allocate, type FloatArray, rounder } from '../../domain/tensor.ts';
import type { PreparedLayer } from '../networks/layer.ts';
import { kernelActivation } from './kernel-activations.ts';
import type { KernelThread } from './kernel-cell.ts';
import type { PackedLayer } from './packed-layer.ts';
import { loadRows, numbersOf, storeRows } from './rows.ts';
import { emptyWideRegisters } from './wide-simd.ts';

/** Bytes of the rows that go through a product together. */
const BUDGET = 2 ** 20;
const LINE = 64;

/** Where rows of the output lie, once their sums are made. */
interface Sums {
  readonly view: FloatArray;
  readonly at: number;
  readonly stride: number;
  readonly first: number;
  readonly rows: number;
}

/**
 * A layer that is one product, out = activation(x·W + b), whose weights lie at `block()`. An activation without a kernel is
 * computed from the sums in float64. Each row by itself, so that its bits depend on no other.
 */
export function prepareKernelLayer(
  { kernels, memory, scratch }: KernelThread,
  layer: AnyLayer,
  packed: PackedLayer,
  block: () => number,
): PreparedLayer {
  const { inner, columns, panels, arithmetic } = packed;
  const { activation, computeDtype, outputWidth } = layer;
  // A Dense works on the last axis of a unit that has several.
  const rowsOfUnit = outputWidth / columns;
  const set = kernels[arithmetic];
  const xStride = inner * (arithmetic === 'float32' ? 4 : 8);
  const outStride = panels * LINE;
  const perRow = 2 * xStride + outStride;
  const known = activation && kernelActivation(activation);
  const gate = activation && !known ? gateFunction(activation) : undefined;
  const round = rounder(computeDtype);

  /** Rows of sums through an activation that has no kernel. */
  const activateRows = ({ view, at, stride, first, rows }: Sums, after: FloatArray): void => {
    const [before, row] = [new Float64Array(columns), new Float64Array(columns)];
    for (let n = 0; n < rows; n++) {
      const from = (at + n * stride) / view.BYTES_PER_ELEMENT;
      for (let k = 0; k < columns; k++) before[k] = view[from + k];
      gate?.(before, row);
      for (let k = 0; k < columns; k++) after[(first + n) * columns + k] = round(row[k]);
    }
  };

  return {
    run([x], units, trace = false) {
      const count = units.count * rowsOfUnit;
      const address = block();
      const most = Math.max(1, Math.min(count, Math.floor(BUDGET / perRow)));
      const start = scratch.room(most * perRow + 4 * LINE);
      const [out, fours] = [lineUp(start + most * xStride), lineUp(start + most * xStride) + most * outStride];
      const view = numbersOf(packed, memory, fours + most * xStride);
      const xs = { view, stride: xStride, width: inner, dtype: computeDtype };
      const sums = { view, stride: outStride, width: columns, dtype: computeDtype };
      const after = allocate(computeDtype, count * columns) as FloatArray;
      const before = trace && activation ? (allocate(computeDtype, count * columns) as FloatArray) : undefined;
      for (let first = 0; first < count; first += most) {
        const rows = Math.min(most, count - first);
        loadRows(xs, start, x, first, rows);
        set.product(
          address + packed.kernel,
          inner,
          panels,
          start,
          xStride,
          address + packed.bias,
          0,
          out,
          outStride,
          rows,
          fours,
        );
        if (before) storeRows(sums, out, before, first, rows);
        if (gate) {
          emptyWideRegisters();
          activateRows({ view, at: out, stride: outStride, first, rows }, after);
          continue;
        }
        if (known) set.activate(address, out, out, rows * outStride);
        storeRows(sums, out, after, first, rows);
      }
      emptyWideRegisters();
      return { after, ...(before ? { before } : {}) };
    },
  };
}

function lineUp(address: number): number {
  return Math.ceil(address / LINE) * LINE;
}
