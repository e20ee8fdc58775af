import type { PreparedSequence, SequenceRequest, SequenceResult } from '../../domain/ports.ts';
import type { RunProgram } from '../../domain/program.ts';
import { allocate, type FloatArray } from '../../domain/tensor.ts';
import type { KernelThread } from './kernel-cell.ts';
import { inputProduct, type PlacedCell, recurrentStep } from './kernel-step.ts';
import type { PackedCell } from './packed-cell.ts';
import { loadRows, numbersOf, type RowLayout, storeRows } from './rows.ts';
import { inputStride, type Workplace } from './scratch.ts';
import { emptyWideRegisters } from './wide-simd.ts';

/** Bytes of the inputs' products that are made ahead of the steps. */
const AHEAD = 2 ** 18;

type Direction = Pick<RunProgram, 'goBackwards' | 'timeOrder'>;

/** Rows of a batch that are run together: `count` of them from `first` on. */
interface RowBlock {
  readonly first: number;
  readonly count: number;
}

/**
 * A run of one float32 or float64 cell over time, the inputs' products of many steps made at once. The same bits as its
 * steps one by one, for each sum adds the same terms in the same order. Masks and directions as in run.ts.
 */
export function prepareKernelRun(
  thread: KernelThread,
  cell: PackedCell,
  direction: Direction,
  block: () => number,
): PreparedSequence {
  const { units, stateWidth, width, hStride, computeDtype } = cell;
  const floats = (size: number) => allocate(computeDtype, size) as FloatArray;
  const lstm = cell.kind === 'lstm';
  return {
    run(request: SequenceRequest): SequenceResult {
      const { batch, time, states, previous } = request;
      const placed = { kernels: thread.kernels, cell, block: block() };
      const ahead = stepsAhead(cell, batch, time);
      const place = thread.scratch.layOut(cell, batch, ahead);
      const view = numbersOf(cell, thread.memory, place.end);
      const sequence = floats(batch * time * stateWidth);
      const last = previous?.slice() ?? floats(batch * stateWidth);
      const [finalH, finalC] = [floats(batch * stateWidth), floats(lstm ? batch * units : 0)];
      const x = { view, stride: inputStride(cell), width: cell.features, dtype: computeDtype };
      const hs = { view, stride: hStride, width: stateWidth, dtype: computeDtype };
      const cs = { view, stride: width, width: units, dtype: computeDtype };
      const run = { placed, cell, place, ahead, view, x, hs, request, direction, sequence, last };
      for (let first = 0; first < batch; first += place.rows) {
        const count = Math.min(place.rows, batch - first);
        loadRows(hs, place.h, states[0], first, count);
        if (lstm) loadRows(cs, place.c, states[1], first, count);
        const { h, c } = runBlock(run, { first, count });
        storeRows(hs, h, finalH, first, count);
        if (lstm) storeRows(cs, c, finalC, first, count);
      }
      emptyWideRegisters();
      return { sequences: [sequence], last: [last], states: lstm ? [finalH, finalC] : [finalH] };
    },
  };
}

/** Of how many steps the inputs' products are made at once. */
export function stepsAhead({ sums }: PackedCell, batch: number, time: number): number {
  return Math.max(1, Math.min(time, Math.floor(AHEAD / (sums * Math.max(batch, 1)))));
}

interface Run {
  readonly placed: PlacedCell;
  readonly cell: PackedCell;
  readonly place: Workplace;
  /** Steps whose inputs' products are made at once. */
  readonly ahead: number;
  readonly view: FloatArray;
  /** Rows of the inputs, and of h. */
  readonly x: RowLayout;
  readonly hs: RowLayout;
  readonly request: SequenceRequest;
  readonly direction: Direction;
  readonly sequence: FloatArray;
  readonly last: FloatArray;
}

