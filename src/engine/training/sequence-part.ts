import type { GradientRequest, GradientResult } from '../../domain/ports.ts';
import type { BidirectionalProgram, SequenceProgram } from '../../domain/program.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
import type { Sliced, SlicedSequence } from '../sliced.ts';
import { mergedPart } from './bidirectional-part.ts';
import { exactPart } from './exact-part.ts';
import { kernelPart } from './kernel-part.ts';
import type { TrainedPart } from './part.ts';

/** How programs are trained: by kernels what has them, all else by the gradients of an exact engine. */
export interface PartMaker {
  readonly thread?: KernelThread;
  readonly exact: {
    prepareSequence(program: SequenceProgram): SlicedSequence;
    prepareGradients(program: SequenceProgram): Sliced<GradientRequest, GradientResult>;
  };
}

export function sequencePart({ thread, exact }: PartMaker, program: SequenceProgram): TrainedPart {
  const kernels = thread && kernelPart(thread, program);
  if (kernels) return kernels;
  const exactOf = (one: SequenceProgram) => exactPart(exact.prepareSequence(one), exact.prepareGradients(one));
  return costsInside(program) ? mergedPart(program, exactOf({ ...program, merge: null })) : exactOf(program);
}

/** Whether the outputs of its directions cost something before they are merged. */
export function costsInside(program: SequenceProgram): program is BidirectionalProgram {
  return program.kind === 'bidirectional' && [program.forward, program.backward].some(({ activity }) => activity);
}
