import { describe, expect, it } from 'vitest';
import type { RunProgram } from '../../src/domain/program.ts';
import { inPieces } from '../../src/engine/pieces.ts';
import { prepareStepwiseRun } from '../../src/engine/run.ts';
import { createSimdEngines } from '../../src/engine/simd.ts';
import { SLICE_NANOSECONDS } from '../../src/engine/sliced.ts';
import { standardCell } from './some-programs.ts';

const { exact } = createSimdEngines();
const [BATCH, TIME, FEATURES, UNITS] = [3, 7, 2, 4];

const values = (count: number) => Float32Array.from({ length: count }, (_, k) => Math.sin(1 + 2.3 * k));
const program = (direction: Partial<RunProgram>): RunProgram => ({
  kind: 'run',
  computeDtype: 'float32',
  cell: standardCell('lstm', FEATURES, UNITS),
  goBackwards: false,
  ...direction,
});
const request = {
  inputs: values(BATCH * TIME * FEATURES),
  batch: BATCH,
  time: TIME,
  states: [values(BATCH * UNITS), values(BATCH * UNITS)],
  mask: Uint8Array.from({ length: BATCH * TIME }, (_, k) => Number(k % 4 !== 1)),
  zeroOutputForMask: false,
  trace: true,
};

/** Does the work, and counts the turns that others get. */
function turnsOf<R>(work: Generator<void, R>): { readonly turns: number; readonly result: R } {
  for (let turns = 0; ; turns++) {
    const { done, value } = work.next();
    if (done) return { turns, result: value };
  }
}

describe('work in slices', () => {
  it.each<[string, Partial<RunProgram>]>([
    ['forwards', {}],
    ['backwards', { goBackwards: true }],
    ['backwards in the order of time', { goBackwards: true, timeOrder: true }],
  ])('has the bits of a run %s in one piece, with masks and traces', (_, direction) => {
    const one = program(direction);
    const whole = prepareStepwiseRun(one, exact.prepare);
    // Two steps of all rows to a slice.
    const cut = inPieces(one, whole, SLICE_NANOSECONDS / BATCH / 2);
    const { turns, result } = turnsOf(cut.slices(request));
    expect(turns).toBe(4);
    expect(result).toEqual(whole.run(request));
  });

  it('gives others a turn at each step of each row, forwards and back', () => {
    const { trace: _, ...plain } = request;
    const cotangents = [values(BATCH * TIME * UNITS)];
    const gradients = exact.prepareGradients(program({}));
    const wanted = gradients.run({ ...plain, cotangents, returnSequences: true });
    const { turns, result } = turnsOf(gradients.slices({ ...plain, cotangents, returnSequences: true }));
    expect(turns).toBeGreaterThan(BATCH * TIME);
    expect(result).toEqual(wanted);
  });
});