/** All steps of a block of rows, whose states are at place.h and place.c. Returns where they are in the end. */
function runBlock(run: Run, rows: RowBlock): { h: number; c: number } {
  const { placed, cell, place, ahead, request } = run;
  const { kernels } = placed;
  const { width, hStride, sums } = cell;
  const round = cell.arithmetic === 'float64' && cell.computeDtype === 'float32';
  let { h, c, nextC } = place;
  for (let start = 0; start < request.time; start += ahead) {
    const steps = Math.min(ahead, request.time - start);
    if (request.mask) h = keepApart(run, h, rows);
    loadInputs(run, rows, start, steps);
    inputProduct(placed, place.x, place.z, steps * rows.count, place.fours);
    for (let k = 0; k < steps; k++) {
      const nextH = place.nextH + k * rows.count * hStride;
      const z = place.z + k * rows.count * sums;
      recurrentStep(placed, z, place, { h, nextH, c, nextC }, rows.count);
      if (round) {
        kernels.roundToFloat32(nextH, rows.count * hStride);
        if (cell.kind === 'lstm') kernels.roundToFloat32(nextC, rows.count * width);
      }
      if (request.mask) holdStates(run, rows, timeOf(run, start + k), { h, nextH, c, nextC });
      h = nextH;
      [c, nextC] = [nextC, c];
    }
    storeOutputs(run, rows, start, steps);
  }
  return { h, c };
}

/** Copies the old h to place.h: masked rows take it back after the step, which may write to where it was. */
function keepApart({ cell, place, view }: Run, h: number, { count }: RowBlock): number {
  const size = view.BYTES_PER_ELEMENT;
  view.copyWithin(place.h / size, h / size, (h + count * cell.hStride) / size);
  return place.h;
}

/** The time step that is processed k-th. */
function timeOf({ request, direction }: Run, k: number): number {
  return direction.goBackwards ? request.time - 1 - k : k;
}

/** Inputs of some steps to place.x, [step, row]. */
function loadInputs(run: Run, { first, count }: RowBlock, start: number, steps: number): void {
  const { x, place, request, direction } = run;
  const { inputs, time } = request;
  if (count === 1 && !direction.goBackwards) {
    loadRows(x, place.x, inputs, first * time + start, steps);
    return;
  }
  for (let k = 0; k < steps; k++) {
    const t = timeOf(run, start + k);
    for (let row = 0; row < count; row++) {
      loadRows(x, place.x + (k * count + row) * x.stride, inputs, (first + row) * time + t, 1);
    }
  }
}

/** Rows that the mask leaves out keep their states. */
function holdStates(
  { cell, view, request }: Run,
  { first, count }: RowBlock,
  t: number,
  states: { readonly h: number; readonly nextH: number; readonly c: number; readonly nextC: number },
): void {
  const keep = (from: number, to: number, stride: number, row: number) => {
    const size = view.BYTES_PER_ELEMENT;
    const start = (from + row * stride) / size;
    view.copyWithin((to + row * stride) / size, start, start + stride / size);
  };
  for (let row = 0; row < count; row++) {
    if (request.mask?.[(first + row) * request.time + t] !== 0) continue;
    keep(states.h, states.nextH, cell.hStride, row);
    if (cell.kind === 'lstm') keep(states.c, states.nextC, cell.width, row);
  }
}

/** Outputs of some steps from place.nextH to the sequence; `last` is then that of the last of them. */
function storeOutputs(run: Run, { first, count }: RowBlock, start: number, steps: number): void {
  const { hs, place, request, direction, sequence, last } = run;
  const { time, mask, zeroOutputForMask } = request;
  const stateWidth = hs.width;
  const store = (k: number, row: number, to: number, steps: number) => {
    const from = place.nextH + (k * count + row) * hs.stride;
    storeRows(hs, from, sequence, (first + row) * time + to, steps);
  };
  const output = (row: number, at: number) => {
    const start = ((first + row) * time + at) * stateWidth;
    return sequence.subarray(start, start + stateWidth);
  };
  const placeOf = (k: number) => (direction.timeOrder ? time - 1 - k : k);
  if (count === 1 && !mask && !direction.timeOrder) {
    store(0, 0, start, steps);
  } else {
    for (let k = 0; k < steps; k++) {
      for (let row = 0; row < count; row++) {
        const at = placeOf(start + k);
        if (mask?.[(first + row) * time + timeOf(run, start + k)] !== 0) store(k, row, at, 1);
        else if (!zeroOutputForMask)
          output(row, at).set(last.subarray((first + row) * stateWidth, (first + row + 1) * stateWidth));
        if (mask) last.set(output(row, at), (first + row) * stateWidth);
      }
    }
  }
  for (let row = 0; row < count; row++) last.set(output(row, placeOf(start + steps - 1)), (first + row) * stateWidth);
}
