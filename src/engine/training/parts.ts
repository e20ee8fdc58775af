import type { Runnable } from '../../domain/network.ts';
import { networkPart } from './network-part.ts';
import type { TrainedPart } from './part.ts';
import { type PartMaker, sequencePart } from './sequence-part.ts';

export function trainedPart(maker: PartMaker, program: Runnable): TrainedPart {
  return program.kind === 'network' ? networkPart(program, maker) : sequencePart(maker, program);
}
