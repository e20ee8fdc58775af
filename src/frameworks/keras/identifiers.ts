/**
 * The names of Keras 3: activations, initializers, regularizers and constraints, with their parameters and defaults. Data
 * only; names are case-sensitive. Source: keras/src/{activations,initializers,regularizers,constraints}.
 */

/**
 * The kinds of parameters; parameters.ts checks them. A `penalty` is non-negative, and null stands for its default; a `row
 * axis` is the last axis of [batch, units], which is all that a cell can activate along. A `fraction` is from 0 up to 1, a
 * `share` may be 1 too; a `learning rate` is a positive number.
 */
export type ParameterKind =
  | 'number'
  | 'positive'
  | 'non-negative'
  | 'penalty'
  | 'number or null'
  | 'non-negative or null'
  | 'boolean'
  | 'row axis'
  | 'axis'
  | 'axes or null'
  | 'seed'
  | 'fan mode'
  | 'distribution'
  | 'orthogonal mode'
  | 'string'
  | 'fraction'
  | 'share'
  | 'last axis'
  | 'integer or null'
  | 'rising numbers'
  | 'positive numbers'
  | 'learning rate';

export type ParameterValue = number | string | boolean | null;

export interface Parameter {
  readonly kind: ParameterKind;
  /** Absent if Keras has no default. Then the parameter is required. */
  readonly default?: ParameterValue;
}

export type Parameters = Readonly<Record<string, Parameter>>;

export interface KnownActivation {
  /** Every string that means it, the canonical name first. */
  readonly identifiers: readonly string[];
  readonly parameters: Parameters;
  /** The reason if no cell can use it by name. */
  readonly unusable?: string;
}

export interface KnownObject {
  /** The module that get_config() prints. */
  readonly module: string;
  /** Every string that means it, the class name first. */
  readonly identifiers: readonly string[];
  /** In the order of Keras' get_config(). */
  readonly parameters: Parameters;
  /** Parameters that get_config() leaves out (a Keras omission). */
  readonly unserialized?: readonly string[];
  /** Parameters that Keras keeps as float32 tensors, so that get_config() prints the rounded value. */
  readonly float32?: readonly string[];
  /** Parameters that the constructor defaults, but that from_config() reads without a default. */
  readonly requiredInConfig?: readonly string[];
  /** The reason if no cell can use it. */
  readonly unusable?: string;
}

const ROW_AXIS: Parameters = { axis: { kind: 'row axis', default: -1 } };
const SHRINK: Parameters = { threshold: { kind: 'number', default: 0.5 } };

function activation(name: string, parameters: Parameters = {}, aliases: readonly string[] = []): KnownActivation {
  return { identifiers: [name, ...aliases], parameters };
}

export const KERAS_ACTIVATIONS: Readonly<Record<string, KnownActivation>> = {
  celu: activation('celu', { alpha: { kind: 'number', default: 1 } }),
  elu: activation('elu', { alpha: { kind: 'number', default: 1 } }),
  exponential: activation('exponential'),
  gelu: activation('gelu', { approximate: { kind: 'boolean', default: false } }),
  glu: { ...activation('glu', ROW_AXIS), unusable: 'it halves the width of what it is given' },
  hard_shrink: activation('hard_shrink', SHRINK),
  hard_sigmoid: activation('hard_sigmoid'),
  hard_silu: activation('hard_silu', {}, ['hard_swish']),
  hard_tanh: activation('hard_tanh'),
  leaky_relu: activation('leaky_relu', { negative_slope: { kind: 'number', default: 0.2 } }),
  linear: activation('linear'),
  log_sigmoid: activation('log_sigmoid'),
  log_softmax: activation('log_softmax', ROW_AXIS),
  mish: activation('mish'),
  relu: activation('relu', {
    negative_slope: { kind: 'number', default: 0 },
    max_value: { kind: 'number or null', default: null },
    threshold: { kind: 'number', default: 0 },
  }),
  relu6: activation('relu6'),
  selu: activation('selu'),
  sigmoid: activation('sigmoid'),
  silu: activation('silu', {}, ['swish']),
  soft_shrink: activation('soft_shrink', SHRINK),
  softmax: activation('softmax', ROW_AXIS),
  softplus: activation('softplus'),
  softsign: activation('softsign'),
  sparse_plus: activation('sparse_plus'),
  sparse_sigmoid: activation('sparse_sigmoid'),
  sparsemax: activation('sparsemax', ROW_AXIS),
  squareplus: activation('squareplus', { b: { kind: 'number', default: 4 } }),
  tanh: activation('tanh'),
  tanh_shrink: activation('tanh_shrink'),
  threshold: {
    ...activation('threshold', { threshold: { kind: 'number' }, default_value: { kind: 'number' } }),
    unusable: "it is missing 2 required positional arguments: 'threshold' and 'default_value'",
  },
};

const SEED: Parameters = { seed: { kind: 'seed', default: null } };
const AXES: Parameters = {
  input_axes: { kind: 'axes or null', default: null },
  output_axes: { kind: 'axes or null', default: null },
};
const NORMAL: Parameters = {
  ...SEED,
  mean: { kind: 'number', default: 0 },
  stddev: { kind: 'non-negative', default: 0.05 },
};

