import type { GraphInterface } from './graph.ts';
import type { JsonObject } from './json.ts';
import type { NamedSpec } from './learning.ts';
import type { Runnable, Steppable } from './network.ts';
import type { GradientResult } from './ports.ts';
import type { CellArithmetic, Dropout, InitializerTemplate } from './program.ts';
import type { Dtype, FloatArray, Shape, Tensor } from './tensor.ts';

export const FRAMEWORKS = ['keras', 'pytorch', 'onnx'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** A variable that a cell has once it is built. */
export interface VariableSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly trainable: boolean;
  /** How to draw it; a null seed is filled in by the caller. */
  readonly initializer: InitializerTemplate;
  /** Drawn as [init(U), ones(U), init(2U)]: Keras LSTM's bias. */
  readonly unitForgetBias?: boolean;
  /** Its regularizer, and the constraint that holds after each update. */
  readonly regularizer?: NamedSpec;
  readonly constraint?: NamedSpec;
}

/**
 * One state tensor of the framework: which canonical [batch, width] states it holds, and how. Without `stackAxis` it is
 * that one state; with it, all of them stacked along a new axis 0 ([states, batch, width]) or 1 ([batch, states, width]).
 */
export interface StateGroup {
  readonly name: string;
  readonly members: readonly number[];
  readonly width: number;
  readonly dtype: Dtype;
  readonly stackAxis?: 0 | 1;
  /** Of a graph: the extents as it has them, null for the rows of a batch. */
  readonly extents?: readonly (number | null)[];
}

/** How a framework arranges a sequence. Canonical is [batch, time, features] in, [batch, time, width] out. */
export interface SequenceLayout {
  /** Inputs and outputs are [time, batch, …]. */
  readonly timeMajor: boolean;
  /** Outputs have an axis of so many directions: [time, directions, batch, width], or [batch, time, directions, width]. */
  readonly directions?: number;
}

/** Options of a sequence that a request may set, with their defaults. */
export interface SequenceDefaults {
  readonly returnSequences: boolean;
  readonly goBackwards: boolean;
  /** Left out: what return_sequences is (Keras' Bidirectional). */
  readonly zeroOutputForMask?: boolean;
  /** Options that a request may not change, because the class fixes them. */
  readonly fixed: readonly SequenceOption[];
}
export type SequenceOption = 'return_sequences' | 'go_backwards' | 'zero_output_for_mask' | 'time_major';

export type Weights = Readonly<Record<string, Tensor>>;

/** A cell as its configuration says, before it is built: what each framework's adapter makes of a config. */
export interface CellDefinition {
  readonly framework: string;
  readonly className: string;
  /** All defaults filled in, equal to the framework's own get_config(), key for key, in order. */
  readonly config: JsonObject;
  readonly variableDtype: Dtype;
  /** The dtype that inputs are rounded to. States have the dtype of their own cell. */
  readonly computeDtype: Dtype;
  /** The fixed extents of an input of one step: token ids have no axis, features have one. */
  readonly inputDims?: Shape;
  /** Width of each canonical state, in order. */
  readonly stateWidths: readonly number[];
  /** The states as the framework shows them; together they have every canonical state once. */
  readonly stateGroups: readonly StateGroup[];
  /** Last extent of the output. */
  readonly outputWidth: number;
  /** The extents of an output of one step, if it is not a single axis of outputWidth. */
  readonly outputDims?: Shape;
  /** The width of each output of a sequence, with all directions, if it is not a single outputWidth. */
  readonly outputWidths?: readonly number[];
  readonly outputDtype: Dtype;
  /** For a network: the number of output steps for a number of input steps. */
  readonly outputSteps?: (time: number) => number;
  /** For a network: how many numbers all its layers give, and gather, for a row of `time` steps. */
  readonly layerNumbers?: (time: number) => number;
  /** Index of the state group that equals a step's output after rounding to outputDtype; null if none does. */
  readonly outputIsState: number | null;
  /** Set where the cell is a whole graph, which has inputs and outputs by names and is neither built nor changed. */
  readonly graph?: GraphInterface;
  /** The feature count that the config fixes (PyTorch's input_size); such a cell is built when it is made. */
  readonly fixedFeatures?: number;
  /** The input shape that the config fixes, whole; such a cell is built when it is made. */
  readonly fixedInputShape?: readonly (number | null)[];
  /** Multiply-adds for one row of a step, if it is not one for each weight. */
  readonly stepWork?: number;
  /** The only number of steps that a sequence may have. */
  readonly fixedSteps?: number;
  readonly layout: SequenceLayout;
  readonly sequenceDefaults: SequenceDefaults;
  /** The activations of each cell in it. */
  readonly arithmetics: readonly CellArithmetic[];
  /** The dropout of each cell that has some, for training. */
  readonly dropouts?: readonly Dropout[];
  /** Variables that given weights may leave out (ONNX' B and P). */
  readonly optionalVariables?: readonly string[];
  /** `given`: the names of the weights that were sent, if any. They decide which optional variables exist. */
  variables(features: number, given?: readonly string[]): readonly VariableSpec[];
  /** The feature count that these shapes of weights imply; undefined if they imply none. */
  featuresOf(shapes: Readonly<Record<string, Shape>>): number | undefined;
  /** The program of a step; undefined if the cell needs later steps. */
  readonly step?: (features: number, weights: Weights) => Steppable;
  /** The layers that look ahead, as a message names them. */
  readonly looksAhead?: readonly string[];
  /** The framework's own name for a gate or intermediate that the canonical program calls `name`. */
  traceName?(name: string): string;
  /** The program of a sequence. */
  sequence(features: number, weights: Weights, goBackwards: boolean): Runnable;
  /** New values of variables that training moves without a gradient, as BatchNormalization's moving statistics. */
  statistics?(result: Pick<GradientResult, 'statistics'>): Readonly<Record<string, FloatArray>>;
  /** Turns the gradients of the program's cells and layers into gradients of the variables. */
  gradients(result: Pick<GradientResult, 'cells' | 'layers'>): Readonly<Record<string, FloatArray>>;
}

/** Axes of the inputs of a single step: the batch and what a step has; a sequence has one more. */
export function stepRank({ inputDims }: Pick<CellDefinition, 'inputDims'>): number {
  return 1 + (inputDims?.length ?? 1);
}

/** The shape of an output. `lead`: the axes before the axes of a step. */
export function outputShape(
  { outputDims, outputWidth, outputWidths = [outputWidth] }: CellDefinition,
  lead: Shape,
  index = 0,
): Shape {
  return [...lead, ...(outputDims ?? [outputWidths[index]])];
}

/** The shape of a state group for a batch. */
export function stateShape({ members, width, stackAxis, extents }: StateGroup, batch: number): Shape {
  if (extents) return extents.map((extent) => extent ?? batch);
  if (stackAxis === undefined) return [batch, width];
  return stackAxis === 0 ? [members.length, batch, width] : [batch, members.length, width];
}
