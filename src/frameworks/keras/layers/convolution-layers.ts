import { isArray } from '../../../domain/json.ts';
import type { Window } from '../../../domain/layers.ts';
import { slides } from '../../../domain/network-steps.ts';
import type { Fields } from '../cell-classes.ts';
import {
  defineLayer,
  impossible,
  kerasShape,
  type LayerClass,
  type LayerSource,
  misfit,
  type Signal,
  variable,
} from './layer-class.ts';
import {
  ACTIVATION,
  ACTIVITY_REGULARIZER,
  CHANNELS_LAST,
  CONSTRAINT,
  COUNT,
  choice,
  flag,
  initializer,
  json,
  REGULARIZER,
} from './layer-fields.ts';

function windowFields(...paddings: readonly [string, ...string[]]): Fields {
  return {
    kernel_size: json(),
    strides: json(1),
    padding: choice(...paddings),
    ...CHANNELS_LAST,
    dilation_rate: json(1),
  };
}

/** Keras has causal padding for Conv1D alone. */
const WINDOW = windowFields('valid', 'same');
const BIAS: Fields = { activation: ACTIVATION, use_bias: flag(true) };

/** A whole number, or a list of one, as Keras prints it. @throws {Problem} invalid-config */
export function extentOf(source: LayerSource, field: string, least = 1): number {
  const sent = source.set.json.get(field) ?? null;
  const value = isArray(sent) && sent.length === 1 ? sent[0] : sent;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= source.options.maxUnits)
    return value;
  throw impossible(source, field, sent, `a whole number from ${least} to ${source.options.maxUnits}`);
}

function windowOf(source: LayerSource): Window {
  const [stride, dilation] = [extentOf(source, 'strides'), extentOf(source, 'dilation_rate')];
  if (stride > 1 && dilation > 1) {
    throw impossible(source, 'dilation_rate', dilation, '1 where strides is more than 1');
  }
  const padding = source.set.json.get('padding') as Window['padding'];
  return { taps: extentOf(source, 'kernel_size'), dilation, stride, padding };
}

/** The features of an input sequence. @throws {Problem} wrong-shape */
export function sequenceFeatures(source: LayerSource, input: Signal): number {
  if (input.time && !input.mapped && input.dims.length === 1) return input.dims[0];
  const rank = kerasShape(input).length;
  throw misfit(source, `its input has rank ${rank}; it takes [batch, time, features].`);
}

/** The output steps, if the input steps are fixed. @throws {Problem} wrong-shape if none are left */
function stepsAfter(
  source: LayerSource,
  { taps, dilation, stride, padding }: Window,
  steps: number | null,
): number | null {
  if (steps === null) return null;
  const size = dilation * (taps - 1) + 1;
  const count = slides({ size, stride, padding }, steps);
  if (count >= 1) return count;
  throw misfit(source, `its kernel needs ${size} steps; the network has ${steps}.`);
}

/** The part that all convolutions share, for these features of input and output. */
function convolution(source: LayerSource, input: Signal, filters: number) {
  const window = windowOf(source);
  const output: Signal = { ...input, steps: stepsAfter(source, window, input.steps), dims: [filters] };
  return {
    taps: window.taps,
    inputs: [input],
    output,
    window,
    mask: { kind: 'drop' } as const,
    ahead: window.padding !== 'causal' || window.stride > 1,
    activation: source.set.activations.get('activation'),
    bias: source.set.flags.get('use_bias') ? [variable(source, 'bias', [filters], 'bias_initializer')] : [],
  };
}

const conv1d: LayerClass = {
  fields: {
    filters: { kind: 'units' },
    ...windowFields('valid', 'same', 'causal'),
    groups: { ...COUNT, default: 1 },
    ...BIAS,
    kernel_initializer: initializer('glorot_uniform'),
    bias_initializer: initializer('zeros'),
    kernel_regularizer: REGULARIZER,
    bias_regularizer: REGULARIZER,
    ...ACTIVITY_REGULARIZER,
    kernel_constraint: CONSTRAINT,
    bias_constraint: CONSTRAINT,
  },
  define(source, [input]) {
    const { numbers } = source.set;
    const [filters, groups] = [numbers.get('filters') ?? 1, numbers.get('groups') ?? 1];
    const features = sequenceFeatures(source, input);
    if (features % groups !== 0 || filters % groups !== 0) {
      throw impossible(source, 'groups', groups, `a number that divides ${features} features and ${filters} filters`);
    }
    const { taps, bias, ...shape } = convolution(source, input, filters);
    const kernel = variable(source, 'kernel', [taps, features / groups, filters], 'kernel_initializer');
    return defineLayer(source, { kind: 'conv1d', params: { taps, groups }, ...shape, variables: [kernel, ...bias] });
  },
};

const depthwiseConv1d: LayerClass = {
  fields: {
    depth_multiplier: { ...COUNT, default: 1 },
    ...WINDOW,
    ...BIAS,
    depthwise_initializer: initializer('glorot_uniform'),
    bias_initializer: initializer('zeros'),
    depthwise_regularizer: REGULARIZER,
    bias_regularizer: REGULARIZER,
    ...ACTIVITY_REGULARIZER,
    depthwise_constraint: CONSTRAINT,
    bias_constraint: CONSTRAINT,
  },
  define(source, [input]) {
    const multiplier = source.set.numbers.get('depth_multiplier') ?? 1;
    const features = sequenceFeatures(source, input);
    const { taps, bias, ...shape } = convolution(source, input, features * multiplier);
    const kernel = variable(source, 'kernel', [taps, features, multiplier], 'depthwise_initializer');
    return defineLayer(source, { kind: 'depthwise_conv1d', params: { taps }, ...shape, variables: [kernel, ...bias] });
  },
};

const separableConv1d: LayerClass = {
  fields: {
    depth_multiplier: { ...COUNT, default: 1 },
    filters: { kind: 'units' },
    ...WINDOW,
    ...BIAS,
    depthwise_initializer: initializer('glorot_uniform'),
    pointwise_initializer: initializer('glorot_uniform'),
    bias_initializer: initializer('zeros'),
    depthwise_regularizer: REGULARIZER,
    pointwise_regularizer: REGULARIZER,
    bias_regularizer: REGULARIZER,
    ...ACTIVITY_REGULARIZER,
    depthwise_constraint: CONSTRAINT,
    pointwise_constraint: CONSTRAINT,
    bias_constraint: CONSTRAINT,
  },
  define(source, [input]) {
    const { numbers } = source.set;
    const [filters, multiplier] = [numbers.get('filters') ?? 1, numbers.get('depth_multiplier') ?? 1];
    const features = sequenceFeatures(source, input);
    const { taps, bias, ...shape } = convolution(source, input, filters);
    const depthwise = variable(source, 'depthwise_kernel', [taps, features, multiplier], 'depthwise_initializer');
    const pointwise = variable(
      source,
      'pointwise_kernel',
      [1, features * multiplier, filters],
      'pointwise_initializer',
    );
    const variables = [depthwise, pointwise, ...bias];
    return defineLayer(source, { kind: 'separable_conv1d', params: { taps }, ...shape, variables });
  },
};

export const CONVOLUTION_LAYERS: Readonly<Record<string, LayerClass>> = {
  Conv1D: conv1d,
  DepthwiseConv1D: depthwiseConv1d,
  SeparableConv1D: separableConv1d,
};