function initializer(
  className: string,
  aliases: readonly string[],
  parameters: Parameters = {},
  more: Partial<KnownObject> = {},
): KnownObject {
  return { module: 'keras.initializers', identifiers: [className, ...aliases], parameters, ...more };
}

export const KERAS_INITIALIZERS: Readonly<Record<string, KnownObject>> = {
  Constant: initializer(
    'Constant',
    ['constant'],
    { value: { kind: 'number', default: 0 } },
    { requiredInConfig: ['value'] },
  ),
  GlorotNormal: initializer('GlorotNormal', ['glorot_normal'], { ...SEED, ...AXES }),
  GlorotUniform: initializer('GlorotUniform', ['glorot_uniform'], { ...SEED, ...AXES }),
  HeNormal: initializer('HeNormal', ['he_normal'], { ...SEED, ...AXES }),
  HeUniform: initializer('HeUniform', ['he_uniform'], { ...SEED, ...AXES }),
  Identity: initializer(
    'Identity',
    ['IdentityInitializer', 'identity'],
    { gain: { kind: 'number', default: 1 } },
    { unserialized: ['gain'] },
  ),
  Initializer: initializer('Initializer', ['initializer'], {}, { unusable: 'it is the abstract base class' }),
  LecunNormal: initializer('LecunNormal', ['lecun_normal'], { ...SEED, ...AXES }),
  LecunUniform: initializer('LecunUniform', ['lecun_uniform'], { ...SEED, ...AXES }),
  Ones: initializer('Ones', ['ones', 'one']),
  Orthogonal: initializer('Orthogonal', ['OrthogonalInitializer', 'orthogonal'], {
    ...SEED,
    gain: { kind: 'number', default: 1 },
  }),
  RandomNormal: initializer('RandomNormal', ['random_normal', 'normal'], NORMAL),
  RandomUniform: initializer('RandomUniform', ['random_uniform', 'uniform'], {
    ...SEED,
    minval: { kind: 'number', default: -0.05 },
    maxval: { kind: 'number', default: 0.05 },
  }),
  STFT: initializer(
    'STFT',
    ['STFTInitializer', 'stft'],
    {
      side: { kind: 'string', default: 'real' },
      window: { kind: 'string', default: 'hann' },
      scaling: { kind: 'string', default: 'density' },
      periodic: { kind: 'boolean', default: false },
    },
    { unusable: 'it fills kernels of three axes only' },
  ),
  TruncatedNormal: initializer('TruncatedNormal', ['truncated_normal'], NORMAL),
  VarianceScaling: initializer('VarianceScaling', ['variance_scaling'], {
    ...SEED,
    scale: { kind: 'positive', default: 1 },
    mode: { kind: 'fan mode', default: 'fan_in' },
    distribution: { kind: 'distribution', default: 'truncated_normal' },
    ...AXES,
  }),
  Zeros: initializer('Zeros', ['zeros', 'zero']),
};

function regularizer(
  identifiers: readonly string[],
  parameters: Parameters,
  more: Partial<KnownObject> = {},
): KnownObject {
  return { module: 'keras.regularizers', identifiers, parameters, ...more };
}

export const KERAS_REGULARIZERS: Readonly<Record<string, KnownObject>> = {
  L1: regularizer(['L1', 'l1'], { l1: { kind: 'penalty', default: 0.01 } }, { float32: ['l1'] }),
  L1L2: regularizer(['L1L2', 'l1l2'], {
    l1: { kind: 'penalty', default: 0 },
    l2: { kind: 'penalty', default: 0 },
  }),
  L2: regularizer(['L2', 'l2'], { l2: { kind: 'penalty', default: 0.01 } }),
  OrthogonalRegularizer: regularizer(
    ['OrthogonalRegularizer', 'orthogonal_regularizer'],
    { factor: { kind: 'non-negative', default: 0.01 }, mode: { kind: 'orthogonal mode', default: 'rows' } },
    { float32: ['factor'] },
  ),
  Regularizer: regularizer(['Regularizer', 'regularizer'], {}, { unusable: 'it is the abstract base class' }),
};

function constraint(identifiers: readonly string[], parameters: Parameters): KnownObject {
  return { module: 'keras.constraints', identifiers, parameters };
}

const NORM_AXIS: Parameters = { axis: { kind: 'axis', default: 0 } };

export const KERAS_CONSTRAINTS: Readonly<Record<string, KnownObject>> = {
  Constraint: constraint(['Constraint', 'constraint'], {}),
  MaxNorm: constraint(['MaxNorm', 'max_norm'], { max_value: { kind: 'number', default: 2 }, ...NORM_AXIS }),
  MinMaxNorm: constraint(['MinMaxNorm', 'min_max_norm'], {
    min_value: { kind: 'number', default: 0 },
    max_value: { kind: 'number', default: 1 },
    rate: { kind: 'number', default: 1 },
    ...NORM_AXIS,
  }),
  NonNeg: constraint(['NonNeg', 'non_neg'], {}),
  UnitNorm: constraint(['UnitNorm', 'unit_norm'], NORM_AXIS),
};
