import { isArray } from '../../../domain/json.ts';
import type { Fields } from '../cell-classes.ts';
import {
  defineLayer,
  featuresOf,
  kerasShape,
  type LayerClass,
  type LayerSource,
  misfit,
  type Signal,
  unsupported,
  variable,
  withFeatures,
} from './layer-class.ts';
import {
  ACTIVATION,
  ACTIVITY_REGULARIZER,
  CONSTRAINT,
  COUNT,
  flag,
  initializer,
  json,
  NOT_QUANTIZED,
  number,
  REGULARIZER,
} from './layer-fields.ts';

const DENSE_INITIALIZERS: Fields = {
  kernel_initializer: initializer('glorot_uniform'),
  bias_initializer: initializer('zeros'),
  kernel_regularizer: REGULARIZER,
  bias_regularizer: REGULARIZER,
};
const DENSE_CONSTRAINTS: Fields = { kernel_constraint: CONSTRAINT, bias_constraint: CONSTRAINT };

function denseOf(source: LayerSource, input: Signal, units: number, useBias: boolean) {
  const features = featuresOf(source, input);
  const kernel = variable(source, 'kernel', [features, units], 'kernel_initializer');
  return defineLayer(source, {
    kind: 'dense',
    params: {},
    inputs: [input],
    output: withFeatures(input, units),
    variables: useBias ? [kernel, variable(source, 'bias', [units], 'bias_initializer')] : [kernel],
    activation: source.set.activations.get('activation'),
  });
}

/** Keras Dense: on the last axis of any rank. */
const dense: LayerClass = {
  fields: {
    units: { kind: 'units' },
    activation: ACTIVATION,
    use_bias: flag(true),
    ...DENSE_INITIALIZERS,
    ...DENSE_CONSTRAINTS,
    ...NOT_QUANTIZED,
  },
  define: (source, [input]) =>
    denseOf(source, input, source.set.numbers.get('units') ?? 0, source.set.flags.get('use_bias') === true),
};

/** An equation that multiplies the last axis by a matrix: `abc,cd->abd`, `ab,bc->ac`, `...x,xy->...y`. */
const AS_DENSE = /^((?:\.\.\.)?[a-zA-Z]*?)([a-zA-Z]),([a-zA-Z])([a-zA-Z])->((?:\.\.\.)?[a-zA-Z]*?)([a-zA-Z])$/;

/** Keras EinsumDense, if it is equal to a Dense. */
const einsumDense: LayerClass = {
  fields: {
    output_shape: json(),
    equation: json(),
    activation: ACTIVATION,
    bias_axes: json(null),
    ...DENSE_INITIALIZERS,
    ...ACTIVITY_REGULARIZER,
    ...DENSE_CONSTRAINTS,
    ...NOT_QUANTIZED,
  },
  define(source, [input]) {
    const { json: sent } = source.set;
    const equation = String(sent.get('equation')).replaceAll(' ', '');
    const [, before, inner, row, column, kept, last] = AS_DENSE.exec(equation) ?? [];
    const bias = sent.get('bias_axes') ?? null;
    if (inner === undefined || inner !== row || column !== last || before !== kept || column === inner) {
      const why = `its equation '${equation}' is not the one of a Dense, such as 'abc,cd->abd'.`;
      throw unsupported(source, 'equation', why);
    }
    if (bias !== null && bias !== column) {
      throw unsupported(source, 'bias_axes', `bias_axes '${String(bias)}' is not the last axis, '${column}'.`);
    }
    const shape = sent.get('output_shape') ?? null;
    const units = isArray(shape) ? shape.at(-1) : shape;
    if (typeof units !== 'number' || !Number.isInteger(units) || units < 1 || units > source.options.maxUnits) {
      throw unsupported(source, 'output_shape', 'output_shape has no last extent that is a positive number.');
    }
    return {
      ...denseOf(source, input, units, bias !== null),
      mask: { kind: 'drop' },
      output: unmasked(source, input, units),
    };
  },
};

function unmasked({ head }: LayerSource, input: Signal, units: number): Signal {
  return { ...withFeatures(input, units), dtype: head.policy.computeDtype, masked: false };
}

/** Keras Embedding: its inputs are whole numbers. */
const embedding: LayerClass = {
  fields: {
    input_dim: COUNT,
    output_dim: { kind: 'units' },
    embeddings_initializer: initializer('uniform'),
    embeddings_regularizer: REGULARIZER,
    ...ACTIVITY_REGULARIZER,
    embeddings_constraint: CONSTRAINT,
    mask_zero: flag(false),
    input_length: { ...json(null), printed: false },
    ...NOT_QUANTIZED,
  },
  define(source, [input]) {
    const { set } = source;
    const [ids, width] = [set.numbers.get('input_dim') ?? 0, set.numbers.get('output_dim') ?? 0];
    return defineLayer(source, {
      kind: 'embedding',
      params: {},
      inputs: [input],
      output: { ...input, dims: [...input.dims, width] },
      variables: [variable(source, 'embeddings', [ids, width], 'embeddings_initializer')],
      mask: { kind: set.flags.get('mask_zero') ? 'non-zero' : 'drop' },
    });
  },
};

/** Keras Masking. */
const masking: LayerClass = {
  fields: { mask_value: number(0) },
  define(source, [input]) {
    const shape = kerasShape(input);
    if (!input.time || input.dims.length !== 1) {
      throw misfit(source, `its input has rank ${shape.length}; only [batch, time, features] can be masked by steps.`);
    }
    const maskValue = source.set.numbers.get('mask_value') ?? 0;
    const mask = { kind: 'differs', value: maskValue } as const;
    return defineLayer(source, { kind: 'masking', params: { maskValue }, inputs: [input], output: input, mask });
  },
};

const identity: LayerClass = {
  fields: {},
  define: (source, [input]) => defineLayer(source, { kind: 'identity', params: {}, inputs: [input], output: input }),
};

/** Adds to the loss alone. Keras ActivityRegularization. */
const activityRegularization: LayerClass = {
  ...identity,
  fields: { l1: number(0), l2: number(0) },
};

export const CORE_LAYERS: Readonly<Record<string, LayerClass>> = {
  ActivityRegularization: activityRegularization,
  Dense: dense,
  EinsumDense: einsumDense,
  Embedding: embedding,
  Identity: identity,
  Masking: masking,
};
