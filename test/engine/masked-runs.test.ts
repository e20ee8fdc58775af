import { describe, expect, it } from 'vitest';
import type { CellProgram, RunProgram } from '../../src/domain/program.ts';
import { prepareStepwiseRun } from '../../src/engine/run.ts';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { numbers, SPECS } from './cell-parts.ts';
import { expectSameRun, stepArguments } from './kernel-programs.ts';
import { standardCell } from './some-programs.ts';

const engines = createSimdEngines();
const TIME = 3;

const run = (cell: CellProgram): RunProgram => {
  return { kind: 'run', computeDtype: cell.computeDtype, cell, goBackwards: false };
};

describe('a masked row of a large batch', () => {
  it('keeps its state', () => {
    const [batch, one] = [2049, Float32Array.of(1)];
    const cell: CellProgram = {
      kind: 'simple_rnn',
      features: 1,
      units: 1,
      computeDtype: 'float32',
      kernel: one,
      recurrentKernel: one,
      activation: SPECS[0],
    };
    const { states, sequences } = engines.fast.prepareSequence(run(cell)).run({
      inputs: new Float32Array(batch * 2).fill(1),
      batch,
      time: 2,
      states: [new Float32Array(batch)],
      mask: Uint8Array.from({ length: batch * 2 }, (_, k) => 1 - (k % 2)),
      zeroOutputForMask: false,
    });
    expect(new Set(states[0])).toEqual(new Set([1]));
    expect(new Set(sequences[0])).toEqual(new Set([1]));
  });

  it.each([
    ['lstm', 256, 33],
    ['simple_rnn', 700, 120],
    ['gru', 300, 60],
  ] as const)('keeps its state as it does in steps: %s(%i), %i rows', (kind, units, batch) => {
    const cell = standardCell(kind, 5, units);
    const request = {
      inputs: numbers('float32', batch * TIME * 5, 1),
      batch,
      time: TIME,
      states: stepArguments(cell, batch, 2).states,
      mask: Uint8Array.from(numbers('float32', batch * TIME, 3), (value) => (value > 0 ? 1 : 0)),
      zeroOutputForMask: false,
    };
    for (const precision of ['fast', 'exact'] as const) {
      const wanted = prepareStepwiseRun(run(cell), engines[precision].prepare).run(request);
      expectSameRun(engines[precision].prepareSequence(run(cell)).run(request), wanted);
    }
  });
});
