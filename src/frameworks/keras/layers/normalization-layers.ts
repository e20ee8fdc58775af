import { isArray, type Json } from '../../../domain/json.ts';
import {
  axisOf,
  constantVariable,
  defineLayer,
  featuresOf,
  impossible,
  type LayerClass,
  type LayerSource,
  type Signal,
  unsupported,
  variable,
} from './layer-class.ts';
import { CONSTRAINT, choice, flag, initializer, json, number, REGULARIZER } from './layer-fields.ts';

/** The extents of the axes that a layer normalizes over, which are the last ones. @throws {Problem} for others */
function lastAxes(source: LayerSource, input: Signal): number[] {
  const sent = source.set.json.get('axis') ?? -1;
  const axes = (isArray(sent) ? sent : [sent]).map((axis) => {
    if (typeof axis !== 'number') throw impossible(source, 'axis', sent, 'an axis or a list of axes');
    return axisOf(source, input, axis);
  });
  const first = input.dims.length - axes.length;
  const last = axes.toSorted().every((axis, k) => axis === first + k);
  if (!last || axes.length === 0) {
    throw unsupported(source, 'axis', `axis ${JSON.stringify(sent)} is not computed; send the last one, -1.`);
  }
  return input.dims.slice(first);
}

function size(extents: readonly number[]): number {
  return extents.reduce((product, extent) => product * extent, 1);
}

function epsilonOf(source: LayerSource): number {
  return source.set.numbers.get('epsilon') ?? 0;
}

const layerNormalization: LayerClass = {
  fields: {
    axis: json(-1),
    epsilon: number(1e-3),
    center: flag(true),
    scale: flag(true),
    rms_scaling: flag(false),
    beta_initializer: initializer('zeros'),
    gamma_initializer: initializer('ones'),
    beta_regularizer: REGULARIZER,
    gamma_regularizer: REGULARIZER,
    beta_constraint: CONSTRAINT,
    gamma_constraint: CONSTRAINT,
  },
  define(source, [input]) {
    const { flags } = source.set;
    const extents = lastAxes(source, input);
    const rmsScaling = flags.get('rms_scaling') === true;
    const gamma = variable(source, 'gamma', extents, 'gamma_initializer');
    const beta = variable(source, 'beta', extents, 'beta_initializer');
    return defineLayer(source, {
      kind: 'layer_normalization',
      params: { epsilon: epsilonOf(source), rmsScaling },
      inputs: [input],
      output: input,
      rowWidth: size(extents),
      variables: [
        ...(flags.get('scale') || rmsScaling ? [gamma] : []),
        ...(flags.get('center') && !rmsScaling ? [beta] : []),
      ],
      ownDtype: true,
    });
  },
};

/** Keras RMSNormalization; it knows no masks, so that one ends here. */
const rmsNormalization: LayerClass = {
  fields: { axis: json(-1), epsilon: number(1e-6) },
  define(source, [input]) {
    const extents = lastAxes(source, input);
    return defineLayer(source, {
      kind: 'rms_normalization',
      params: { epsilon: epsilonOf(source) },
      inputs: [input],
      output: input,
      rowWidth: size(extents),
      variables: [constantVariable(source, 'scale', extents, 'Ones')],
      mask: { kind: 'drop' },
    });
  },
};

const unitNormalization: LayerClass = {
  fields: { axis: json(-1) },
  define(source, [input]) {
    const rowWidth = size(lastAxes(source, input));
    return defineLayer(source, { kind: 'unit_normalization', params: {}, inputs: [input], output: input, rowWidth });
  },
};

