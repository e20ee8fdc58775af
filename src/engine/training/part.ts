import type { CellGradients, GradientResult, Training } from '../../domain/ports.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import type { Arena } from './arena.ts';

/** What goes into a part of a program: a batch of sequences. */
export interface PartCall {
  /** Where the part keeps what its way back needs. */
  readonly arena: Arena;
  /** [batch, time, features] */
  readonly inputs: FloatArray;
  readonly batch: number;
  readonly time: number;
  /** One [batch, width] array each. */
  readonly states: readonly FloatArray[];
  /** [batch, time], 0 where a step is left out. */
  readonly mask?: Uint8Array;
  readonly zeroOutputForMask: boolean;
  /** Whether all outputs are wanted, or only the output of the last step processed. */
  readonly returnSequences: boolean;
  readonly training?: Training;
  /** What the parts of an Embedding's gradient are clipped to. */
  readonly clipvalue?: number;
}

/** What a part has done, and the way back. */
export interface PartPass {
  /** [batch, time, width] each, or [batch, width]: one, or two where a bidirectional layer does not merge them. */
  readonly outputs: readonly FloatArray[];
  /** [batch, time], 0 where an output with a time axis does not count. */
  readonly mask?: Uint8Array;
  /** What outputs of layers within have cost. */
  readonly activity?: number;
  /** From d/d outputs, of their shapes. */
  pull(gradients: readonly FloatArray[]): Generator<void, PartPull>;
}

/** Gradients: of the shapes of what they are for. */
export interface PartPull {
  readonly inputs: FloatArray;
  readonly states: readonly FloatArray[];
  /** One for each cell of the part, in the order of its states. */
  readonly cells: readonly CellGradients[];
  /** Of a network, as of gradients: those of its other layers, and their new statistics. */
  readonly layers?: GradientResult['layers'];
  readonly statistics?: GradientResult['statistics'];
  readonly squares?: GradientResult['layers'];
}

/** A part of a program in training, forwards on a whole batch. Yields now and then, so that others get their turn. */
export type TrainedPart = (call: PartCall) => Generator<void, PartPass>;
