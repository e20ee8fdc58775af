import type { ActivationSpec } from './program.ts';
import type { Dtype, FloatArray } from './tensor.ts';

/**
 * The layers of networks that are no recurrent cells, each with what it is set by beside its weights. A new layer is a line
 * here, its formula in src/cells/layers and its gradient beside it.
 */
export interface LayerParams {
  readonly identity: Empty;
  readonly dense: Empty;
  readonly embedding: Empty;
  readonly masking: { readonly maskValue: number };
  readonly layer_normalization: { readonly epsilon: number; readonly rmsScaling: boolean };
  readonly rms_normalization: { readonly epsilon: number };
  readonly unit_normalization: Empty;
  /** Not `trained`, it takes its moving statistics in training too. */
  readonly batch_normalization: { readonly epsilon: number; readonly momentum: number; readonly trained: boolean };
  readonly normalization: { readonly invert: boolean };
  readonly rescaling: { readonly scale: readonly number[]; readonly offset: readonly number[] };
  /** Where each number of a step (of all steps, where it has weights for each) finds its own weight. */
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
  /** `order` of the axes; a null extent is that of time. */
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
/** Where each number of a step's output finds its own in an input. */
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

/** What a layer over a window sees of the steps around one: `taps` of them, `dilation` apart, every `stride`-th step. */
export interface Window {
  readonly taps: number;
  readonly dilation: number;
  readonly stride: number;
  /** causal: as many zeros before the first step as the window needs, none after the last. */
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
  /** Of what the formula gives; along the last axis, of `rowWidth` numbers, where it works on rows. */
  readonly activation?: ActivationSpec;
  readonly rowWidth: number;
  readonly reach: 'step' | 'sequence';
  readonly window?: Window;
  /** Numbers of each input and of the output in a step (of a whole unit where there is no time axis). */
  readonly inputWidths: readonly number[];
  readonly outputWidth: number;
}

/** Those that an engine of float32 has a kernel for; the others are computed in float64 by their formula. */
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

/** Whether the window needs nothing of later steps, so that it streams. */
export function streams({ padding, stride }: Window): boolean {
  return padding === 'causal' && stride === 1;
}

/** Multiply-adds of one step, about. */
export function layerWork({ arrays, kind, outputWidth }: LayerProgram): number {
  if (kind === 'embedding') return outputWidth;
  return Object.values(arrays).reduce((sum, array) => sum + array.length, outputWidth);
}
