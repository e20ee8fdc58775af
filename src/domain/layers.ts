import type { ActivationSpec } from './program.ts';
import type { Dtype, FloatArray } from './tensor.ts';

/**
 * The layers of networks that are not recurrent, each with its settings other than weights. A new layer is a line here, its
 * formula in src/cells/layers and its gradient beside it.
 */
export interface LayerParams {
  readonly identity: Empty;
  readonly dense: Empty;
  readonly embedding: Empty;
  readonly masking: { readonly maskValue: number };
  readonly layer_normalization: { readonly epsilon: number; readonly rmsScaling: boolean };
  readonly rms_normalization: { readonly epsilon: number };
  readonly unit_normalization: Empty;
  /** Not `trained`, it takes its moving statistics in training too. With `eachStep`, each step has statistics of its own. */
  readonly batch_normalization: {
    readonly epsilon: number;
    readonly momentum: number;
    readonly trained: boolean;
    readonly eachStep: boolean;
  };
  readonly normalization: { readonly invert: boolean };
  readonly rescaling: { readonly scale: readonly number[]; readonly offset: readonly number[] };
  /** The index of the weight for each number of a step, or of all steps if each step has weights of its own. */
  readonly prelu: { readonly places: readonly number[] };
  /** `steps`: one mask for all time steps of a row (SpatialDropout1D). */
  readonly dropout: { readonly rate: number; readonly steps: boolean; readonly seed?: number };
  readonly gaussian_noise: { readonly stddev: number; readonly seed?: number };
  readonly gaussian_dropout: { readonly rate: number; readonly seed?: number };
  readonly merge: { readonly mode: NetworkMerge; readonly inputs: readonly MergeInput[] };
  /** Numbers of each input that stand together, one input's after another's; null: all that a unit has. */
  readonly concatenate: { readonly widths: readonly (number | null)[] };
  /** Over a window of `taps` steps. */
  readonly conv1d: { readonly taps: number; readonly groups: number };
  readonly depthwise_conv1d: { readonly taps: number };
  readonly separable_conv1d: { readonly taps: number };
  /** The same numbers in another shape. */
  readonly reshape: Empty;
  /** `order` of the axes; the extent of time is null. */
  readonly permute: { readonly order: readonly number[]; readonly extents: readonly (number | null)[] };
  readonly repeat_vector: { readonly times: number };
  readonly cropping1d: { readonly before: number; readonly after: number };
  readonly zero_padding1d: { readonly before: number; readonly after: number };
  readonly up_sampling1d: { readonly times: number };
  readonly max_pooling1d: Pooling;
  readonly average_pooling1d: Pooling;
  readonly global_max_pooling1d: Empty;
  readonly global_average_pooling1d: Empty;
}

type Empty = Readonly<Record<never, never>>;
export type NetworkMerge = 'add' | 'subtract' | 'multiply' | 'average' | 'maximum' | 'minimum';
/** For each number of a step's output, its index in an input. */
export interface MergeInput {
  /** null: at the same place. */
  readonly places: readonly number[] | null;
  /** An input without a time axis, which is the same at every step. */
  readonly repeated: boolean;
}
export interface Pooling {
  readonly size: number;
  readonly stride: number;
  readonly padding: 'valid' | 'same';
}

export type LayerKind = keyof LayerParams;

/** The steps that a layer over a window sees: `taps` of them, `dilation` apart, every `stride`-th step. */
export interface Window {
  readonly taps: number;
  readonly dilation: number;
  readonly stride: number;
  /** causal: zeros before the first step, as many as the window needs; none after the last step. */
  readonly padding: 'valid' | 'same' | 'causal';
}

/**
 * A layer without states of its own. It works on units: one step of one row (`reach` step), the window around a step, or
 * all steps of a row (`reach` sequence). Each result is rounded to the compute dtype once, after the activation.
 */
export interface LayerProgram<K extends LayerKind = LayerKind> {
  readonly kind: K;
  readonly params: LayerParams[K];
  /** Weights by their names in Keras. */
  readonly arrays: Readonly<Record<string, FloatArray>>;
  readonly computeDtype: Dtype;
  /** The activation of the formula's result. If it works on rows, it runs along the last axis, of `rowWidth` numbers. */
  readonly activation?: ActivationSpec;
  readonly rowWidth: number;
  readonly reach: 'step' | 'sequence';
  readonly window?: Window;
  /** How many numbers each input and the output have in a step (or in a whole unit without a time axis). */
  readonly inputWidths: readonly number[];
  readonly outputWidth: number;
}

/** Layers with a float32 kernel. The others are computed in float64 by their formula. */
export const KERNEL_LAYERS: readonly LayerKind[] = [
  'dense',
  'conv1d',
  'layer_normalization',
  'rms_normalization',
  'unit_normalization',
  'batch_normalization',
  'normalization',
];

export type AnyLayer = { [K in LayerKind]: LayerProgram<K> }[LayerKind];

/** Steps that a window reaches back from its own. */
export function reachBack({ taps, dilation }: Window): number {
  return dilation * (taps - 1);
}

/** Whether the window needs no later steps, so that the layer can stream. */
export function streams({ padding, stride }: Window): boolean {
  return padding === 'causal' && stride === 1;
}

/** Multiply-adds of one step, about. */
export function layerWork({ arrays, kind, outputWidth }: LayerProgram): number {
  if (kind === 'embedding') return outputWidth;
  return Object.values(arrays).reduce((sum, array) => sum + array.length, outputWidth);
}
