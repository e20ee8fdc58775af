import type { CellGradients } from '../../domain/ports.ts';
import { type CellProgram, GATES } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
import type { Arena, Room, Rows } from './arena.ts';
import { type PackedMatrix, Products, packTransposed, rowBytes } from './products.ts';
import { gatePulls, type RunGradients } from './pull-gates.ts';
import type { RunRoom } from './run-room.ts';

/** Whether the step that is processed k-th counts for a row. */
export type Live = (k: number, row: number) => boolean;

/** A run that was gone through. */
export interface DoneRun {
  readonly thread: KernelThread;
  readonly arena: Arena;
  readonly program: CellProgram;
  readonly room: RunRoom;
  readonly batch: number;
  readonly time: number;
  readonly live: Live;
  /** Whether any step may be left out. */
  readonly masked: boolean;
  readonly zeroOutputForMask: boolean;
  timeOf(k: number): number;
  placeOf(k: number): number;
}

export interface RunPull {
  /** [batch, time, features] */
  readonly inputs: FloatArray;
  /** One [batch, width] array each. */
  readonly states: readonly FloatArray[];
  readonly cell: CellGradients;
}

/** From d/d sequence [batch, time, units] back through all steps. Yields after each of them. */
export function* pullRun(run: DoneRun, gradient: FloatArray): Generator<void, RunPull> {
  const { thread, arena, program, room, batch, time } = run;
  const { cell } = room;
  const { units, features } = cell;
  const products = new Products(thread.kernels.float32, arena);
  const gradients = roomForGradients(run);
  const { dz, ds, dh, direct } = gradients;
  const pulls = gatePulls(program, room, gradients, batch);
  const matrices = transposed(run);
  // Of outputs that masked steps repeat.
  const repeated = new Float32Array(batch * units);
  const at = (place: Rows, k: number) => ({ address: place.address + k * batch * place.stride, stride: place.stride });
  const eachLive = (k: number, pull: (k: number, row: number) => void) => {
    for (let row = 0; row < batch; row++) if (run.live(k, row)) pull(k, row);
  };
  for (let k = time - 1; k >= 0; k--) {
    addOutputs(run, gradient, k, dh, repeated);
    eachLive(k, pulls.first);
    if (pulls.second && matrices.candidate) {
      const dq = { ...at(dz, k), address: at(dz, k).address + 2 * cell.width };
      products.multiply(matrices.candidate, dq, direct, batch);
      eachLive(k, pulls.second);
    }
    holdGradients(run, gradients, k);
    products.multiply(matrices.recurrent, at(ds, k), dh, batch, direct);
    yield;
  }

  const dx = arena.takeRows(batch * time, rowBytes(features), false);
  if (features > 0) products.multiply(matrices.kernel, dz, dx, batch * time);
  yield;
  const weights = yield* weightGradients(run, gradients, products);
  const states = [rowsOf(dh, units, batch)];
  if (cell.kind === 'lstm') states.push(rowsOf(gradients.dc, units, batch));
  return { inputs: inputsOf(run, dx), states, cell: weights };
}

function roomForGradients({ arena, program, room, batch, time, masked }: DoneRun): RunGradients {
  const { sums, hStride, width, units } = room.cell;
  // What a gate is filled up with has no gradient; a step that is left out has none either.
  const zeros = sums / 4 > GATES[program.kind].length * units || masked;
  const dz = arena.takeRows(batch * time, sums, zeros);
  const own = program.kind === 'gru' && program.resetAfter;
  return {
    dz,
    ds: own ? arena.takeRows(batch * time, sums, zeros) : dz,
    dh: arena.takeRows(batch, hStride),
    dc: arena.takeRows(batch, width),
    direct: arena.takeRows(batch, hStride),
  };
}

interface Transposed {
  /** Of the gates' sums, as they lie in a row of them, to the features. */
  readonly kernel: PackedMatrix;
  readonly recurrent: PackedMatrix;
  /** Of hh, where a GRU resets before its product; its gate is then left out of `recurrent`. */
  readonly candidate?: PackedMatrix;
}

function transposed({ arena, program, room }: DoneRun): Transposed {
  const { units, width, features, candidate } = room.cell;
  const gates = GATES[program.kind].length;
  const place = (column: number) => Math.floor(column / units) * (width / 4) + (column % units);
  const inner = gates * (width / 4);
  const { kernel, recurrentKernel } = program;
  const W = packTransposed(arena, kernel, features, gates * units, { inner, place });
  if (!candidate)
    return { kernel: W, recurrent: packTransposed(arena, recurrentKernel, units, gates * units, { inner, place }) };
  const columns = (from: number, count: number) => {
    const part = new Float32Array(units * count);
    for (let row = 0; row < units; row++) {
      const start = row * gates * units + from;
      part.set(recurrentKernel.subarray(start, start + count), row * count);
    }
    return part;
  };
  return {
    kernel: W,
    recurrent: packTransposed(arena, columns(0, 2 * units), units, 2 * units, { inner: 2 * (width / 4), place }),
    candidate: packTransposed(arena, columns(2 * units, units), units, units, { inner: width / 4 }),
  };
}