const batchNormalization: LayerClass = {
  fields: {
    axis: json(-1),
    momentum: number(0.99),
    epsilon: number(1e-3),
    center: flag(true),
    scale: flag(true),
    beta_initializer: initializer('zeros'),
    gamma_initializer: initializer('ones'),
    moving_mean_initializer: initializer('zeros'),
    moving_variance_initializer: initializer('ones'),
    beta_regularizer: REGULARIZER,
    gamma_regularizer: REGULARIZER,
    beta_constraint: CONSTRAINT,
    gamma_constraint: CONSTRAINT,
    synchronized: flag(false),
    renorm: choice(false),
    renorm_clipping: json(null),
    renorm_momentum: number(0.99),
  },
  define(source, [input]) {
    const { flags, numbers } = source.set;
    const extents = lastAxes(source, input);
    if (extents.length !== 1) throw unsupported(source, 'axis', 'it normalizes one axis, the last one. Send -1.');
    const moving = (name: string) => ({
      ...variable(source, name, extents, `${name}_initializer`),
      trainable: false,
    });
    return defineLayer(source, {
      kind: 'batch_normalization',
      params: {
        epsilon: epsilonOf(source),
        momentum: numbers.get('momentum') ?? 0,
        trained: source.head.trainable,
        eachStep: false,
      },
      inputs: [input],
      output: input,
      variables: [
        ...(flags.get('scale') ? [variable(source, 'gamma', extents, 'gamma_initializer')] : []),
        ...(flags.get('center') ? [variable(source, 'beta', extents, 'beta_initializer')] : []),
        moving('moving_mean'),
        moving('moving_variance'),
      ],
      ownDtype: true,
    });
  },
};

/** Keras Normalization: its statistics are variables that nothing trains, unless the config has them. */
const normalization: LayerClass = {
  fields: { axis: json(-1), invert: flag(false), mean: json(null), variance: json(null) },
  define(source, [input]) {
    const { json: sent, flags } = source.set;
    const axis = sent.get('axis') ?? null;
    const none = axis === null || (isArray(axis) && axis.length === 0);
    const extents = none ? [] : lastAxes(source, input);
    if (extents.length > 1) throw unsupported(source, 'axis', 'only one axis, the last one, is computed. Send -1.');
    const [mean, variance] = [sent.get('mean') ?? null, sent.get('variance') ?? null];
    if ((mean === null) !== (variance === null)) {
      throw impossible(source, mean === null ? 'mean' : 'variance', null, '`mean` and `variance`, or neither');
    }
    const statistic = (name: string, initial: 'Zeros' | 'Ones') => ({
      ...constantVariable(source, name, extents, initial),
      trainable: false,
    });
    const width = size(extents);
    const count = { ...statistic('count', 'Zeros'), shape: [], dtype: 'int64' as const };
    return defineLayer(source, {
      kind: 'normalization',
      params: { invert: flags.get('invert') === true },
      inputs: [input],
      output: input,
      variables: mean === null ? [statistic('mean', 'Zeros'), statistic('variance', 'Ones'), count] : [],
      constants:
        mean === null
          ? {}
          : { mean: numbersOf(source, 'mean', mean, width), variance: numbersOf(source, 'variance', variance, width) },
    });
  },
};

/** A number, or a list of one for each feature, however deeply nested, as numbers for `width` features. */
function numbersOf(source: LayerSource, field: string, value: Json, width: number): Float64Array {
  const flat = isArray(value) ? (value as readonly Json[]).flat(8) : [value];
  const fits = flat.length === 1 || flat.length === width;
  if (fits && flat.every((one) => typeof one === 'number' && Number.isFinite(one))) {
    return Float64Array.from({ length: width }, (_, k) => Number(flat[k % flat.length]));
  }
  throw impossible(source, field, value, `a number, or a list of ${width}`);
}

const rescaling: LayerClass = {
  fields: { scale: json(), offset: json(0) },
  define(source, [input]) {
    const { json: sent } = source.set;
    const width = Math.max(featuresOf(source, input), 1);
    const list = (field: string) => {
      const value = unwrapped(sent.get(field) ?? 0);
      return isArray(value) ? [...numbersOf(source, field, value, width)] : [...numbersOf(source, field, value, 1)];
    };
    const params = { scale: list('scale'), offset: list('offset') };
    return defineLayer(source, { kind: 'rescaling', params, inputs: [input], output: input });
  },
};

/** Keras prints a NumPy array as `{ class_name: "__numpy__", config: { value, dtype } }`. */
function unwrapped(value: Json): Json {
  if (typeof value !== 'object' || value === null || isArray(value)) return value;
  const config = value.config as Record<string, Json> | undefined;
  return config?.value ?? value;
}

export const NORMALIZATION_LAYERS: Readonly<Record<string, LayerClass>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  Normalization: normalization,
  RMSNormalization: rmsNormalization,
  Rescaling: rescaling,
  UnitNormalization: unitNormalization,
};
