import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/domain/json.ts';
import { parseDtypePolicy } from '../../../src/frameworks/keras/dtype-policy.ts';
import {
  KERAS_ACTIVATIONS,
  KERAS_CONSTRAINTS,
  KERAS_INITIALIZERS,
  KERAS_REGULARIZERS,
} from '../../../src/frameworks/keras/identifiers.ts';
import { parseActivation } from '../../../src/frameworks/keras/parse-activation.ts';
import {
  checkInitializerFits,
  parseConstraint,
  parseInitializer,
  parseRegularizer,
  withSeed,
} from '../../../src/frameworks/keras/parse-object.ts';
import { golden, refusal } from './support.ts';

const POINTER = '/config/x';
const activation = (identifier: Json) => parseActivation(identifier, POINTER);
const initializer = (identifier: Json) => parseInitializer(identifier, POINTER);

describe('an activation', () => {
  const usable = Object.entries(KERAS_ACTIVATIONS).filter(([, known]) => known.unusable === undefined);

  it.each(usable)('is known by every name of %s and printed under its own', (name, { identifiers, parameters }) => {
    const params = Object.fromEntries(Object.entries(parameters).map(([key, parameter]) => [key, parameter.default]));
    for (const identifier of identifiers) {
      expect(activation(identifier)).toEqual({ spec: { name, params }, serialized: name });
    }
    for (const module of ['keras.activations', 'builtins']) {
      const serialized = { module, class_name: 'function', config: name, registered_name: name };
      expect(activation(serialized)).toEqual({ spec: { name, params }, serialized: name });
    }
  });

  it('is linear if it is null', () => {
    expect(activation(null)).toEqual({ spec: { name: 'linear', params: {} }, serialized: 'linear' });
  });

  const dtype = { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' }, registered_name: null };

  it.each<[string, Json, string, object, object]>([
    [
      'LeakyReLU',
      {},
      'leaky_relu',
      { negative_slope: 0.3 },
      { name: 'leaky_re_lu', trainable: true, dtype, negative_slope: 0.3 },
    ],
    [
      'LeakyReLU',
      { name: 'a', negative_slope: 0.1 },
      'leaky_relu',
      { negative_slope: 0.1 },
      { name: 'a', trainable: true, dtype, negative_slope: 0.1 },
    ],
    [
      'LeakyReLU',
      { alpha: 0.1 },
      'leaky_relu',
      { negative_slope: 0.1 },
      { name: 'leaky_re_lu', trainable: true, dtype, negative_slope: 0.1 },
    ],
    [
      'ReLU',
      { max_value: 6 },
      'relu',
      { negative_slope: 0, max_value: 6, threshold: 0 },
      { name: 're_lu', trainable: true, dtype, max_value: 6, negative_slope: 0, threshold: 0 },
    ],
    ['ELU', { alpha: 2 }, 'elu', { alpha: 2 }, { name: 'elu', alpha: 2, trainable: true, dtype }],
    ['ELU', { dtype, alpha: 3 }, 'elu', { alpha: 3 }, { name: 'elu', alpha: 3, dtype, trainable: true }],
    ['ELU', { trainable: false }, 'elu', { alpha: 1 }, { name: 'elu', alpha: 1, trainable: false, dtype }],
    ['Identity', { dtype, name: 'i' }, 'linear', {}, { name: 'i', dtype, trainable: true }],
    [
      'Identity',
      { autocast: false, activity_regularizer: null },
      'linear',
      {},
      { name: 'identity', autocast: false, activity_regularizer: null, trainable: true, dtype },
    ],
    ['Softmax', {}, 'softmax', { axis: -1 }, { name: 'softmax', trainable: true, dtype, axis: -1 }],
    ['Softmax', { axis: [1] }, 'softmax', { axis: -1 }, { name: 'softmax', trainable: true, dtype, axis: [1] }],
    ['Identity', null, 'linear', {}, { name: 'identity', trainable: true, dtype }],
    [
      'Activation',
      { activation: 'swish' },
      'silu',
      {},
      { name: 'activation', trainable: true, dtype, activation: 'silu' },
    ],
  ])('may be a layer: %s %j', (className, config, name, params, printed) => {
    const parsed = activation({ module: 'keras.layers', class_name: className, config });
    expect(parsed.spec).toEqual({ name, params });
    const serialized = { module: 'keras.layers', class_name: className, config: printed, registered_name: null };
    expect(JSON.stringify(parsed.serialized)).toBe(JSON.stringify(serialized));
    expect(activation(parsed.serialized)).toEqual(parsed);
  });

  it.each<[Json, string]>([
    ['foo', 'Could not interpret activation function identifier: foo'],
    ['Tanh', 'Did you mean tanh?'],
    ['sigmiod', 'Did you mean sigmoid?'],
    ['', 'Send one of: celu'],
    ['constructor', 'identifier: constructor'],
    ['__proto__', 'identifier: __proto__'],
    [3, 'identifier: 3'],
    [true, 'identifier: True'],
    [['tanh'], "identifier: ['tanh']"],
    [{}, 'identifier: {}'],
    [{ class_name: 'LeakyReLU' }, "identifier: {'class_name': 'LeakyReLU'}"],
    ['threshold', "missing 2 required positional arguments: 'threshold' and 'default_value'"],
    ['glu', 'halves the width'],
    [{ module: 'keras.layers', class_name: 'PReLU', config: {} }, 'class "PReLU"'],
    [{ module: 'keras.layers', class_name: 'Dense', config: { units: 1 } }, 'class "Dense"'],
    [{ module: 'keras.layers', class_name: 'constructor', config: {} }, 'class "constructor"'],
    [{ module: 'keras.activations', class_name: 'function', config: 'swish' }, 'function "swish"'],
    [{ module: 'keras.ops', class_name: 'function', config: 'relu' }, 'module "keras.ops"'],
    [{ module: null, class_name: 'LeakyReLU', config: {} }, 'module null'],
    [
      { module: 'keras.layers', class_name: 'LeakyReLU', config: { negative_slope: -1 } },
      'Invalid `negative_slope` argument of LeakyReLU: -1',
    ],
    [{ module: 'keras.layers', class_name: 'Softmax', config: { axis: 0 } }, 'along its units only'],
    [{ module: 'keras.layers', class_name: 'ReLU', config: { slope: 1 } }, 'unexpected keyword argument "slope"'],
    [{ module: 'keras.layers', class_name: 'Activation', config: {} }, 'needs "activation"'],
  ])('is refused where it is none: %j', (identifier, detail) => {
    const refused = refusal(() => activation(identifier));
    expect(refused.code).toBe('invalid-config');
    expect(refused.pointer).toMatch(/^\/config\/x/);
    expect(refused.detail).toContain(detail);
  });

  it('has a bound on layers in layers', () => {
    let nested: Json = 'tanh';
    for (let depth = 0; depth < 12; depth++) nested = { class_name: 'Activation', config: { activation: nested } };
    expect(refusal(() => activation(nested)).code).toBe('limit-exceeded');
  });
});

describe('an initializer', () => {
  const cases: { name: string; serialized: { class_name: string; config: Record<string, Json> } }[] =
    golden('initializers.json').cases;

  it.each(cases)('that Keras printed comes back: $name', ({ serialized }) => {
    const parsed = initializer(serialized);
    expect(JSON.stringify(parsed.serialized)).toBe(JSON.stringify(serialized));
    expect(parsed.spec).toMatchObject({ className: serialized.class_name, params: serialized.config });
    const { class_name, config } = serialized;
    expect(initializer({ class_name, config })).toEqual(parsed);
  });

  const usable = Object.entries(KERAS_INITIALIZERS).filter(([name, known]) => !known.unusable && name !== 'Constant');

  it.each(usable)('is known by every name of %s', (className, { identifiers, parameters }) => {
    const params = Object.fromEntries(Object.entries(parameters).map(([key, parameter]) => [key, parameter.default]));
    for (const identifier of identifiers) {
      const parsed = initializer(identifier);
      expect(parsed.spec).toEqual({ className, params });
      expect(parsed.serialized).toMatchObject({
        module: 'keras.initializers',
        class_name: className,
        registered_name: null,
      });
      expect(initializer({ class_name: identifier, config: {} })).toEqual(parsed);
      expect(initializer({ class_name: identifier })).toEqual(parsed);
    }
  });

  it('draws like GlorotUniform if it is null, and stays null in the config', () => {
    expect(initializer(null)).toEqual({ spec: initializer('glorot_uniform').spec, serialized: null });
  });

  it('keeps a constant as it was given', () => {
    expect(initializer({ class_name: 'constant', config: { value: 3 } }).serialized).toMatchObject({
      class_name: 'Constant',
      config: { value: 3 },
    });
  });

  it('keeps the gain of Identity for drawing, though Keras does not print it', () => {
    const { spec, serialized } = initializer({ class_name: 'Identity', config: { gain: 2 } });
    expect(spec.params.gain).toBe(2);
    expect(serialized).toMatchObject({ config: {} });
  });

  it('takes the seed of a SeedGenerator and prints it as it was', () => {
    const seed = {
      module: 'keras.random',
      class_name: 'SeedGenerator',
      config: { seed: 3, name: 'seed_generator_1' },
      registered_name: null,
    };
    const { spec, serialized } = initializer({ class_name: 'HeNormal', config: { seed } });
    expect(spec.params.seed).toBe(3);
    expect(serialized).toMatchObject({ config: { seed } });
  });

  it('reads a distribution as Keras does', () => {
    const scaled = (distribution: string) =>
      initializer({ class_name: 'VarianceScaling', config: { distribution } }).spec.params.distribution;
    expect(scaled('Normal')).toBe('truncated_normal');
    expect(scaled('UNIFORM')).toBe('uniform');
  });

  it('gets a seed if it lacks one', () => {
    expect(withSeed(initializer('he_normal').spec, () => 42).params.seed).toBe(42);
    expect(withSeed(initializer({ class_name: 'HeNormal', config: { seed: 7 } }).spec, () => 42).params.seed).toBe(7);
    expect(withSeed(initializer('ones').spec, () => 42)).toEqual({ className: 'Ones', params: {} });
  });

  it.each<[Json, number, boolean]>([
    ['orthogonal', 1, false],
    ['orthogonal', 2, true],
    ['orthogonal', 3, true],
    ['identity', 1, false],
    ['identity', 2, true],
    ['identity', 3, false],
    ['zeros', 0, true],
    [{ class_name: 'GlorotUniform', config: { input_axes: [0], output_axes: [2] } }, 2, false],
    [{ class_name: 'GlorotUniform', config: { input_axes: [0], output_axes: [-2] } }, 2, true],
    [{ class_name: 'GlorotUniform', config: { input_axes: [9] } }, 2, true],
  ])('%j fits a variable of %i axes: %s', (identifier, rank, fits) => {
    const check = () => checkInitializerFits(initializer(identifier).spec, rank, POINTER);
    if (fits) expect(check).not.toThrow();
    else expect(refusal(check)).toMatchObject({ code: 'invalid-config', pointer: POINTER });
  });

  it.each<[Json, string, string]>([
    ['foo', POINTER, 'Could not interpret initializer identifier: foo. Send one of: '],
    [3, POINTER, 'Could not interpret initializer identifier: 3'],
    [[[1]], POINTER, 'identifier: [[1]]'],
    ['GlorotUnifrom', POINTER, 'Did you mean GlorotUniform'],
    ['__proto__', POINTER, 'identifier: __proto__'],
    [{ class_name: 'constructor' }, POINTER, "{'class_name': 'constructor'}"],
    [{ config: {} }, POINTER, "{'config': {}}"],
    ['constant', POINTER, '"value"'],
    [{ class_name: 'Constant', config: {} }, `${POINTER}/config`, '"value"'],
    [{ class_name: 'Constant', config: { value: 'x' } }, `${POINTER}/config/value`, '"x"'],
    [{ class_name: 'Constant', value: 3 }, `${POINTER}/value`, '"value"'],
    [{ class_name: 'Zeros', config: { seed: 1 } }, `${POINTER}/config/seed`, 'Zeros takes no parameters'],
    [{ class_name: 'Zeros', config: [] }, `${POINTER}/config`, '[]'],
    [{ class_name: 'Zeros', module: null }, `${POINTER}/module`, 'null'],
    [{ class_name: 'GlorotUniform', config: { scale: 2 } }, `${POINTER}/config/scale`, 'GlorotUniform takes: seed'],
    [{ class_name: 'HeNormal', config: { seed: 'x' } }, `${POINTER}/config/seed`, '"x"'],
    [{ class_name: 'HeNormal', config: { seed: 1.5 } }, `${POINTER}/config/seed`, '1.5'],
    [
      { class_name: 'HeNormal', config: { seed: { class_name: 'SeedGenerator', config: { seed: 'x' } } } },
      `${POINTER}/config/seed`,
      'SeedGenerator',
    ],
    [{ class_name: 'RandomNormal', config: { stddev: -1 } }, `${POINTER}/config/stddev`, '-1'],
    [{ class_name: 'VarianceScaling', config: { scale: 0 } }, `${POINTER}/config/scale`, 'must be positive float'],
    [{ class_name: 'VarianceScaling', config: { scale: -1 } }, `${POINTER}/config/scale`, '-1'],
    [
      { class_name: 'VarianceScaling', config: { mode: 'fan' } },
      `${POINTER}/config/mode`,
      'fan_in | fan_out | fan_avg',
    ],
    [{ class_name: 'VarianceScaling', config: { mode: 'FAN_IN' } }, `${POINTER}/config/mode`, 'FAN_IN'],
    [{ class_name: 'VarianceScaling', config: { distribution: 'cauchy' } }, `${POINTER}/config/distribution`, 'cauchy'],
    ['Initializer', POINTER, 'abstract base class'],
    ['stft', POINTER, 'three axes'],
  ])('is refused where it is none: %j', (identifier, pointer, detail) => {
    const refused = refusal(() => initializer(identifier));
    expect(refused).toMatchObject({ code: 'invalid-config', pointer });
    expect(refused.detail).toContain(detail);
  });
});

describe('a regularizer', () => {
  it.each<[Json, object]>([
    ['l1', { class_name: 'L1', config: { l1: 0.009999999776482582 } }],
    [
      { class_name: 'L1', config: { l1: null } },
      { class_name: 'L1', config: { l1: 0.009999999776482582 } },
    ],
    ['L2', { class_name: 'L2', config: { l2: 0.01 } }],
    ['l1l2', { class_name: 'L1L2', config: { l1: 0, l2: 0 } }],
    [
      { class_name: 'L1L2', config: { l1: 0.1, l2: 0.2 } },
      { class_name: 'L1L2', config: { l1: 0.1, l2: 0.2 } },
    ],
    [
      'orthogonal_regularizer',
      { class_name: 'OrthogonalRegularizer', config: { factor: 0.009999999776482582, mode: 'rows' } },
    ],
  ])('is printed as Keras prints it: %j', (identifier, printed) => {
    const serialized = parseRegularizer(identifier, POINTER);
    expect(serialized).toEqual({ module: 'keras.regularizers', ...printed, registered_name: null });
    expect(parseRegularizer(serialized, POINTER)).toEqual(serialized);
  });

  it.each<Json>([
    'l1_l2',
    'Regularizer',
    3,
    { class_name: 'L2', config: { l2: -1 } },
    { class_name: 'L2', config: { l2: '1' } },
    { class_name: 'L1', config: { l1: 1e300 } },
    { class_name: 'OrthogonalRegularizer', config: { mode: 'both' } },
    { class_name: 'OrthogonalRegularizer', config: { factor: null } },
  ])('is refused where it is none: %j', (identifier) => {
    expect(refusal(() => parseRegularizer(identifier, POINTER)).code).toBe('invalid-config');
  });

  it('is left out if it is null', () => {
    expect(parseRegularizer(null, POINTER)).toBeNull();
  });

  it.each(Object.values(KERAS_REGULARIZERS).filter((known) => !known.unusable))(
    'has its names: $identifiers',
    ({ identifiers }) => {
      const printed = identifiers.map((identifier) => JSON.stringify(parseRegularizer(identifier, POINTER)));
      expect(new Set(printed).size).toBe(1);
    },
  );
});

describe('a constraint', () => {
  it.each<[Json, object]>([
    ['max_norm', { class_name: 'MaxNorm', config: { max_value: 2, axis: 0 } }],
    [
      { class_name: 'MaxNorm', config: { axis: [0, 1] } },
      { class_name: 'MaxNorm', config: { max_value: 2, axis: [0, 1] } },
    ],
    ['MinMaxNorm', { class_name: 'MinMaxNorm', config: { min_value: 0, max_value: 1, rate: 1, axis: 0 } }],
    ['non_neg', { class_name: 'NonNeg', config: {} }],
    ['unit_norm', { class_name: 'UnitNorm', config: { axis: 0 } }],
    ['constraint', { class_name: 'Constraint', config: {} }],
  ])('is printed as Keras prints it: %j', (identifier, printed) => {
    const serialized = parseConstraint(identifier, POINTER);
    expect(JSON.stringify(serialized)).toBe(
      JSON.stringify({ module: 'keras.constraints', ...printed, registered_name: null }),
    );
    expect(parseConstraint(serialized, POINTER)).toEqual(serialized);
  });

  it.each<Json>([
    'nonneg',
    3,
    { class_name: 'UnitNorm', config: { axis: 'x' } },
    { class_name: 'NonNeg', config: { axis: 0 } },
  ])('is refused where it is none: %j', (identifier) => {
    expect(refusal(() => parseConstraint(identifier, POINTER)).code).toBe('invalid-config');
  });

  it.each(Object.values(KERAS_CONSTRAINTS))('has its names: $identifiers', ({ identifiers }) => {
    const printed = identifiers.map((identifier) => JSON.stringify(parseConstraint(identifier, POINTER)));
    expect(new Set(printed).size).toBe(1);
  });
});

describe('a dtype policy', () => {
  it.each([
    ['float32', 'float32', 'float32'],
    ['float64', 'float64', 'float64'],
    ['float16', 'float16', 'float16'],
    ['bfloat16', 'bfloat16', 'bfloat16'],
    ['mixed_float16', 'float32', 'float16'],
    ['mixed_bfloat16', 'float32', 'bfloat16'],
  ])('%s has variables of %s and computes in %s', (name, variableDtype, computeDtype) => {
    expect(parseDtypePolicy(name, POINTER)).toEqual({ name, variableDtype, computeDtype });
    const object = { module: 'keras', class_name: 'DTypePolicy', config: { name }, registered_name: null };
    expect(parseDtypePolicy(object, POINTER).name).toBe(name);
    expect(parseDtypePolicy({ class_name: 'DTypePolicy', config: { name } }, POINTER).name).toBe(name);
  });

  it('is float32 if it is null', () => {
    expect(parseDtypePolicy(null, POINTER).name).toBe('float32');
    expect(parseDtypePolicy({ class_name: 'DTypePolicy', config: {} }, POINTER).name).toBe('float32');
  });

  it.each<Json>([
    'foo',
    'int32',
    'bool',
    'float8_e4m3fn',
    'int8_from_float32',
    '__proto__',
    3,
    [],
    {},
    { class_name: 'QuantizedDTypePolicy', config: { mode: 'int8' } },
    { class_name: 'DTypePolicy', config: { name: 'int32' } },
    { class_name: 'DTypePolicy', config: { name: 'float32', foo: 1 } },
    { class_name: 'DTypePolicy', config: 'float32' },
    { module: null, class_name: 'DTypePolicy', config: {} },
  ])('is refused where no cell can have it: %j', (identifier) => {
    expect(refusal(() => parseDtypePolicy(identifier, POINTER)).code).toBe('invalid-config');
  });
});
