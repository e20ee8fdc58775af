import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { interleave, ratio } from '../measure.ts';
import { onnxRuntime } from '../peers/onnx-runtime.ts';
import { PyTorch } from '../peers/pytorch.ts';
import { nodePeerVersion } from '../peers.ts';
import { engineCalls, randomCell } from '../random-cells.ts';
import { duration, type Suite } from '../report.ts';

const UNITS = 256;
const WORK = [
  { name: 'batch 32', batch: 32, time: 1 },
  { name: '100 steps', batch: 1, time: 100 },
  { name: 'batch 32, 100 steps', batch: 32, time: 100 },
];
const GOAL = 0.5;

export const suite: Suite = {
  about: `One step of 32 rows, 100 steps of one row and 100 steps of 32 rows at 256 units, features = units, float32, one thread each: strict mode and
relaxed mode against onnxruntime-node; PyTorch beside. Both peers use fused multiply-adds in all the width that the machine has, 512 bits
of AVX-512 included; the kernels have 256 at most, and round every product in strict mode.`,
  async run(tell) {
    const pytorch = new PyTorch();
    try {
      widenSimd();
      const [wide, relaxed] = [createSimdEngines().fast, createSimdEngines({ relaxed: true }).fast];
      for (const kind of ['lstm', 'gru'] as const) {
        for (const { name, batch, time } of WORK) {
          const work = { cell: randomCell(kind, UNITS, UNITS), batch, time };
          const peer = await onnxRuntime(work);
          const measured = await interleave(
            [engineCalls('wide', wide, work), engineCalls('relaxed', relaxed, work), pytorch.contender(work), peer],
            { ms: 100 },
          );
          const other = measured[3];
          for (const [k, [mode, goal]] of (
            [
              ['', GOAL],
              [' relaxed', undefined],
            ] as const
          ).entries()) {
            tell({
              name: `${kind}(${UNITS}) ${name}${mode} against ${peer.name}`,
              cellstep: duration(measured[k].ns),
              peer: duration(other.ns),
              ratio: ratio(measured[k], other),
              goal,
            });
          }
          tell({
            name: `${kind}(${UNITS}) ${name} against PyTorch`,
            cellstep: duration(measured[0].ns),
            peer: duration(measured[2].ns),
            ratio: ratio(measured[0], measured[2]),
          });
        }
      }
      return [nodePeerVersion('onnxruntime-node'), ...(await pytorch.versions())];
    } finally {
      pytorch.close();
    }
  },
};
