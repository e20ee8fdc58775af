import type { GateTrace, Training } from '../../domain/ports.ts';
import type { Dtype, FloatArray } from '../../domain/tensor.ts';

/** What flows between the layers of a network: [batch, time, …], or one value of a whole sequence, with `time` 1. */
export interface Signal {
  readonly values: FloatArray;
  readonly dtype: Dtype;
  readonly time: number;
  /** [batch, time] */
  readonly mask?: Uint8Array;
}

/** How the network is run. */
export interface NetworkCall {
  readonly batch: number;
  /** Steps of the input. */
  readonly time: number;
  /** Every layer gives an output at each step: what would come at the end is what came of the steps so far. */
  readonly running: boolean;
  readonly trace?: GateTrace[];
  /** Of training mode: the seed that the node's first draw takes, if the call has one. */
  readonly training?: Training;
}
