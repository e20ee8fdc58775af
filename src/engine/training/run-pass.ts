import type { CellProgram } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
import { inputProduct, recurrentStep } from '../simd/kernel-step.ts';
import { emptyWideRegisters } from '../simd/wide-simd.ts';
import type { Arena, Room, Rows } from './arena.ts';
import { type Live, pullRun, type RunPull } from './pull-run.ts';
import { AHEAD, type RunRoom, roomForRun } from './run-room.ts';

/** A sequence of a batch, in the dtype float32. */
export interface BatchSequence {
  /** [batch, time, features] */
  readonly inputs: FloatArray;
  readonly batch: number;
  readonly time: number;
  /** [batch, time], 0 where a step is left out. */
  readonly mask?: Uint8Array;
}

export interface RunCall extends BatchSequence {
  /** One [batch, width] array each. */
  readonly states: readonly FloatArray[];
  readonly zeroOutputForMask: boolean;
}

/** What went through a run, and the way back. */
export interface RunPass {
  /** [batch, time, units]; in the order of processing, or of time. */
  readonly sequence: FloatArray;
  /** From d/d sequence, of its shape. */
  pull(gradient: FloatArray): Generator<void, RunPull>;
}

interface Direction {
  readonly goBackwards: boolean;
  readonly timeOrder?: boolean;
}

/**
 * One cell over time on all rows at once, forwards by the kernels of evaluation and back by products of whole batches, in
 * float32. Yields after each step. The arena keeps everything until it ends. For cells that `hasRunKernels` takes.
 */
export function* runPass(
  thread: KernelThread,
  arena: Arena,
  program: CellProgram,
  direction: Direction,
  call: RunCall,
): Generator<void, RunPass> {
  const { batch, time, states, mask, zeroOutputForMask } = call;
  const room = roomForRun(thread, arena, program, batch, time);
  const { cell } = room;
  const order = orderOf(direction, time);
  loadInputs(room, call, order);
  load(room.h, states[0], cell.stateWidth, batch);
  if (cell.kind === 'lstm') load(room.c, states[1], cell.units, batch);
  inputProducts(thread, room, batch * time);
  const live: Live = (k, row) => mask?.[row * time + order.timeOf(k)] !== 0;
  for (let k = 0; k < time; k++) {
    step(thread, room, batch, k);
    if (mask) hold(room, batch, k, live);
    yield;
  }
  const sequence = new Float32Array(batch * time * cell.units);
  const hs = cell.hStride / 4;
  for (let row = 0; row < batch; row++) {
    let last = -1;
    for (let k = 0; k < time; k++) {
      const to = (row * time + order.placeOf(k)) * cell.units;
      if (live(k, row)) last = k;
      else if (zeroOutputForMask) last = -1;
      if (last < 0) continue;
      const from = ((last + 1) * batch + row) * hs;
      sequence.set(room.h.values.subarray(from, from + cell.units), to);
    }
  }
  const masked = mask !== undefined;
  const run = { thread, arena, program, room, batch, time, live, masked, zeroOutputForMask, ...order };
  return { sequence, pull: (gradient) => pullRun(run, gradient) };
}

interface Order {
  /** The time of the step that is processed k-th, and the place of its output. */
  timeOf(k: number): number;
  placeOf(k: number): number;
}

function orderOf({ goBackwards, timeOrder = false }: Direction, time: number): Order {
  const back = (k: number) => time - 1 - k;
  const same = (k: number) => k;
  return { timeOf: goBackwards ? back : same, placeOf: timeOrder ? back : same };
}

function loadInputs({ x, cell }: RunRoom, { inputs, batch, time }: BatchSequence, { timeOf }: Order): void {
  const { features } = cell;
  const stride = x.stride / 4;
  for (let k = 0; k < time; k++) {
    for (let row = 0; row < batch; row++) {
      const from = (row * time + timeOf(k)) * features;
      x.values.set(inputs.subarray(from, from + features), (k * batch + row) * stride);
    }
  }
}

function load(to: Room & Rows, values: FloatArray, width: number, rows: number): void {
  for (let row = 0; row < rows; row++)
    to.values.set(values.subarray(row * width, (row + 1) * width), (row * to.stride) / 4);
}

function inputProducts({ kernels }: KernelThread, { cell, block, x, z, fours }: RunRoom, rows: number): void {
  const placed = { kernels, cell, block };
  for (let row = 0; row < rows; row += AHEAD) {
    const count = Math.min(AHEAD, rows - row);
    const [from, to] = [x.address + row * x.stride, z.address + row * z.stride];
    inputProduct(placed, from, to, count, fours);
  }
}

/** Step k of all rows, as in evaluation, its gates kept. */
function step({ kernels }: KernelThread, room: RunRoom, batch: number, k: number): void {
  const { cell, block, z, a, s, h, c, full, fours } = room;
  const at = ({ address, stride }: Rows, step: number) => address + step * batch * stride;
  const gates = { a: at(a, k), s: at(s, k), full: at(full, k), fours };
  const states = { h: at(h, k), nextH: at(h, k + 1), c: at(c, k), nextC: at(c, k + 1) };
  recurrentStep({ kernels, cell, block }, at(z, k), gates, states, batch);
  emptyWideRegisters();
}

/** Rows that are left out keep their states. */
function hold({ cell, h, c }: RunRoom, batch: number, k: number, live: Live): void {
  for (const { values, stride } of cell.kind === 'lstm' ? [h, c] : [h]) {
    const size = stride / 4;
    for (let row = 0; row < batch; row++) {
      if (live(k, row)) continue;
      const from = (k * batch + row) * size;
      values.copyWithin(from + batch * size, from, from + size);
    }
  }
}
