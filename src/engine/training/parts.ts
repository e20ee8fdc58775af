import type { Runnable } from '../../domain/network.ts';
import type { PreparedGradients, PreparedSequence } from '../../domain/ports.ts';
import type { KernelThread } from '../kernel-cell.ts';
import { exactPart } from './exact-part.ts';
import { kernelPart } from './kernel-part.ts';
import { networkPart } from './network-part.ts';
import type { TrainedPart } from './part.ts';

/** How programs are trained: by kernels what has them, all else by the gradients of an exact engine. */
export interface PartMaker {
  readonly thread?: KernelThread;
  readonly exact: {
    prepareSequence(program: Runnable): PreparedSequence;
    prepareGradients(program: Runnable): PreparedGradients;
  };
}

export function trainedPart(maker: PartMaker, program: Runnable): TrainedPart {
  const { thread, exact } = maker;
  if (program.kind === 'network') return networkPart(program, thread);
  const kernels = thread && kernelPart(thread, program);
  return kernels ?? exactPart(exact.prepareSequence(program), exact.prepareGradients(program));
}
