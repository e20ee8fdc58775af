import { outputGradient } from '../gradients-network.ts';
import type { LearningNetwork } from '../network-gradients.ts';
import type { PartCall, PartPass, TrainedPart } from './part.ts';

/** A network in training, in float64: forwards once, with the masks that its layers make, and back from there. */
export function networkPart(network: LearningNetwork): TrainedPart {
  return function* ({ arena: _, ...call }: PartCall): Generator<void, PartPass> {
    const pass = network.forward(call);
    yield;
    const { values, time, mask } = pass.output;
    const whole = call.returnSequences || time === 1;
    return {
      outputs: [whole ? values : lastSteps(values, call.batch, time)],
      ...(mask && call.returnSequences ? { mask } : {}),
      // biome-ignore lint/correctness/useYield: there is nothing to do in turns.
      *pull(cotangents) {
        return pass.pull(outputGradient({ ...call, cotangents }, pass.output));
      },
    };
  };
}

/** [:, -1, :] of [batch, time, width]. */
function lastSteps(values: Float64Array, batch: number, time: number): Float64Array {
  const width = values.length / Math.max(batch * time, 1);
  const last = new Float64Array(time > 0 ? batch * width : 0);
  for (let row = 0; row < batch && time > 0; row++) {
    const from = ((row + 1) * time - 1) * width;
    last.set(values.subarray(from, from + width), row * width);
  }
  return last;
}
