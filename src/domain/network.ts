import type { AnyLayer } from './layers.ts';
import { reachBack, streams } from './layers.ts';
import type { NamedSpec } from './learning.ts';
import {
  type CellProgram,
  type SequenceProgram,
  type StepProgram,
  sequenceCells,
  stateWidths,
  stepCells,
} from './program.ts';
import type { Dtype } from './tensor.ts';

/** A recurrent layer within a network. Without `returnSequences` it gives the output of its last step. */
export interface RecurrentWork {
  readonly kind: 'recurrent';
  readonly sequence: SequenceProgram;
  readonly returnSequences: boolean;
  readonly zeroOutputForMask: boolean;
}

export interface LayerWork {
  readonly kind: 'layer';
  readonly layer: AnyLayer;
}

/**
 * How a layer treats masks: it keeps them; drops them; makes a new one from the inputs that are not 0 or differ from a value;
 * combines several by "or" (of all inputs, or of those with a mask); or allows none.
 */
export type MaskRule =
  | { readonly kind: 'pass' | 'drop' | 'non-zero' | 'any' | 'concatenate' | 'refuse' }
  | { readonly kind: 'differs'; readonly value: number };

/** A layer of a network. Its inputs are nodes before it, or the network's input. */
export interface NetworkNode {
  readonly name: string;
  /** Indices of nodes; NETWORK_INPUT is the input of the network. */
  readonly inputs: readonly number[];
  readonly work: RecurrentWork | LayerWork;
  /** The dtype of its output. */
  readonly dtype: Dtype;
  /** Whether its output has a time axis. Without one it has a single value for a whole sequence. */
  readonly time: boolean;
  /** Numbers of the output in a step. */
  readonly width: number;
  readonly mask: MaskRule;
  /** What its outputs cost in training. */
  readonly activity?: NamedSpec;
}

export const NETWORK_INPUT = -1;

/** Layers in a graph from one input to one output, each after those whose outputs it takes. */
export interface NetworkProgram {
  readonly kind: 'network';
  /** The dtype of the inputs. */
  readonly computeDtype: Dtype;
  /** Numbers of an input in a step. */
  readonly inputWidth: number;
  readonly nodes: readonly NetworkNode[];
  /** The node whose output is the network's. */
  readonly output: number;
  /** Of its output; a network without it gives one output for a whole sequence. */
  readonly time: boolean;
}

/** What can take one step. */
export type Steppable = StepProgram | NetworkProgram;

/** Programs that can run over a whole sequence. */
export type Runnable = SequenceProgram | NetworkProgram;

/** Numbers of a step of a network's output. */
export function networkWidth({ nodes, output, inputWidth }: NetworkProgram): number {
  return output === NETWORK_INPUT ? inputWidth : nodes[output].width;
}

/** The states of a node: the states of its cells, or the inputs that a causal window still needs. */
export function nodeStateWidths({ work }: NetworkNode): number[] {
  if (work.kind === 'recurrent') return sequenceCells(work.sequence).flatMap(stateWidths);
  const { window, inputWidths } = work.layer;
  return window && streams(window) && reachBack(window) > 0 ? [reachBack(window) * inputWidths[0]] : [];
}

/** The recurrent cells of a program in the order of its states. */
export function cellsOf(program: Steppable | Runnable): CellProgram[] {
  switch (program.kind) {
    case 'network':
      return program.nodes.flatMap(({ work }) => (work.kind === 'recurrent' ? sequenceCells(work.sequence) : []));
    case 'run':
    case 'bidirectional':
    case 'chain':
      return sequenceCells(program);
    default:
      return stepCells(program);
  }
}

/** The other layers of a program, in its order. */
export function layersOf(program: Steppable | Runnable): AnyLayer[] {
  if (program.kind !== 'network') return [];
  return program.nodes.flatMap(({ work }) => (work.kind === 'layer' ? [work.layer] : []));
}
