import { describe, expect, it } from 'vitest';
import type { Runnable } from '../../../src/domain/network.ts';
import type { RunProgram } from '../../../src/domain/program.ts';
import { prepareFormula } from '../../../src/engine/networks/layer.ts';
import { inSlices } from '../../../src/engine/networks/layer-slices.ts';
import { prepareNetwork } from '../../../src/engine/networks/network.ts';
import { inPieces } from '../../../src/engine/pieces.ts';
import { prepareStepwiseRun } from '../../../src/engine/run.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { SLICE_NANOSECONDS } from '../../../src/engine/sliced.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { standardCell } from '../../engine/some-programs.ts';
import { drawNetworks } from './network-cases.ts';
import { oddNetworks } from './odd-networks.ts';
import { indices } from './options.ts';

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

/** Does the work, and counts the places where others may get a turn. */
function countSlices<R>(work: Generator<void, R>): { readonly slices: number; readonly result: R } {
  for (let slices = 0; ; slices++) {
    const { done, value } = work.next();
    if (done) return { slices, result: value };
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
    const { slices, result } = countSlices(cut.slices(request));
    expect(slices).toBe(4);
    expect(result).toEqual(whole.run(request));
  });

  it('has the bits of a run of other widths and dtypes, of no rows, and without masks and traces', () => {
    for (const [batch, dtype] of [
      [BATCH, 'float64'],
      [0, 'float32'],
    ] as const) {
      const cell = { ...standardCell('gru', FEATURES, UNITS), computeDtype: dtype };
      const one = { ...program({}), computeDtype: dtype, cell };
      const floats = (count: number) => (dtype === 'float64' ? Float64Array.from(values(count)) : values(count));
      const given = {
        ...{ batch, time: TIME, zeroOutputForMask: false },
        ...{ inputs: floats(batch * TIME * FEATURES), states: [floats(batch * UNITS)] },
      };
      const whole = prepareStepwiseRun(one, exact.prepare);
      const cut = inPieces(one, whole, SLICE_NANOSECONDS / Math.max(batch, 1));
      expect(countSlices(cut.slices(given)).result).toEqual(whole.run(given));
    }
  });

  it('has the bits of a network whose layers take all units at once', () => {
    const drawn = indices(40);
    const cases = drawNetworks(Math.max(...drawn) + 1);
    const networks = [...oddNetworks().map(([, one]) => one), ...drawn.map((index) => cases[index])];
    for (const { program, request } of networks) {
      const cut = (nanoseconds: number) =>
        prepareNetwork(program, {
          prepareStep: exact.prepare,
          prepareSequence: (one: Runnable) => exact.prepareSequence(one),
          prepareLayer: (layer) => inSlices(layer, prepareFormula(layer), nanoseconds),
        });
      const traced = { ...request, trace: true };
      const wanted = cut(0.001).run(traced);
      expect(atOnce(cut(SLICE_NANOSECONDS).slices(traced))).toEqual(wanted);
    }
  });

  it('gives others a turn at each step of each row, forwards and back', () => {
    const { trace: _, ...plain } = request;
    const cotangents = [values(BATCH * TIME * UNITS)];
    const gradients = exact.prepareGradients(program({}));
    const wanted = gradients.run({ ...plain, cotangents, returnSequences: true });
    const { slices, result } = countSlices(gradients.slices({ ...plain, cotangents, returnSequences: true }));
    expect(slices).toBeGreaterThan(BATCH * TIME);
    expect(result).toEqual(wanted);
  });
});
