import type { LayerSums } from '../../cells/layers/layer-formula.ts';
import type { GradientSums } from '../../cells/step-gradient.ts';
import type { NetworkNode } from '../../domain/network.ts';
import type { Training } from '../../domain/ports.ts';
import type { FloatArray } from '../../domain/tensor.ts';

/** What flows between the layers, as in network.ts: in float64, or in float32 where kernels have made it. */
export interface Flowing {
  readonly values: FloatArray;
  readonly time: number;
  readonly mask?: Uint8Array;
}

/** What one node gets. */
export interface NodeCall {
  readonly batch: number;
  readonly inputs: readonly Flowing[];
  /** [batch, width] each. */
  readonly states: readonly Float64Array[];
  /** Every layer gives an output at each step. */
  readonly running: boolean;
  /** Of training mode: the seed that the node's first draw takes, if the call has one. */
  readonly training?: Training;
}

/** What it gives, and the way back: d/d each input, and d/d each state; what its weights get is added to their sums. */
export interface NodePass {
  readonly values: FloatArray;
  readonly time: number;
  readonly statistics?: Readonly<Record<string, Float64Array>>;
  pull(gradient: FloatArray, sums: NetworkSums): InTurns<NodePull>;
}

export interface NodePull {
  readonly inputs: readonly FloatArray[];
  readonly states: readonly FloatArray[];
}

/** What is made at once, or in turns between which others get theirs. */
export type InTurns<R> = R | Generator<void, R>;

export function* turnsOf<R extends object>(made: InTurns<R>): Generator<void, R> {
  return Symbol.iterator in made ? yield* made : made;
}

/** By the index in the program, of a cell or of a layer that is not a cell. */
export interface NetworkSums {
  readonly cells: readonly GradientSums[];
  readonly layers: readonly LayerSums[];
}

/** Another way for some nodes; `cell` and `layer` are the places of a node's first cell and of the layer that it is. */
export type SpecialNodes = (
  node: NetworkNode,
  place: { readonly cell: number; readonly layer: number },
) => DifferentiableNode | undefined;

export interface DifferentiableNode {
  forward(call: NodeCall): InTurns<NodePass>;
}

/** In float64: the same array where it is so already. */
export function inFloat64(values: FloatArray): Float64Array {
  return values instanceof Float64Array ? values : new Float64Array(values);
}

/** In float32: the same array where it is so already. */
export function inFloat32(values: FloatArray): Float32Array {
  return values instanceof Float32Array ? values : new Float32Array(values);
}
