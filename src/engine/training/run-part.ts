import { type CellProgram, type RunProgram, stateWidths, stepCells, stepWidth } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { hasDropout } from '../../domain/training.ts';
import { arithmeticOf, cellArithmetic } from '../simd/kernel-arithmetic.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
import { isUniform } from '../stack-run.ts';
import type { PartCall, PartPass, TrainedPart } from './part.ts';
import type { RunPull } from './pull-run.ts';
import { type RunPass, runPass } from './run-pass.ts';

/**
 * Cells one above another over time in one direction, each over all time before the next, by kernels. Undefined where a
 * cell has none for its way back, or something is rounded between two cells.
 */
export function runPart(thread: KernelThread, program: RunProgram): TrainedPart | undefined {
  const { goBackwards, timeOrder = false, computeDtype } = program;
  const cells = stepCells(program.cell);
  const rounds = program.cell.kind === 'stack' && !isUniform(program, program.cell);
  if (computeDtype !== 'float32' || rounds || !cells.every(hasWayBack)) return undefined;
  const top = cells.length - 1;
  return function* ({ arena, states, ...call }: PartCall): Generator<void, PartPass> {
    const passes: RunPass[] = [];
    let next = 0;
    let { inputs } = call;
    for (const [k, cell] of cells.entries()) {
      const count = stateWidths(cell).length;
      const own = states.slice(next, next + count);
      next += count;
      // What is between two cells is in the order of time.
      const direction = { goBackwards, timeOrder: k < top ? goBackwards : timeOrder };
      const pass = yield* runPass(thread, arena, cell, direction, { ...call, inputs, states: own });
      passes.push(pass);
      inputs = pass.sequence;
    }
    const { batch, time, returnSequences, mask } = call;
    const width = stepWidth(program.cell);
    const last = { batch, time, width, place: timeOrder ? 0 : time - 1 };
    return {
      outputs: [returnSequences ? inputs : takeStep(inputs, last)],
      mask: returnSequences ? mask : undefined,
      *pull([gradient]) {
        let given = returnSequences ? gradient : putStep(gradient, last);
        const pulls: RunPull[] = [];
        for (const pass of passes.toReversed()) {
          const pull = yield* pass.pull(given);
          pulls.unshift(pull);
          given = pull.inputs;
        }
        return { inputs: given, states: pulls.flatMap((pull) => pull.states), cells: pulls.map(({ cell }) => cell) };
      },
    };
  };
}

interface OneStep {
  readonly batch: number;
  readonly time: number;
  readonly width: number;
  readonly place: number;
}

/** sequence[:, place, :] */
function takeStep(sequence: FloatArray, { batch, time, width, place }: OneStep): FloatArray {
  const step = new Float32Array(batch * width);
  for (let row = 0; row < batch && time > 0; row++) {
    const from = (row * time + place) * width;
    step.set(sequence.subarray(from, from + width), row * width);
  }
  return step;
}

/** A sequence of zeros with the step at its place. */
function putStep(step: FloatArray, { batch, time, width, place }: OneStep): FloatArray {
  const sequence = new Float32Array(batch * time * width);
  for (let row = 0; row < batch && time > 0; row++)
    sequence.set(step.subarray(row * width, (row + 1) * width), (row * time + place) * width);
  return sequence;
}

/** What kernels go back through: a cell of float32 with their activations, without dropout, peepholes and projection. */
function hasWayBack(program: CellProgram): boolean {
  if (arithmeticOf(cellArithmetic(program), 'fast') !== 'float32') return false;
  if (program.dropout && hasDropout(program.dropout)) return false;
  return program.kind !== 'lstm' || !(program.peepholes || program.projection || program.inputForget);
}
