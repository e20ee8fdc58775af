import type { Bytes } from './bytes.ts';
import type { GraphProgram, PreparedGraph } from './graph.ts';
import type { LossSpec, NamedSpec, Targets } from './learning.ts';
import type { Runnable, Steppable } from './network.ts';
import type { CellArithmetic } from './program.ts';
import type { Dtype, FloatArray } from './tensor.ts';
import type { StoredUsage } from './usage.ts';

/** A stored value and the opaque, never reused stamp of the commit that wrote it. */
export interface StoredValue {
  readonly revision: string;
  /** The reader's own. They may be copied when they are asked for: a reader that knows the revision need not ask. */
  readonly bytes: Uint8Array;
  /** The bytes as the store itself keeps them, where it does: only to be read, and never to be passed on. */
  readonly view?: Uint8Array;
}

export interface StoredEntry extends StoredValue {
  readonly key: string;
}

/**
 * One part of a commit. `expect` is the revision that the key must have now: `null` for "must not exist", left out for "any".
 * `bytes` writes, `delete: true` deletes, and neither of them only checks.
 */
export interface StoreWrite {
  readonly key: string;
  readonly expect?: string | null;
  readonly bytes?: Bytes;
  readonly delete?: true;
  /** Values that the key would have had before this one, had their changes been committed one by one. A store ignores them. */
  readonly passed?: readonly Bytes[];
}

/** Counts bytes before they are read; 0 asks whether somebody still waits for them. What it throws ends the reading. */
export type Hold = (bytes: number) => void;

/** A committed outcome means that the change survives the death of the process (as far as the store's medium can). */
export type CommitOutcome = 'committed' | 'conflict';

/** How one of many commits ended: an Error is what `commit` would have rejected with. */
export type CommitEnd = CommitOutcome | Error;

/**
 * A versioned key-value store, small on purpose. Keys are ASCII, `kind/id` or `kind/id/rest`, at most 1,000 characters.
 * All keys of one commit have one owner (see `ownerOf` in store-keys.ts), so that a sharded store can keep them together.
 * Bytes are copied where they cross the port: a caller may reuse its buffer, a reader may change what it got. Only a value of more
 * than LONG_BYTES may be taken in pieces, so its buffer must stay as it is until the commit is over.
 */
