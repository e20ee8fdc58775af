import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GradientRequest } from '../../src/domain/ports.ts';
import { type MergeMode, type SequenceProgram, sequenceCells, stateWidths } from '../../src/domain/program.ts';
import type { Dtype, FloatArray } from '../../src/domain/tensor.ts';
import { prepareGradients } from '../../src/engine/gradients/gradients.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { type GoldenTensor, numbers, readGolden } from '../cells/golden-data.ts';
import { runs } from '../support/runs.ts';
import { gradientCall } from './gradients-arbitraries.ts';
import {
  expectFiniteDifferences,
  type GoldenCell,
  goldenProgram,
  isTame,
  lossOf,
  pairs,
  runOf,
} from './gradients-support.ts';

/** Layers run with training=True by Keras; cell k has the seed of the first, plus k. */
interface Case {
  readonly name: string;
  readonly dtype: Dtype;
  readonly stack?: true;
  readonly merge?: MergeMode;
  readonly cells: GoldenCell[];
  readonly inputs: GoldenTensor;
  readonly mask: number[] | null;
  readonly outputs: GoldenTensor;
  readonly cotangent: GoldenTensor;
  readonly gradients: { inputs: GoldenTensor; cells: Record<string, GoldenTensor>[] };
}
const { cases } = readGolden<{ cases: Case[] }>('keras_dropout.json');

function setUp(one: Case): { program: SequenceProgram; request: GradientRequest } {
  const computeDtype = one.dtype;
  const cells = one.cells.map((cell) => goldenProgram(cell, computeDtype));
  const read = ({ data }: GoldenTensor): FloatArray =>
    computeDtype === 'float64' ? numbers(data) : Float32Array.from(data, Number);
  // float32 in every case, and written as short decimals.
  const cotangent = Float32Array.from(one.cotangent.data, Number);
  const program: SequenceProgram = one.stack
    ? runOf({ kind: 'stack', computeDtype, names: cells.map((_, k) => `cells.${k}`), cells })
    : one.merge
      ? {
          kind: 'bidirectional',
          computeDtype,
          forward: runOf(cells[0]),
          backward: runOf(cells[1], true),
          merge: one.merge,
        }
      : runOf(cells[0]);
  const [batch, time] = one.inputs.shape;
  return {
    program,
    request: {
      inputs: read(one.inputs),
      batch,
      time,
      states: sequenceCells(program)
        .flatMap(stateWidths)
        .map((width) => new Float64Array(batch * width)),
      mask: one.mask ? Uint8Array.from(one.mask) : undefined,
      // Bidirectional sets it on both its layers where sequences are returned.
      zeroOutputForMask: one.merge !== undefined,
      cotangents: [computeDtype === 'float64' ? Float64Array.from(cotangent) : cotangent],
      returnSequences: true,
      training: { seed: Number(one.cells[0].config.seed) },
    },
  };
}

function close(got: FloatArray, { data }: GoldenTensor, tolerance: number): void {
  expect(got.length).toBe(data.length);
  for (const [i, value] of numbers(data).entries())
    expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
}

describe('dropout in training', () => {
  it.each(cases)('gives the outputs of Keras in $name', (one) => {
    const { program, request } = setUp(one);
    const { sequences } = referenceEngine.prepareSequence(program).run(request);
    close(sequences[0], one.outputs, one.dtype === 'float64' ? 1e-12 : 1e-6);
  });

  it.each(cases)('gives the gradients of Keras in $name', (one) => {
    const { program, request } = setUp(one);
    const { inputs, cells } = prepareGradients(program).run(request);
    const tolerance = one.dtype === 'float64' ? 1e-11 : 3e-6;
    close(inputs, one.gradients.inputs, tolerance);
    for (const [k, { kernel, recurrentKernel, bias, recurrentBias }] of cells.entries()) {
      close(kernel, one.gradients.cells[k].kernel, tolerance);
      close(recurrentKernel, one.gradients.cells[k].recurrent_kernel, tolerance);
      close(Float64Array.of(...bias!, ...(recurrentBias ?? [])), one.gradients.cells[k].bias, tolerance);
    }
  });

  it.each(cases)('has no effect without training in $name', (one) => {
    const { program, request } = setUp(one);
    const evaluation = { ...request, training: undefined };
    const bare = (cell: GoldenCell) => ({ ...cell, config: { ...cell.config, dropout: 0, recurrent_dropout: 0 } });
    const without = setUp({ ...one, cells: one.cells.map(bare) });
    expect(lossOf(program, evaluation)).toBe(lossOf(without.program, without.request));
    const [got, wanted] = [
      prepareGradients(program).run(evaluation),
      prepareGradients(without.program).run(evaluation),
    ];
    const cells = sequenceCells(program);
    expect(pairs(cells, request, got).map(({ gradient }) => gradient)).toEqual(
      pairs(cells, request, wanted).map(({ gradient }) => gradient),
    );
  });

  it('masks the same on the way back, whatever the program', () => {
    fc.assert(
      fc.property(gradientCall, fc.nat(), ({ program, request }, seed) => {
        const training = { ...request, training: { seed } };
        fc.pre(isTame(program, training));
        expectFiniteDifferences(program, training);
      }),
      { numRuns: runs(100) },
    );
  });
});
