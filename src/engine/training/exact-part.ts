import type { PreparedGradients, PreparedSequence } from '../../domain/ports.ts';
import type { PartCall, PartPass, TrainedPart } from './part.ts';

/** Any program, forwards as a sequence and back by its gradients in float64, which go forwards once more. */
export function exactPart(sequence: PreparedSequence, gradients: PreparedGradients): TrainedPart {
  return function* ({ arena: _, ...call }: PartCall): Generator<void, PartPass> {
    const { sequences, last } = sequence.run(call);
    yield;
    return {
      outputs: call.returnSequences ? sequences : last,
      mask: call.returnSequences ? call.mask : undefined,
      // biome-ignore lint/correctness/useYield: there is nothing to do in turns.
      *pull(cotangents) {
        return gradients.run({ ...call, cotangents });
      },
    };
  };
}
