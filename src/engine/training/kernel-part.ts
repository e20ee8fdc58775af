import type { SequenceProgram } from '../../domain/program.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
import { bothPart, mergedPart } from './bidirectional-part.ts';
import { chainPart } from './chain-part.ts';
import type { TrainedPart } from './part.ts';
import { runPart } from './run-part.ts';

/** By kernels alone; undefined if a cell has no kernel for its way back. */
export function kernelPart(thread: KernelThread, program: SequenceProgram): TrainedPart | undefined {
  switch (program.kind) {
    case 'run':
      return runPart(thread, program);
    case 'chain': {
      const parts = program.layers.map((layer) => kernelPart(thread, layer));
      return parts.every((part) => part !== undefined) ? chainPart(program, parts) : undefined;
    }
    case 'bidirectional': {
      const ahead = runPart(thread, program.forward);
      const back = runPart(thread, { ...program.backward, timeOrder: true });
      return ahead && back && mergedPart(program, bothPart(program, ahead, back));
    }
  }
}
