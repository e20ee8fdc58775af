import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { createStepper } from '../../src/engine/stepper.ts';
import { createPool } from '../../src/engine/threads/pool.ts';
import { asyncCalls, interleave, ratio } from '../measure.ts';
import { onnxRuntime } from '../peers/onnx-runtime.ts';
import { nodePeerVersion } from '../peers.ts';
import { argumentsOf, randomCell } from '../random-cells.ts';
import { duration, type Suite } from '../report.ts';

const BATCH = 32;
const TIME = 100;
const UNITS = 256;

export const suite: Suite = {
  about: `A sequence of batch ${BATCH} and ${TIME} steps over ${UNITS} units, its rows shared among two threads as the service does it, messages
to them and back included; against onnxruntime-node on one thread. And two threads against one.`,
  async run(tell) {
    widenSimd();
    const engines = createSimdEngines();
    const pools = [createPool({ threads: 2, engines }), createPool({ threads: 1, engines })];
    try {
      for (const kind of ['lstm', 'gru'] as const) {
        const work = { cell: randomCell(kind, UNITS, UNITS), batch: BATCH, time: TIME };
        const { inputs, states } = argumentsOf(work);
        const program = { kind: 'run', computeDtype: 'float32', cell: work.cell, goBackwards: false } as const;
        const contenders = pools.map((pool) => {
          const prepared = createStepper({ engines, pool }).prepareSequence(program, 'fast');
          const request = { inputs, batch: BATCH, time: TIME, states, zeroOutputForMask: true };
          return asyncCalls(`${pool.threads} threads`, () => prepared.run(request));
        });
        const [two, one, peer] = await interleave([...contenders, await onnxRuntime(work)], { rounds: 7, ms: 400 });
        tell({
          name: `${kind}(${UNITS}), two threads`,
          cellstep: duration(two.ns),
          peer: `${duration(peer.ns)} by onnxruntime-node`,
          ratio: ratio(two, peer),
          goal: 0.9,
        });
        tell({
          name: `${kind}(${UNITS}), two threads against one`,
          cellstep: duration(two.ns),
          peer: duration(one.ns),
          ratio: ratio(two, one),
        });
      }
      return [nodePeerVersion('onnxruntime-node')];
    } finally {
      for (const pool of pools) await pool.close();
    }
  },
};