export interface Store {
  /** A value of more than LONG_BYTES is told to `hold` first. */
  get(key: string, hold?: Hold): Promise<StoredValue | undefined>;
  /**
   * All or nothing, compare-and-set: if any `expect` does not hold, nothing is written. A commit of checks alone confirms
   * what it checks: that survives what a commit survives, although the commit that wrote it may have been reported as failed.
   */
  commit(writes: readonly StoreWrite[]): Promise<CommitOutcome>;
  /**
   * The values are those of this turn of the event loop: copy what is needed longer. Left out where it would gain nothing;
   * store-calls.ts then reads one by one.
   */
  getAll?(keys: readonly string[], hold?: Hold): Promise<(StoredValue | undefined)[]>;
  /**
   * Many commits, each on its own: one may fail or conflict beside others that are made. Their bytes must stay as they are until
   * it resolves. Left out like `getAll`.
   */
  commitAll?(commits: readonly (readonly StoreWrite[])[]): Promise<CommitEnd[]>;
  /**
   * Entries whose key starts with `prefix` and is greater than `after`, in ascending key order, at most `limit`. Where
   * `maxBytes` is given, the entry whose bytes reach that many in all is the last one.
   */
  list(prefix: string, after: string | undefined, limit: number, maxBytes?: number): Promise<StoredEntry[]>;
  /** Resolves when the store can serve; rejects with the reason when it cannot. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** A store that knows, without looking through it, how much each tenant keeps: it counts in the same commit as it writes. */
export interface CountedStore extends Store {
  usageOf(tenant: string): Promise<StoredUsage>;
  /** Usage of every tenant that keeps something. */
  usages(): Promise<ReadonlyMap<string, StoredUsage>>;
  /** Free bytes of its medium; undefined if unknown. */
  freeBytes(): Promise<number | undefined>;
}

/** Counts what happens in windows of time. */
export interface RateCounter {
  /** Counts one more under a key: how many that makes in its window, and the milliseconds that are left of that. */
  count(key: string, milliseconds: number): Promise<{ readonly count: number; readonly left: number }>;
}

/** The values of one gate or intermediate before and after its activation: [batch, width] or [batch, time, width]. */
export interface GateTrace {
  readonly name: string;
  /** That of its cell. */
  readonly dtype: Dtype;
  readonly width: number;
  readonly before: FloatArray;
  readonly after: FloatArray;
  /** Of a layer of a network: the steps of its output where they are others than those of the inputs; null: it has no axis of time. */
  readonly steps?: number | null;
}

/** `output` [batch, output width]; `states` one [batch, width] array each. All rounded to the dtype of their cell. */
export interface StepResult {
  readonly output: FloatArray;
  readonly states: readonly FloatArray[];
  readonly trace?: readonly GateTrace[];
}

/**
 * Training mode: dropout masks are drawn as Keras draws them, one set for all steps of a call. The cells of a composite
 * take seed, seed + 1 …, or each its own where no seed is given.
 */
export interface Training {
  readonly seed?: number;
}

export interface StepOptions {
  readonly trace?: boolean;
  readonly training?: Training;
}

/** One version of a cell, ready to step. */
export interface PreparedCell {
  /** One step. inputs [batch, features] of the program's dtype, states one [batch, width] each of their cells'. */
  step(inputs: FloatArray, states: readonly FloatArray[], batch: number, options?: StepOptions): StepResult;
}

export interface SequenceRequest {
  /** [batch, time, features] */
  readonly inputs: FloatArray;
  readonly batch: number;
  readonly time: number;
  /** One [batch, width] array each. */
  readonly states: readonly FloatArray[];
  /** [batch, time], 0 for a masked step: the states stay, and the output is the previous one or zeros. */
  readonly mask?: Uint8Array;
  readonly zeroOutputForMask: boolean;
  /** Of a network: whether the outputs of all steps are wanted, though it gives one for a whole sequence by itself. */
  readonly returnSequences?: boolean;
  /** The output before the first step, [batch, width], which masked steps repeat. If left out: zeros. */
  readonly previous?: FloatArray;
  readonly trace?: boolean;
  readonly training?: Training;
}

/** One output, or two if a bidirectional layer does not merge its directions. */
export interface SequenceResult {
  /** [batch, time, width] each. */
  readonly sequences: readonly FloatArray[];
  /** The output of the last step processed, [batch, width] each. */
  readonly last: readonly FloatArray[];
  readonly states: readonly FloatArray[];
  /** [batch, time, width] each. */
  readonly trace?: readonly GateTrace[];
}

/** One version of a cell, ready to run over sequences. */
export interface PreparedSequence {
  run(request: SequenceRequest): SequenceResult;
}

/** Gradients of a loss, from its gradient with respect to the outputs. Computed in float64 and rounded once. */
export interface GradientRequest extends SequenceRequest {
  /** Derivatives of the loss by the outputs: [batch, time, width] each, or [batch, width] if only the last output counts. */
  readonly cotangents: readonly FloatArray[];
  readonly returnSequences: boolean;
}

/** Gradients of a canonical program: same shapes as what they are for. */
export interface GradientResult {
  readonly inputs: FloatArray;
  readonly states: readonly FloatArray[];
  /** One for each cell of the program, in the order of its states; the arrays of CellProgram. */
  readonly cells: readonly CellGradients[];
  /** For a network: gradients by array name for each layer that is not a cell, in order. */
  readonly layers?: readonly Readonly<Record<string, FloatArray>>[];
  /**
   * Of a network in training mode, what its layers make of their own statistics (BatchNormalization's moving mean and
   * variance), as `layers`.
   */
  readonly statistics?: readonly Readonly<Record<string, FloatArray>>[];
}

export interface CellGradients {
  readonly kernel: FloatArray;
  readonly recurrentKernel: FloatArray;
  readonly bias?: FloatArray;
  readonly recurrentBias?: FloatArray;
  readonly peepholes?: FloatArray;
  readonly projection?: FloatArray;
}

/** One version of a cell, ready for gradients through time. */
export interface PreparedGradients {
  run(request: GradientRequest): GradientResult;
}

/** One batch of training: the loss of its outputs by the targets, and what of it comes to each weight. */
export interface TrainingRequest extends SequenceRequest {
  readonly loss: LossSpec;
  readonly targets: Targets;
  readonly returnSequences: boolean;
  /** What the outputs of a layer cost; a network has it at its nodes. */
  readonly activity?: NamedSpec;
  /** What the parts of an Embedding's gradient are clipped to before they are added up. */
  readonly clipvalue?: number;
}

export interface TrainingResult {
  readonly loss: number;
  /** The gradients; absent if the loss is not finite. */
  readonly cells: readonly CellGradients[];
  readonly layers?: GradientResult['layers'];
  readonly statistics?: GradientResult['statistics'];
  /** As `layers`, of an Embedding alone: what its gradient's parts are when they are squared before they are added up. */
  readonly squares?: GradientResult['layers'];
}

/** One version of a cell, ready for training. */
export interface PreparedTraining {
  run(request: TrainingRequest): TrainingResult;
}

/** Which arithmetic computes a cell: float32 in the SIMD engine, or float64 rounded once. */
export type Precision = 'fast' | 'exact';

/** The same calls, answered later: the work may be done together with other work, or on another thread. */
export type Deferred<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : never;
};

