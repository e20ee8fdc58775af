import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { interleave, ratio } from '../measure.ts';
import { onnxRuntime } from '../peers/onnx-runtime.ts';
import { PyTorch } from '../peers/pytorch.ts';
import { nodePeerVersion } from '../peers.ts';
import { engineCalls, randomCell } from '../random-cells.ts';
import { duration, type Suite } from '../report.ts';

/** Least ratios by units. */
const GOALS = { 64: 4, 128: 2, 256: 1.3, 512: 1, 1024: 1 } as const;

export const suite: Suite = {
  about: `One step of one row in float32, features = units, strict mode, by a call of the engine that copies its arguments in and
its results out; against onnxruntime-node and PyTorch on one thread each, which get tensors that they have already.`,
  async run(tell) {
    const pytorch = new PyTorch();
    widenSimd();
    const { fast } = createSimdEngines();
    try {
      for (const kind of ['lstm', 'gru'] as const) {
        for (const [units, goal] of Object.entries(GOALS)) {
          const work = { cell: randomCell(kind, Number(units), Number(units)), batch: 1, time: 1 };
          const peers = [await onnxRuntime(work), pytorch.contender(work)];
          const [own, ...others] = await interleave([engineCalls('cellstep', fast, work), ...peers]);
          for (const [k, other] of others.entries()) {
            tell({
              name: `${kind}(${units}) against ${peers[k].name}`,
              cellstep: duration(own.ns),
              peer: duration(other.ns),
              ratio: ratio(own, other),
              goal,
            });
          }
        }
      }
      return [nodePeerVersion('onnxruntime-node'), ...(await pytorch.versions())];
    } finally {
      pytorch.close();
    }
  },
};
