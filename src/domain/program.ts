import type { NamedSpec } from './learning.ts';
import type { Dtype, FloatArray } from './tensor.ts';

/** Gate order, in one place: the blocks of units columns in kernel, recurrent kernel and bias. Keras' order. */
export const GATES = { simple_rnn: ['h'], gru: ['z', 'r', 'h'], lstm: ['i', 'f', 'c', 'o'] } as const;
export type CellKind = keyof typeof GATES;

/** An activation by its canonical (Keras) name with all its parameters filled in. */
export interface ActivationSpec {
  readonly name: string;
  readonly params: Readonly<Record<string, number | boolean | null>>;
}

/** An initializer by its Keras class name with all its parameters filled in; `seed` is never null here. */
export interface InitializerSpec {
  readonly className: string;
  readonly params: Readonly<Record<string, number | string | boolean | null | readonly number[]>>;
}

/** Like InitializerSpec, but a random one may have a null `seed`, which is drawn and kept when the cell is built. */
export interface InitializerTemplate {
  readonly className: string;
  readonly params: InitializerSpec['params'];
}

export interface Dropout {
  readonly inputs: number;
  readonly recurrent: number;
  /** The seed of the cell, for requests that send none. */
  readonly seed?: number;
}

/** The properties of a cell that decide which arithmetic can compute it. */
export interface CellArithmetic {
  readonly computeDtype: Dtype;
  readonly activations: readonly ActivationSpec[];
}

interface ProgramBase {
  readonly features: number;
  readonly units: number;
  /** The dtype that inputs, states and results have; results are rounded to it once. */
  readonly computeDtype: Dtype;
  /** Bounds every activation's input to [-clip, clip] (ONNX). */
  readonly clip?: number;
  /** [features, gates·units] */
  readonly kernel: FloatArray;
  /** [state width, gates·units]; the state width is units, or the projection's size. */
  readonly recurrentKernel: FloatArray;
  /** [gates·units] */
  readonly bias?: FloatArray;
  readonly activation: ActivationSpec;
  /** Rates in [0, 1] for training, and the seed to draw the masks from; evaluation takes no notice of them. */
  readonly dropout?: Dropout;
}

export interface SimpleRnnProgram extends ProgramBase {
  readonly kind: 'simple_rnn';
}

export interface GruProgram extends ProgramBase {
  readonly kind: 'gru';
  readonly recurrentActivation: ActivationSpec;
  /** true: r is applied after the recurrent product, g = a(x·Wh + bh + r∘(h·Uh + b'h)); false: before it. */
  readonly resetAfter: boolean;
  /** [3·units], added to the recurrent product. */
  readonly recurrentBias?: FloatArray;
}

export interface LstmProgram extends ProgramBase {
  readonly kind: 'lstm';
  readonly recurrentActivation: ActivationSpec;
  /** For the cell state before the output gate. Keras uses `activation` for both. */
  readonly outputActivation: ActivationSpec;
  /** f = 1 - i (ONNX input_forget). */
  readonly inputForget?: boolean;
  /** [3·units] in the order i, f, o (ONNX P is i, o, f). i and f look at c, o at the new c. */
  readonly peepholes?: FloatArray;
  /** [units, projection size], h' = h'·projection (PyTorch proj_size). */
  readonly projection?: FloatArray;
}

/**
 * The input of an engine: one canonical form for each kind of cell, in Keras' layout. Adapters bring the weights and options
 * of every framework into it, so the formulas exist once.
 */
export type CellProgram = SimpleRnnProgram | GruProgram | LstmProgram;

/** Cells one above another: the output of each is the input of the next. Its states are the states of its cells, in order. */
export interface StackProgram {
  readonly kind: 'stack';
  /** The dtype that inputs and states are rounded to before each cell rounds them to its own. */
  readonly computeDtype: Dtype;
  /** Names for traces, for example `cells.0`. */
  readonly names: readonly string[];
  readonly cells: readonly StepProgram[];
}

