import { expect, it } from 'vitest';
import type { TrainingRequest } from '../../../src/domain/ports.ts';
import type { BidirectionalProgram, MergeMode, RunProgram } from '../../../src/domain/program.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { standardCell } from '../../engine/some-programs.ts';

const { exact } = createSimdEngines();
const [BATCH, TIME, FEATURES, UNITS] = [2, 3, 2, 3];
const STEP = 1e-6;

const direction = (kind: 'gru' | 'lstm', goBackwards: boolean): RunProgram => ({
  kind: 'run',
  computeDtype: 'float64',
  cell: { ...standardCell(kind, FEATURES, UNITS), computeDtype: 'float64' },
  goBackwards,
  activity: { className: 'L1L2', params: { l1: 0.3, l2: 0.7 } },
});

const numbers = (count: number, seed: number) =>
  Float64Array.from({ length: count }, (_, k) => Math.sin(seed + 2.3 * k) / 2);

function requestFor(program: BidirectionalProgram, returnSequences: boolean): TrainingRequest {
  const width = UNITS * (program.merge === 'concat' ? 2 : 1);
  const entries = returnSequences ? BATCH * TIME : BATCH;
  return {
    inputs: numbers(BATCH * TIME * FEATURES, 1),
    batch: BATCH,
    time: TIME,
    // h of the GRU, h and c of the LSTM.
    states: [2, 3, 4].map((seed) => numbers(BATCH * UNITS, seed)),
    zeroOutputForMask: false,
    returnSequences,
    loss: { className: 'MeanSquaredError', params: {}, reduction: 'sum_over_batch_size' },
    targets: { values: numbers(entries * width, 5), entries, width },
    activity: { className: 'L2', params: { l2: 0.2 } },
  };
}

it.each<[MergeMode, boolean]>([
  ['concat', true],
  ['mul', true],
  ['ave', false],
])('has the gradients of what both directions and their merged outputs (%s) cost', (merge, returnSequences) => {
  const program: BidirectionalProgram = {
    kind: 'bidirectional',
    computeDtype: 'float64',
    forward: direction('gru', false),
    backward: direction('lstm', true),
    merge,
  };
  const request = requestFor(program, returnSequences);
  const lossOf = (one: BidirectionalProgram) => atOnce(exact.prepareTraining(one).run(request)).loss;
  const { cells } = atOnce(exact.prepareTraining(program).run(request));
  for (const [k, side] of (['forward', 'backward'] as const).entries()) {
    for (const name of ['kernel', 'recurrentKernel'] as const) {
      const run = program[side];
      const weights = Float64Array.from((run.cell as typeof run.cell & { kernel: Float64Array })[name as 'kernel']);
      for (let i = 0; i < weights.length; i += 5) {
        const moved = (by: number) => {
          const values = weights.map((value, at) => (at === i ? value + by : value));
          return lossOf({ ...program, [side]: { ...run, cell: { ...run.cell, [name]: values } } });
        };
        const wanted = (moved(STEP) - moved(-STEP)) / (2 * STEP);
        expect(Math.abs(cells[k][name][i] - wanted), `${side}.${name}[${i}]`).toBeLessThan(
          1e-6 * Math.max(1, Math.abs(wanted)),
        );
      }
    }
  }
});
