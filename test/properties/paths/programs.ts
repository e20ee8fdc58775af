import type { SequenceRequest } from '../../../src/domain/ports.ts';
import {
  type ActivationSpec,
  type CellProgram,
  MERGE_MODES,
  type RunProgram,
  type SequenceProgram,
  type StepProgram,
  sequenceCells,
  stateDtypes,
  stateWidths,
  stepDtype,
  stepWidth,
} from '../../../src/domain/program.ts';
import { allocate, type Dtype, type FloatArray } from '../../../src/domain/tensor.ts';
import { rowWork } from '../../../src/engine/work.ts';
import { type CellParts, cellOfParts, numbers, SPECS } from '../../engine/cell-parts.ts';
import { Draws } from './draws.ts';

export interface PathCase {
  readonly program: SequenceProgram;
  readonly request: SequenceRequest;
}

const MOST = { units: 1024, rows: 4096, steps: 300 } as const;
const DTYPES = ['float32', 'float64', 'float16', 'bfloat16'] as const;
/** Sizes beside those of vectors, panels and chunks of the kernels. */
const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 255, 256, 257];

/** Draws, and what makes arrays of numbers from them. */
interface Drawing {
  readonly draws: Draws;
  readonly values: typeof numbers;
}

/** The extents of a case. */
interface Extents {
  readonly features: number;
  readonly units: number;
  readonly batch: number;
  readonly time: number;
  readonly masked: boolean;
}

function drawExtents(draws: Draws): Extents {
  const size = (min: number, max: number) =>
    draws.chance(0.5) ? draws.pick(EDGES.filter((edge) => edge >= min && edge <= max)) : draws.size(min, max);
  return {
    features: size(0, 300),
    units: size(1, MOST.units),
    batch: draws.size(0, MOST.rows),
    time: draws.size(0, MOST.steps),
    masked: draws.chance(0.5),
  };
}

function drawDtype(draws: Draws): Dtype {
  return draws.chance(0.6) ? 'float32' : draws.pick(DTYPES);
}

function drawActivation(draws: Draws): ActivationSpec {
  return draws.chance(0.5) ? draws.pick(SPECS.slice(0, 4)) : draws.pick(SPECS);
}

function drawCell({ draws, values }: Drawing, features: number, units: number, dtype: Dtype): CellProgram {
  const parts: CellParts = {
    kind: draws.pick(['simple_rnn', 'gru', 'lstm']),
    features,
    units,
    dtype,
    clip: draws.chance(0.2) ? draws.pick([0.4, 3]) : undefined,
    seed: draws.seed(),
    flags: Array.from({ length: 6 }, () => draws.chance(0.5)),
    activations: [drawActivation(draws), drawActivation(draws), drawActivation(draws)],
    projected: draws.chance(0.3) ? draws.pick([1, 5, 16, 21]) : 0,
  };
  const cell = cellOfParts(parts, values);
  if (draws.chance(0.7)) return cell;
  return { ...cell, dropout: { inputs: draws.pick([0, 0.3]), recurrent: draws.pick([0, 0.5]), seed: draws.seed() } };
}

/** A cell of the drawn extents, and small ones around it where a program has more than one. */
function drawStep(drawing: Drawing, { features, units }: Extents, dtype: Dtype): StepProgram {
  const { draws } = drawing;
  if (draws.chance(0.75)) return drawCell(drawing, features, units, dtype);
  const mixed = draws.chance(0.4);
  const cells: StepProgram[] = [drawCell(drawing, features, units, dtype)];
  const stack = (inner: readonly StepProgram[]): StepProgram => {
    const computeDtype = mixed ? drawDtype(draws) : dtype;
    return { kind: 'stack', computeDtype, names: inner.map((_, k) => `cells.${k}`), cells: inner };
  };
  for (let more = draws.integer(0, 2); more > 0; more--) {
    const below = stepWidth(cells[cells.length - 1]);
    cells.push(drawCell(drawing, below, draws.integer(1, 20), mixed ? drawDtype(draws) : dtype));
  }
  return draws.chance(0.3) ? stack([stack(cells.slice(0, 1)), ...cells.slice(1)]) : stack(cells);
}

function drawRun(drawing: Drawing, extents: Extents, dtype: Dtype, backwards?: boolean): RunProgram {
  const { draws } = drawing;
  const goBackwards = backwards ?? draws.chance(0.4);
  const cell = drawStep(drawing, extents, dtype);
  return {
    kind: 'run',
    // A layer mostly has the dtype of its cell, and a stack without a layer gives its last cell's.
    computeDtype: draws.chance(0.75) ? cell.computeDtype : drawDtype(draws),
    ...(draws.chance(0.2) ? { outputDtype: stepDtype(cell) } : {}),
    cell,
    goBackwards,
    ...(draws.chance(0.4) ? { timeOrder: true } : {}),
  };
}