/** What can take one step. */
export type StepProgram = CellProgram | StackProgram;

/** A cell run over time in one direction. Between its steps the states keep the dtype of their cell. */
export interface RunProgram {
  readonly kind: 'run';
  /** The dtype that inputs are rounded to before the cell rounds them to its own, and that outputs are rounded to. */
  readonly computeDtype: Dtype;
  /** The dtype of the outputs if it differs: a stack without a layer around it gives the outputs of its last cell. */
  readonly outputDtype?: Dtype;
  readonly cell: StepProgram;
  /** Runs from the last time step to the first. Outputs keep the order of processing, unless `timeOrder` is set. */
  readonly goBackwards: boolean;
  /** Flips the outputs along time, so that a backwards run gives them in time order (ONNX reverse). */
  readonly timeOrder?: boolean;
  /** Of a direction of a bidirectional program: what its outputs cost in training, before they are merged. */
  readonly activity?: NamedSpec;
}

export const MERGE_MODES = ['concat', 'sum', 'ave', 'mul'] as const;
export type MergeMode = (typeof MERGE_MODES)[number];

/** Two directions side by side; the backward one's outputs are put back in time order before they are merged. */
export interface BidirectionalProgram {
  readonly kind: 'bidirectional';
  readonly computeDtype: Dtype;
  readonly forward: RunProgram;
  readonly backward: RunProgram;
  /** null: both outputs, forward first. */
  readonly merge: MergeMode | null;
}

/** Sequences one after another: the whole output of each is the input of the next. */
export interface ChainProgram {
  readonly kind: 'chain';
  readonly computeDtype: Dtype;
  readonly layers: readonly SequenceProgram[];
}

/** A program for whole sequences. Its states are the states of its cells: layer by layer, forward before backward. */
export type SequenceProgram = RunProgram | BidirectionalProgram | ChainProgram;

/** Width of the output of a step. */
export function stepWidth(program: StepProgram): number {
  if (program.kind === 'stack') return stepWidth(program.cells[program.cells.length - 1]);
  return program.kind === 'lstm' && program.projection ? program.projection.length / program.units : program.units;
}

/** The dtype of the output of a step: the dtype of its last cell. */
export function stepDtype(program: StepProgram): Dtype {
  return program.kind === 'stack' ? stepDtype(program.cells[program.cells.length - 1]) : program.computeDtype;
}

/** Width of each state of a step program, in order: h, or h and c, for each cell. */
export function stateWidths(program: StepProgram): number[] {
  if (program.kind === 'stack') return program.cells.flatMap(stateWidths);
  return program.kind === 'lstm' ? [stepWidth(program), program.units] : [program.units];
}

/** How many states a sequence program carries. */
export function sequenceStateCount(program: SequenceProgram): number {
  if (program.kind === 'run') return stateWidths(program.cell).length;
  if (program.kind === 'chain') return program.layers.reduce((sum, layer) => sum + sequenceStateCount(layer), 0);
  return stateWidths(program.forward.cell).length + stateWidths(program.backward.cell).length;
}

/** The dtype of each state of a sequence program: the dtype of its cell. */
export function stateDtypes(program: SequenceProgram): Dtype[] {
  return sequenceCells(program).flatMap((cell) => stateWidths(cell).map(() => cell.computeDtype));
}

/** The cells of a step program, bottom first, including the cells of inner stacks. */
export function stepCells(program: StepProgram): CellProgram[] {
  return program.kind === 'stack' ? program.cells.flatMap(stepCells) : [program];
}

/** The cells of a sequence program in the order of its states. In training, cell k draws from the call's seed + k. */
export function sequenceCells(program: SequenceProgram): CellProgram[] {
  if (program.kind === 'run') return stepCells(program.cell);
  if (program.kind === 'chain') return program.layers.flatMap(sequenceCells);
  return [...stepCells(program.forward.cell), ...stepCells(program.backward.cell)];
}
