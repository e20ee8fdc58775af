import type { Dtype, Shape, Tensor } from './tensor.ts';

/** A tensor that a graph takes or gives. */
export interface GraphValue {
  readonly name: string;
  readonly dtype: Dtype;
  /** The name of an extent that the graph leaves open, `?` if it has no name. */
  readonly shape: readonly (number | string)[];
  /** The axis of the rows of a batch; null if there is no such axis. */
  readonly rows: number | null;
}

/** A state: the input that takes it, and the output that gives the next one. */
export interface GraphState extends GraphValue {
  readonly output: string;
  /** How it was found: it was asked for, by its name, by its shape, or inside a recurrent node that was opened for it. */
  readonly found: 'asked' | 'name' | 'shape' | 'opened';
}

/** An input that is fixed for good. */
export interface GraphConstant {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** int64 as texts of digits, other dtypes as numbers or their names ("NaN"). */
  readonly values: readonly (number | string)[];
}

/** What a graph takes and gives as a cell: each input of the graph is a state, a constant, or sent with each step. */
export interface GraphInterface {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly states: readonly GraphState[];
  readonly constants: readonly GraphConstant[];
}

/** What the runtime runs. */
export interface GraphProgram {
  /** No other graph has it: a digest of its bytes. */
  readonly id: string;
  /** The model as an ONNX file; read only when the runtime does not have it. */
  model(): Promise<Uint8Array>;
  /** The names of the inputs that are sent with each step. */
  readonly inputs: readonly string[];
  /** What other inputs take at each run, by name. */
  readonly constants: readonly (readonly [name: string, tensor: Tensor])[];
  readonly states: readonly Pick<GraphState, 'name' | 'output'>[];
  readonly outputs: readonly string[];
}

/** What an input takes at each of several runs. */
export interface GraphFeed {
  readonly tensor: Tensor;
  /** Whether the first axis of the tensor is that of the runs; otherwise all take the same. */
  readonly perRun: boolean;
}

/** Runs of one row, one after another: each takes the states that the one before gave. */
export interface GraphRow {
  readonly runs: number;
  /** In the order of the program's inputs. */
  readonly inputs: readonly GraphFeed[];
  /** Those that the first run takes, in the order of the program's. */
  readonly states: readonly Tensor[];
}

export interface GraphRequest {
  readonly rows: readonly GraphRow[];
  /** Whether the states after each run are wanted, not only those after the last. */
  readonly everyState: boolean;
  /** Whether it is several requests in one. If it fails, each will be tried alone, and only then is one of them to blame. */
  readonly isJoined?: boolean;
}

/** What came of the runs of one row. */
export interface GraphResult {
  /** Of each run, in the order of the program's outputs. */
  readonly outputs: readonly (readonly Tensor[])[];
  /** After each run, or after the last one alone. */
  readonly states: readonly (readonly Tensor[])[];
}

/** One graph, ready to run. */
export interface PreparedGraph {
  /** How many steps of a session may be joined in one request now: the quicker a step is, the more; one until that is known. */
  readonly mostJoined: number;
  /** Loads it without running it. @throws {Problem} invalid-file where the runtime refuses it, engine-not-installed */
  load(): Promise<void>;
  /**
   * `took` hears of the seconds that a process has worked for it: once, and again where it is tried again.
   * @throws {Problem} graph-failed where the runtime refuses what it is given, limit-exceeded, compute-failed, overloaded
   */
  run(request: GraphRequest, took?: (seconds: number) => void): Promise<readonly GraphResult[]>;
}

export function isOpen(extent: number | string): extent is string {
  return typeof extent === 'string';
}

/** What a file says of an input or output of its graph. */
export interface GraphEdge {
  readonly name: string;
  /** Undefined if cells have no such dtype. */
  readonly dtype?: Dtype;
  /** How the file calls the type. */
  readonly type: string;
  /** Undefined where the file does not even say how many extents. */
  readonly shape?: readonly (number | string)[];
}

/** A state inside a recurrent node, which the graph starts from zeros at each run. */
export interface HiddenState {
  /** Of the node in the graph, and which of its states it is. */
  readonly place: string;
  readonly which: 'initial_h' | 'initial_c';
  /** Names of the input and the output that the opened graph has for it. */
  readonly name: string;
  readonly output: string;
  readonly dtype: Dtype;
  readonly shape: readonly (number | string)[];
  readonly rows: number;
}

/** What a file with a graph holds. */
export interface GraphModel {
  /** The digest of the file. */
  readonly sha256: string;
  readonly inputs: readonly GraphEdge[];
  readonly outputs: readonly GraphEdge[];
  /** Its initializers that have a dtype of cells, by name. */
  readonly variables: ReadonlyMap<string, Pick<Tensor, 'dtype' | 'shape'>>;
  readonly hidden: readonly HiddenState[];
  /** What of the file is left out or stays closed, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** A graph as it was sent: its file, and those that hold its data, by their names. */
export interface SentGraph {
  readonly bytes: Uint8Array;
  readonly beside?: ReadonlyMap<string, Uint8Array>;
}

/** Files with whole graphs. All of it rejects with a Problem: invalid-file, limit-exceeded, overloaded. */
export interface GraphFiles {
  read(file: Uint8Array): Promise<GraphModel>;
  /** The same graph with its data inside, from files that were sent with it, by their names. */
  inside(file: Uint8Array, beside: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array>;
  /** The initializers of a file that was read before. */
  variables(file: Uint8Array): Promise<ReadonlyMap<string, Tensor>>;
  /** The same graph with these of its hidden states as inputs and outputs. */
  open(file: Uint8Array, states: readonly string[]): Promise<Uint8Array>;
}
