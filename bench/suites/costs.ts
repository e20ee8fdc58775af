import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { GRADIENT_NANOSECONDS, rowWork, STEP_NANOSECONDS } from '../../src/engine/work.ts';
import { calls, interleave } from '../measure.ts';
import { argumentsOf, engineCalls, randomCell } from '../random-cells.ts';
import type { Suite } from '../report.ts';

const SIZES = [128, 512, 1024] as const;

export const suite: Suite = {
  about: `Nanoseconds of one multiply-add, by which the service tells what goes to a thread: of single rows, of batches and of
gradients, LSTM with features = units; beside what src/engine/work.ts expects.`,
  async run(tell) {
    const engines = createSimdEngines();
    for (const precision of ['fast', 'exact'] as const) {
      for (const units of SIZES) {
        for (const batch of [1, 32]) {
          const work = { cell: randomCell('lstm', units, units), batch, time: 1 };
          const [own] = await interleave([engineCalls('own', engines[precision], work)], { rounds: 5, ms: 100 });
          tell({
            name: `${precision} step of LSTM(${units}), ${batch} rows`,
            cellstep: nanoseconds(own.ns / (batch * rowWork(work.cell))),
            peer: `${STEP_NANOSECONDS[precision === 'fast' ? 'float32' : 'float64']} ns expected`,
          });
        }
      }
    }
    for (const units of [32, 128, 512]) {
      const work = { cell: randomCell('lstm', units, units), batch: 2, time: 8 };
      const { cell, batch, time } = work;
      const program = { kind: 'run', computeDtype: 'float32', cell, goBackwards: false } as const;
      const prepared = engines.exact.prepareGradients(program);
      const cotangents = [new Float32Array(batch * time * units).fill(1)];
      const request = { ...argumentsOf(work), batch, time, zeroOutputForMask: true, returnSequences: true, cotangents };
      const [own] = await interleave([calls('own', () => prepared.run(request))], { rounds: 3, ms: 200 });
      tell({
        name: `gradients of LSTM(${units})`,
        cellstep: nanoseconds(own.ns / (batch * time * rowWork(cell))),
        peer: `${GRADIENT_NANOSECONDS} ns expected`,
      });
    }
    return [];
  },
};

function nanoseconds(value: number): string {
  return `${value.toPrecision(2)} ns`;
}
