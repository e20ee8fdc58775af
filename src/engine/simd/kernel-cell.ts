import type { GateTrace, PreparedCell, StepResult } from '../../domain/ports.ts';
import { allocate, type FloatArray } from '../../domain/tensor.ts';
import type { KernelModule } from './kernel-module.ts';
import { inputProduct, recurrentStep } from './kernel-step.ts';
import type { PackedCell } from './packed-cell.ts';
import { loadRows, numbersOf, storeRows } from './rows.ts';
import { inputStride, type Scratch, type Workplace } from './scratch.ts';
import type { SharedMemory } from './shared-memory.ts';
import { emptyWideRegisters } from './wide-simd.ts';

/** What a thread computes with. */
export interface KernelThread {
  readonly kernels: KernelModule;
  readonly memory: SharedMemory;
  readonly scratch: Scratch;
}

/** Single steps of a cell whose weights lie at `block()`, asked anew for each call as they may have moved. */
export function prepareKernelCell(thread: KernelThread, cell: PackedCell, block: () => number): PreparedCell {
  const { kernels, memory, scratch } = thread;
  const { features, units, stateWidth, width, hStride, computeDtype } = cell;
  const floats = (size: number) => allocate(computeDtype, size) as FloatArray;
  const lstm = cell.kind === 'lstm';
  return {
    step(inputs, states, batch, { trace = false } = {}): StepResult {
      const placed = { kernels, cell, block: block() };
      const place = scratch.layOut(cell, batch);
      const view = numbersOf(cell, memory, place.end);
      const x = { view, stride: inputStride(cell), width: features, dtype: computeDtype };
      const h = { view, stride: hStride, width: stateWidth, dtype: computeDtype };
      const c = { view, stride: width, width: units, dtype: computeDtype };
      const nextH = floats(batch * stateWidth);
      const nextC = lstm ? floats(batch * units) : undefined;
      const gates = trace ? emptyTraces(cell, batch) : undefined;
      for (let first = 0; first < batch; first += place.rows) {
        const rows = Math.min(place.rows, batch - first);
        loadRows(x, place.x, inputs, first, rows);
        loadRows(h, place.h, states[0], first, rows);
        if (lstm) loadRows(c, place.c, states[1], first, rows);
        inputProduct(placed, place.x, place.z, rows, place.fours);
        recurrentStep(placed, place.z, place, place, rows);
        storeRows(h, place.nextH, nextH, first, rows);
        if (nextC) storeRows(c, place.nextC, nextC, first, rows);
        if (gates) storeTraces({ view, cell, place }, gates, first, rows);
      }
      emptyWideRegisters();
      return { output: nextH, states: nextC ? [nextH, nextC] : [nextH], ...(gates && { trace: gates }) };
    },
  };
}

/** As the cells of src/cells name them, in the order of the kernels' blocks. */
const TRACES = { simple_rnn: ['h'], gru: ['z', 'r', 'hh'], lstm: ['i', 'f', 'c', 'o', 'new_c'] } as const;

function emptyTraces({ kind, units, computeDtype: dtype }: PackedCell, batch: number): GateTrace[] {
  const floats = () => allocate(dtype, batch * units) as FloatArray;
  return TRACES[kind].map((name) => ({ name, dtype, width: units, before: floats(), after: floats() }));
}

/** A cell, and where the numbers of its steps lie. */
interface PlacedSteps {
  readonly view: FloatArray;
  readonly cell: PackedCell;
  readonly place: Workplace;
}

function storeTraces(
  { view, cell, place }: PlacedSteps,
  gates: readonly GateTrace[],
  first: number,
  rows: number,
): void {
  const { kind, units, width, sums, hStride, computeDtype: dtype } = cell;
  const layout = (stride: number) => ({ view, stride, width: units, dtype });
  for (const [k, { name, before, after }] of gates.entries()) {
    const [from, fromStride] = name === 'new_c' ? [place.nextC, width] : [place.z + k * width, sums];
    const [to, toStride] = kind === 'simple_rnn' ? [place.nextH, hStride] : [place.a + k * width, 5 * width];
    storeRows(layout(fromStride), from, before, first, rows);
    storeRows(layout(toStride), to, after, first, rows);
  }
}
