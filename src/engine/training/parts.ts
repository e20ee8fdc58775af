import type { Runnable } from '../../domain/network.ts';
import type { PreparedGradients, PreparedSequence } from '../../domain/ports.ts';
import type { SequenceProgram } from '../../domain/program.ts';
import type { KernelThread } from '../kernel-cell.ts';
import { prepareNetworkGradients } from '../network-gradients.ts';
import { bidirectionalPart } from './bidirectional-part.ts';
import { chainPart } from './chain-part.ts';
import { exactPart } from './exact-part.ts';
import { networkPart } from './network-part.ts';
import type { TrainedPart } from './part.ts';
import { runPart } from './run-part.ts';

/** How programs are trained: by kernels what has them, all else by the gradients of an exact engine. */
export interface PartMaker {
  readonly thread?: KernelThread;
  readonly exact: {
    prepareSequence(program: Runnable): PreparedSequence;
    prepareGradients(program: Runnable): PreparedGradients;
  };
}

export function trainedPart(maker: PartMaker, program: Runnable): TrainedPart {
  if (program.kind === 'network') return networkPart(prepareNetworkGradients(program));
  const { thread, exact } = maker;
  const kernels = thread && kernelPart({ thread, exact }, program);
  return kernels ?? exactPart(exact.prepareSequence(program), exact.prepareGradients(program));
}

function kernelPart(maker: Required<PartMaker>, program: SequenceProgram): TrainedPart | undefined {
  switch (program.kind) {
    case 'run':
      return runPart(maker.thread, program);
    case 'chain':
      return chainPart(
        program,
        program.layers.map((layer) => trainedPart(maker, layer)),
      );
    case 'bidirectional': {
      const ahead = runPart(maker.thread, program.forward);
      const back = runPart(maker.thread, { ...program.backward, timeOrder: true });
      return ahead && back && bidirectionalPart(program, ahead, back);
    }
  }
}
