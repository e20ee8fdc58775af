import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LossSpec } from '../../src/domain/learning.ts';
import type { TrainingRequest, TrainingResult } from '../../src/domain/ports.ts';
import {
  type CellKind,
  type CellProgram,
  MERGE_MODES,
  type RunProgram,
  type SequenceProgram,
  sequenceCells,
  stateWidths,
  stepWidth,
} from '../../src/domain/program.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { atOnce } from '../../src/threads/in-turns.ts';
import { runs } from '../support/runs.ts';
import { pattern, standardCell } from './some-programs.ts';

const { fast } = createSimdEngines();
const MSE: LossSpec = { className: 'MeanSquaredError', params: {}, reduction: 'sum_over_batch_size' };

const kind = fc.constantFrom<CellKind>('simple_rnn', 'gru', 'lstm');
const width = fc.integer({ min: 1, max: 20 });

function cell(features: number): fc.Arbitrary<CellProgram> {
  return fc.record({ kind, units: width, before: fc.boolean(), clip: fc.constantFrom(undefined, 0.4) }).map((one) => {
    const made = standardCell(one.kind, features, one.units);
    const clipped = one.clip === undefined ? made : { ...made, clip: one.clip };
    return clipped.kind === 'gru' && one.before ? { ...clipped, resetAfter: false } : clipped;
  });
}

function run(features: number): fc.Arbitrary<RunProgram> {
  const flags = fc.record({ goBackwards: fc.boolean(), timeOrder: fc.boolean() });
  const stack = cell(features).chain((first) =>
    cell(stepWidth(first)).map((second) => ({
      kind: 'stack' as const,
      computeDtype: 'float32' as const,
      names: ['cells.0', 'cells.1'],
      cells: [first, second],
    })),
  );
  return fc
    .tuple(flags, fc.oneof(cell(features), stack))
    .map(([direction, one]) => ({ kind: 'run' as const, computeDtype: 'float32' as const, cell: one, ...direction }));
}

const program: fc.Arbitrary<SequenceProgram> = width.chain((features) =>
  fc.oneof(
    run(features),
    fc.tuple(cell(features), fc.constantFrom(...MERGE_MODES)).map(([one, merge]): SequenceProgram => {
      const direction = { kind: 'run', computeDtype: 'float32', cell: one } as const;
      return {
        kind: 'bidirectional',
        computeDtype: 'float32',
        forward: { ...direction, goBackwards: false },
        backward: { ...direction, goBackwards: true },
        merge,
      };
    }),
    cell(features).chain((first) =>
      run(first.units).map((second): SequenceProgram => {
        const below: RunProgram = { kind: 'run', computeDtype: 'float32', cell: first, goBackwards: false };
        return { kind: 'chain', computeDtype: 'float32', layers: [below, second] };
      }),
    ),
  ),
);

const options = fc.record({
  batch: fc.integer({ min: 1, max: 7 }),
  time: fc.integer({ min: 1, max: 6 }),
  masked: fc.boolean(),
  zeroOutputForMask: fc.boolean(),
  returnSequences: fc.boolean(),
});

function outputWidth(one: SequenceProgram): number {
  if (one.kind === 'chain') return outputWidth(one.layers[one.layers.length - 1]);
  if (one.kind === 'run') return stepWidth(one.cell);
  return stepWidth(one.forward.cell) * (one.merge === 'concat' ? 2 : 1);
}

function requestFor(one: SequenceProgram, given: typeof options extends fc.Arbitrary<infer T> ? T : never) {
  const { batch, time, masked, zeroOutputForMask, returnSequences } = given;
  const cells = sequenceCells(one);
  const entries = returnSequences ? batch * time : batch;
  const own = outputWidth(one);
  const request: TrainingRequest = {
    inputs: pattern(batch * time * cells[0].features, 5),
    batch,
    time,
    states: cells.flatMap(stateWidths).map((size, k) => pattern(batch * size, 6 + k, 0.5)),
    ...(masked ? { mask: Uint8Array.from({ length: batch * time }, (_, i) => ((i * 7) % 5 < 3 ? 1 : 0)) } : {}),
    zeroOutputForMask,
    returnSequences,
    loss: MSE,
    targets: { values: pattern(entries * own, 9), entries, width: own },
  };
  return request;
}

describe('training by kernels', () => {
  it('has the loss and the gradients of the exact engine, up to float32', () => {
    fc.assert(
      fc.property(program, options, (one, given) => {
        const request = requestFor(one, given);
        const exact = atOnce(referenceEngine.prepareTraining(one).run(request));
        expectSame(atOnce(fast.prepareTraining(one).run(request)), exact);
      }),
      { numRuns: runs(300) },
    );
  });

  it('gives back the memory that it took', () => {
    const engines = createSimdEngines();
    const one: RunProgram = {
      kind: 'run',
      computeDtype: 'float32',
      cell: standardCell('gru', 32, 128),
      goBackwards: false,
    };
    const request = requestFor(one, {
      batch: 32,
      time: 32,
      masked: false,
      zeroOutputForMask: false,
      returnSequences: true,
    });
    const prepared = engines.fast.prepareTraining(one);
    atOnce(prepared.run(request));
    const { memoryBytes } = engines.statistics();
    for (let k = 0; k < 5; k++) atOnce(prepared.run(request));
    expect(engines.statistics().memoryBytes).toBe(memoryBytes);
  });

  it('tells of a loss that is not finite without gradients', () => {
    const one: RunProgram = {
      kind: 'run',
      computeDtype: 'float32',
      cell: standardCell('lstm', 3, 4),
      goBackwards: false,
    };
    const given = { batch: 2, time: 3, masked: false, zeroOutputForMask: false, returnSequences: true };
    const request = requestFor(one, given);
    const inputs = request.inputs.slice().fill(Number.NaN);
    expect(atOnce(fast.prepareTraining(one).run({ ...request, inputs }))).toEqual({ loss: Number.NaN, cells: [] });
  });
});

function expectSame(actual: TrainingResult, exact: TrainingResult): void {
  expect(Math.abs(actual.loss - exact.loss)).toBeLessThanOrEqual(4e-6 * Math.max(1, Math.abs(exact.loss)));
  expect(actual.cells).toHaveLength(exact.cells.length);
  for (const [k, cell] of exact.cells.entries()) {
    expect(Object.keys(actual.cells[k]).sort()).toEqual(Object.keys(cell).sort());
    for (const [name, values] of Object.entries(cell)) {
      const most = Math.max(1e-2, ...values.map(Math.abs));
      const own = actual.cells[k][name as 'kernel'];
      for (let i = 0; i < values.length; i++) expect(Math.abs(own[i] - values[i])).toBeLessThanOrEqual(2e-5 * most);
    }
  }
}