/** dh += d/d output of step k; that of an output which a masked step repeats goes to the step that made it. */
function addOutputs(run: DoneRun, gradient: FloatArray, k: number, dh: Room, repeated: Float32Array): void {
  const { batch, time, room, live, zeroOutputForMask } = run;
  const { units, hStride } = room.cell;
  for (let row = 0; row < batch; row++) {
    const from = (row * time + run.placeOf(k)) * units;
    const [own, kept] = [(row * hStride) / 4, row * units];
    if (live(k, row)) {
      for (let u = 0; u < units; u++) dh.values[own + u] += gradient[from + u] + repeated[kept + u];
      repeated.fill(0, kept, kept + units);
    } else if (!zeroOutputForMask) {
      for (let u = 0; u < units; u++) repeated[kept + u] += gradient[from + u];
    } else {
      repeated.fill(0, kept, kept + units);
    }
  }
}

/** What is left out hands on the state's gradient as it is; of what counts only a GRU hands something on by itself. */
function holdGradients({ batch, program, room, live }: DoneRun, { dh, direct }: RunGradients, k: number): void {
  const size = room.cell.hStride / 4;
  for (let row = 0; row < batch; row++) {
    if (!live(k, row)) direct.values.set(dh.values.subarray(row * size, (row + 1) * size), row * size);
    else if (program.kind !== 'gru') direct.values.fill(0, row * size, (row + 1) * size);
  }
}

function* weightGradients(run: DoneRun, { dz, ds }: RunGradients, products: Products): Generator<void, CellGradients> {
  const { arena, program, room, batch, time } = run;
  const { cell, x, h, full } = room;
  const { features, units, sums, width } = cell;
  const rows = batch * time;
  const gates = GATES[program.kind].length;
  const dW = arena.takeRows(features, sums);
  const dU = arena.takeRows(units, sums);
  products.addOuter(x, features, dz, dW, rows);
  yield;
  products.addOuter(h, units, ds, dU, rows);
  yield;
  if (cell.candidate) {
    // The columns of hh are those of r∘h: they replace what came of h.
    const dUh = arena.takeRows(units, cell.gateSums);
    products.addOuter(full, units, { address: dz.address + 2 * width, stride: dz.stride }, dUh, rows);
    for (let row = 0; row < units; row++) {
      const own = dUh.values.subarray((row * dUh.stride) / 4, (row * dUh.stride) / 4 + units);
      dU.values.set(own, (row * sums + 2 * width) / 4);
    }
  }
  const sumOf = (d: Rows) => {
    const sum = arena.takeRows(1, sums);
    products.addRows(d, sum, rows);
    return unpad(sum, 1, gates, units, width);
  };
  return {
    kernel: unpad(dW, features, gates, units, width),
    recurrentKernel: unpad(dU, units, gates, units, width),
    ...(program.bias && { bias: sumOf(dz) }),
    ...(program.kind === 'gru' && program.recurrentBias && { recurrentBias: sumOf(ds) }),
  };
}

/** [rows, gates·units] without what the gates were filled up with. */
function unpad(matrix: Room & Rows, rows: number, gates: number, units: number, width: number): Float32Array {
  const result = new Float32Array(rows * gates * units);
  for (let row = 0; row < rows; row++) {
    for (let gate = 0; gate < gates; gate++) {
      const from = (row * matrix.stride + gate * width) / 4;
      result.set(matrix.values.subarray(from, from + units), (row * gates + gate) * units);
    }
  }
  return result;
}

function rowsOf({ values, stride }: Room & Rows, width: number, rows: number): Float32Array {
  const result = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const from = (row * stride) / 4;
    result.set(values.subarray(from, from + width), row * width);
  }
  return result;
}

/** [step, row] as [batch, time, features]. */
function inputsOf({ batch, time, room, timeOf }: DoneRun, dx: Room & Rows): Float32Array {
  const { features } = room.cell;
  const result = new Float32Array(batch * time * features);
  for (let k = 0; k < time; k++) {
    for (let row = 0; row < batch; row++) {
      const from = ((k * batch + row) * dx.stride) / 4;
      result.set(dx.values.subarray(from, from + features), (row * time + timeOf(k)) * features);
    }
  }
  return result;
}
