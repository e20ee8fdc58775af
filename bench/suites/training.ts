import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { CHAR_LM, charLmStep, charLmTraining, type TrainingParts } from '../char-lm.ts';
import { interleave, ratio } from '../measure.ts';
import { onnxRuntimeGraph } from '../peers/onnx-runtime.ts';
import { nodePeerVersion, PythonPeer } from '../peers.ts';
import { duration, type Suite } from '../report.ts';

const { batch, time } = CHAR_LM;

export const suite: Suite = {
  about: `A language model over characters (Embedding 96→32, GRU 128, Dense 96), float32, one thread each. A training step: Adam on a batch
of ${batch} rows of ${time} steps, sparse cross-entropy from logits, by the calls that the service makes of engine and optimizer; against PyTorch's
forward, backward and Adam. One step of one row with a softmax at the end: a call of the engine against onnxruntime-node, PyTorch and
Keras' predict_on_batch on its torch backend.`,
  async run(tell) {
    const peer = new PythonPeer('char_lm.py');
    const python = (name: string, what: string) => ({
      name,
      measure: (ms: number) => peer.ask<number>({ what, ms }),
    });
    widenSimd();
    const { fast } = createSimdEngines();
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-bench-'));
    try {
      const parts: TrainingParts = { forward: 0, back: 0, update: 0, rest: 0, steps: 0 };
      const [own, torch] = await interleave([charLmTraining(fast, parts), python('PyTorch', 'training')], {
        rounds: 9,
        ms: 1500,
      });
      tell({
        name: 'training step against PyTorch',
        cellstep: duration(own.ns),
        peer: duration(torch.ns),
        ratio: ratio(own, torch),
        goal: 0.3,
      });
      for (const [name, what] of [
        ['forward', 'forward'],
        ['back', 'loss and back'],
        ['update', 'update by Adam'],
        ['rest', 'new program'],
      ] as const) {
        tell({ name: `of it: ${what}`, cellstep: duration((parts[name] / parts.steps) * 1e6), peer: '' });
      }

      const path = join(directory, 'char_lm.onnx');
      await peer.ask({ what: 'onnx', path });
      const peers = [
        { contender: await onnxRuntimeGraph(readFileSync(path)), goal: 1.5 },
        { contender: python('PyTorch', 'step'), goal: 5 },
        { contender: python('Keras predict_on_batch', 'keras'), goal: undefined },
      ];
      const [step, ...others] = await interleave([
        charLmStep(fast, 'softmax'),
        ...peers.map(({ contender }) => contender),
      ]);
      for (const [k, { contender, goal }] of peers.entries()) {
        tell({
          name: `step against ${contender.name}`,
          cellstep: duration(step.ns),
          peer: duration(others[k].ns),
          ratio: ratio(step, others[k]),
          goal,
        });
      }
      return [nodePeerVersion('onnxruntime-node'), ...(await peer.ask<string[]>({ what: 'versions' }))];
    } finally {
      peer.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
