import type { GradientRequest, GradientResult } from '../../domain/ports.ts';
import type { Sliced, SlicedSequence } from '../sliced.ts';
import type { PartCall, PartPass, TrainedPart } from './part.ts';

/** Any program, forwards as a sequence and back by its gradients in float64, which go forwards once more. */
export function exactPart(sequence: SlicedSequence, gradients: Sliced<GradientRequest, GradientResult>): TrainedPart {
  return function* ({ arena: _, ...call }: PartCall): Generator<void, PartPass> {
    const { sequences, last } = yield* sequence.slices(call);
    return {
      outputs: call.returnSequences ? sequences : last,
      mask: call.returnSequences ? call.mask : undefined,
      pull: (cotangents) => gradients.slices({ ...call, cotangents }),
    };
  };
}
