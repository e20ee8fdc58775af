import type { LayerKind, LayerProgram } from '../../domain/layers.ts';

/** What a layer works on at once, beside its inputs. */
export interface Unit {
  /** Number of steps: 1, except for a layer that works on all steps of a row. */
  readonly time: number;
  /** [time], 0 where a step is masked; undefined where none is. */
  readonly mask?: Uint8Array;
  /** Of each input of a layer that merges, where any has one. */
  readonly masks?: readonly (Uint8Array | undefined)[];
}

/** From the inputs of a unit to its output, a fresh array, before the activation. Neither is changed afterwards. */
export type LayerForward = (inputs: readonly Float64Array[], unit: Unit) => Float64Array;

/** A layer's formula, in float64, with its weights bound. */
export type LayerFormula<K extends LayerKind> = (layer: LayerProgram<K>) => LayerForward;

/** The gradients of a layer's weights, by their names, summed over units. */
export type LayerSums = Readonly<Record<string, Float64Array>>;

/** What a layer has done on its way forwards. */
export interface LayerPass {
  readonly inputs: readonly Float64Array[];
  /** Before the activation. */
  readonly output: Float64Array;
  readonly unit: Unit;
}

/** Backwards through a unit: from d/d output to d/d each input, fresh arrays; the weights' part is added to `sums`. */
export type LayerPull = (pass: LayerPass, gradient: Float64Array, sums: LayerSums) => readonly Float64Array[];

export type LayerGradient<K extends LayerKind> = (layer: LayerProgram<K>) => LayerPull;

/** What a layer that trains differently than it evaluates works on: the whole batch at once, [batch, time, width]. */
export interface TrainingBatch {
  readonly input: Float64Array;
  readonly batch: number;
  readonly time: number;
  /** [batch, time], 0 where a step is masked. */
  readonly mask?: Uint8Array;
  /** For what the layer draws; undefined where it draws nothing. */
  readonly seed: number | undefined;
}

/** What it has done, and the way back. */
export interface TrainingPass {
  readonly output: Float64Array;
  /** From d/d output to d/d input, a fresh array; the weights' part is added to `sums`. */
  pull(gradient: Float64Array, sums: LayerSums): Float64Array;
  /** New values of arrays that follow the batches, by their names. */
  readonly statistics?: Readonly<Record<string, Float64Array>>;
}

export type LayerTraining<K extends LayerKind> = (layer: LayerProgram<K>) => (batch: TrainingBatch) => TrainingPass;
