import { layersOf, type NetworkProgram, networkWidth } from '../../domain/network.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { outputGradient } from '../gradients/network.ts';
import { prepareNetworkGradients } from '../gradients/network-gradients.ts';
import type { PartCall, PartPass, TrainedPart } from './part.ts';
import type { PartMaker } from './sequence-part.ts';
import { type Learnt, trainedNodes } from './trained-nodes.ts';

/**
 * A network, layer by layer over the whole batch: by kernels of float32 those layers that have them, in float64 the others.
 * Its output has the mask.
 */
export function networkPart(program: NetworkProgram, maker: PartMaker): TrainedPart {
  return function* (call: PartCall): Generator<void, PartPass> {
    const { batch, returnSequences } = call;
    const learnt: Learnt = { squares: new Map(), activity: 0, most: call.clipvalue ?? Number.POSITIVE_INFINITY };
    const learning = prepareNetworkGradients(program, trainedNodes(maker, call.arena, learnt));
    const pass = yield* learning.forward(call);
    const { values, time, mask } = pass.output;
    const last = !returnSequences && program.time;
    return {
      outputs: [last ? lastSteps(values, { batch, time, width: networkWidth(program) }) : values],
      mask: last ? undefined : mask,
      activity: learnt.activity,
      *pull(cotangents) {
        const pulled = yield* pass.pull(outputGradient({ ...call, cotangents }, pass.output));
        const own = layersOf(program).map((_, k): Readonly<Record<string, FloatArray>> => {
          const embeddings = learnt.squares.get(k);
          return embeddings ? { embeddings } : {};
        });
        return { ...pulled, squares: own };
      },
    };
  };
}

/** [:, -1, :] of [batch, time, width]; zeros if there are no steps. */
function lastSteps(
  values: FloatArray,
  { batch, time, width }: { readonly batch: number; readonly time: number; readonly width: number },
): FloatArray {
  const last = values instanceof Float32Array ? new Float32Array(batch * width) : new Float64Array(batch * width);
  for (let row = 0; row < batch && time > 0; row++) {
    const from = ((row + 1) * time - 1) * width;
    last.set(values.subarray(from, from + width), row * width);
  }
  return last;
}