/** A cell whose steps are computed in batches. */
export interface BatchedCell extends Deferred<PreparedCell> {
  /** The most rows of a batch of several steps, so that no request waits long for the others in it. */
  readonly batchRows: number;
}

export interface Stepper {
  /** The precision that a cell gets. Float64 cells, and cells without a fast kernel, are always exact. */
  precisionUsed(cells: readonly CellArithmetic[], precision: Precision): Precision;
  prepare(program: Steppable, precision: Precision): BatchedCell;
  prepareSequence(program: Runnable, precision: Precision): Deferred<PreparedSequence>;
  prepareGradients(program: Runnable): Deferred<PreparedGradients>;
  prepareTraining(program: Runnable, precision: Precision): Deferred<PreparedTraining>;
  /** A whole graph, which runs in ONNX Runtime. */
  prepareGraph(program: GraphProgram): PreparedGraph;
}

/** Reports about computing, for metrics. Seconds are measured, not estimated. */
export interface ComputeObserver {
  /** Work was done at once, or on a thread or in another process, its wait for one included. */
  computed(
    kind: 'step' | 'sequence' | 'gradients' | 'training',
    place: 'loop' | 'thread' | 'process',
    seconds: number,
  ): void;
  /** A batch of steps begins: its rows, and how long each of its requests has waited for it. */
  batched(rows: number, queueSeconds: readonly number[]): void;
}

/** What a request goes through, for traces. */
export type Stage = 'parse' | 'queue' | 'compute' | 'commit';

/** Begins a stage of the request that is under way, and returns what ends it. */
export type BeginStage = (stage: Stage) => () => void;

/** Milliseconds since the epoch. */
export type Clock = () => number;

/** A fresh id with a prefix, e.g. newId('cell') → `cell_0198…` (uuid v7, so ids sort by time). */
export type NewId = (prefix: string) => string;

/** A fresh seed in [1, 10^9], for an initializer whose seed is null. */
export type NewSeed = () => number;

/** Waits before a change that lost a race is tried again; `tries` counts from 0. */
export type Backoff = (tries: number) => Promise<void>;

/** Carries messages between the processes of one service. It may lose some, and does not keep them for later. */
export interface Bus {
  /** Sends to all others, and tells how many it was sent to. */
  broadcast(message: Uint8Array): Promise<number>;
  listen(heard: (message: Uint8Array) => void): void;
  close(): Promise<void>;
}