function drawBidirectional(drawing: Drawing, extents: Extents, dtype: Dtype): SequenceProgram {
  const { draws } = drawing;
  const forward = drawRun(drawing, extents, dtype, false);
  const own = { ...extents, units: draws.integer(1, 24) };
  const other = drawRun(drawing, own, draws.chance(0.7) ? dtype : drawDtype(draws), true);
  const equal = stepWidth(forward.cell) === stepWidth(other.cell);
  const merge = draws.chance(0.25) ? null : equal ? draws.pick(MERGE_MODES) : 'concat';
  // Half of the time both directions are of one width, so that they can be merged by all modes.
  const backward = draws.chance(0.5) ? other : { ...forward, goBackwards: true };
  const fits = merge === null || stepWidth(backward.cell) === stepWidth(forward.cell);
  const mode = fits && merge === 'concat' ? draws.pick(MERGE_MODES) : merge;
  const computeDtype = draws.chance(0.7) ? forward.computeDtype : drawDtype(draws);
  return { kind: 'bidirectional', computeDtype, forward, backward, merge: fits ? mode : 'concat' };
}

/** Width of the outputs of a program. */
export function outputWidths(program: SequenceProgram): number[] {
  if (program.kind === 'run') return [stepWidth(program.cell)];
  if (program.kind === 'chain') return outputWidths(program.layers[program.layers.length - 1]);
  const [a, b] = [stepWidth(program.forward.cell), stepWidth(program.backward.cell)];
  if (program.merge === null) return [a, b];
  return [program.merge === 'concat' ? a + b : a];
}

function drawProgram(drawing: Drawing, extents: Extents): SequenceProgram {
  const { draws } = drawing;
  const dtype = drawDtype(draws);
  const shape = draws.next();
  if (shape < 0.6) return drawRun(drawing, extents, dtype);
  if (shape < 0.8) return drawBidirectional(drawing, extents, dtype);
  const first = draws.chance(0.5) ? drawRun(drawing, extents, dtype) : drawBidirectional(drawing, extents, dtype);
  const second = { ...extents, features: outputWidths(first)[0], units: draws.integer(1, 20) };
  const layers = [first, drawRun(drawing, second, drawDtype(draws))];
  return { kind: 'chain', computeDtype: drawDtype(draws), layers };
}

/** The dtype that a program's inputs come in. */
function inputDtype(program: SequenceProgram): Dtype {
  return program.kind === 'chain' ? inputDtype(program.layers[0]) : program.computeDtype;
}

function drawRequest({ draws, values }: Drawing, program: SequenceProgram, extents: Extents): SequenceRequest {
  const { batch, time, features, masked } = extents;
  const rarity = draws.chance(0.15) ? 6 : 0;
  const widths = sequenceCells(program).flatMap(stateWidths);
  const dtypes = stateDtypes(program);
  const seed = draws.seed();
  const often = draws.pick([-0.9, -0.3, 0.5]);
  const [width] = outputWidths(program);
  const previous = program.kind === 'run' && draws.chance(0.3);
  return {
    inputs: values(inputDtype(program), batch * time * features, seed, 2, rarity),
    batch,
    time,
    states: widths.map((width, k) => values(dtypes[k], batch * width, seed + 1 + k, 1, rarity)),
    ...(masked
      ? { mask: Uint8Array.from(values('float32', batch * time, seed - 1), (value) => (value > often ? 1 : 0)) }
      : {}),
    zeroOutputForMask: draws.chance(0.4),
    ...(previous ? { previous: values(outputDtypeOf(program), batch * width, seed - 2) } : {}),
    ...(draws.chance(0.1) ? { training: draws.chance(0.5) ? { seed: draws.seed() } : {} } : {}),
  };
}

function outputDtypeOf(program: SequenceProgram): Dtype {
  return program.kind === 'run' ? (program.outputDtype ?? program.computeDtype) : program.computeDtype;
}

/** `work` bounds the multiply-adds; undefined where the extents that are drawn are over it, or `accept` refuses the case. */
export function drawCase(seed: number, work: number, accept: (of: PathCase) => boolean): PathCase | undefined {
  const draw = (values: typeof numbers): PathCase | undefined => {
    const draws = new Draws(seed);
    const extents = drawExtents(draws);
    const { batch, time, features, units } = extents;
    if (batch * time * units * (features + units) > work) return undefined;
    const program = drawProgram({ draws, values }, extents);
    return { program, request: drawRequest({ draws, values }, program, extents) };
  };
  // Its sizes first: numbers are drawn once they fit.
  const blank = draw((dtype, size) => allocate(dtype, size) as FloatArray);
  return blank && workOf(blank) <= work && accept(blank) ? draw(numbers) : undefined;
}

/** Multiply-adds of a case. */
export function workOf({ program, request: { batch, time } }: PathCase): number {
  return sequenceCells(program).reduce((sum, cell) => sum + rowWork(cell), 0) * batch * time;
}

/** A case in a line, for the message of a failure. */
export function describeCase({ program, request }: PathCase): string {
  const { batch, time, mask, zeroOutputForMask, previous, training } = request;
  const options = {
    batch,
    time,
    masked: mask !== undefined,
    zeroOutputForMask,
    followed: previous !== undefined,
    training,
  };
  const short = (_: string, value: unknown) => (ArrayBuffer.isView(value) ? undefined : value);
  return `${JSON.stringify(options)} ${JSON.stringify(program, short)}`;
}
