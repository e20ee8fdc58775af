import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import { freshNames, golden, parse, refusal } from './support.ts';

interface Case {
  readonly name: string;
  readonly className: string;
  readonly config: JsonObject;
}

const catalogue = golden('catalogue.json');
const CASES: Case[] = [
  ...golden('keras_cells.json').cases.map(fromCase('cell')),
  ...golden('keras_sequences.json').cases.map(fromCase('layer')),
  ...Object.entries(catalogue.default_get_config).map(([className, config]) => ({
    name: `default ${className}`,
    className,
    config: config as JsonObject,
  })),
  ...['cell.get_config()', 'cell2.get_config()'].map((key) => ({
    name: `tutorial ${key}`,
    className: 'SimpleRNNCell',
    config: golden('tutorial.json').values[key],
  })),
];

function fromCase(key: string) {
  return (item: Record<string, { class_name: string; config: JsonObject }> & { name: string }): Case => {
    return { name: item.name, className: item[key].class_name, config: item[key].config };
  };
}

describe('a config that Keras printed', () => {
  it('is there in number', () => {
    expect(CASES.length).toBeGreaterThan(150);
  });

  it.each(CASES)('comes back key for key, in order: $name', ({ className, config }) => {
    expect(JSON.stringify(parse(className, config).config)).toBe(JSON.stringify(config));
  });
});

describe('a config with keys left out', () => {
  const MINIMAL: Record<string, JsonObject> = {
    StackedRNNCells: { cells: [cellObject('cell')] },
    RNN: { cell: cellObject('cell') },
    Bidirectional: { layer: { module: 'keras.layers', class_name: 'SimpleRNN', config: { units: 4, name: 'rnn' } } },
  };

  it.each(Object.keys(catalogue.default_get_config))('gets the defaults of Keras: %s', (className) => {
    const config = MINIMAL[className] ?? { units: 4 };
    const expected = catalogue.default_get_config[className];
    expect(JSON.stringify(parse(className, { name: 'x', ...config }).config)).toBe(JSON.stringify(expected));
  });

  it('is named as Keras names its layers, but only if it has no name', () => {
    const names = { autoName: freshNames() };
    expect(parse('SimpleRNNCell', { units: 1 }, names).name).toBe('simple_rnn_cell');
    expect(parse('SimpleRNNCell', { units: 1, name: 'mine' }, names).name).toBe('mine');
    expect(parse('SimpleRNNCell', { units: 1, name: null }, names).name).toBe('simple_rnn_cell_1');
    expect(parse('LSTM', { units: 1 }, names).name).toBe('lstm');
    const cells = [cellObject(), cellObject()];
    const stack = parse('StackedRNNCells', { cells }, names);
    expect(stack.name).toBe('stacked_rnn_cells');
    expect(stack.kind === 'stack' && stack.cells.map(({ name }) => name)).toEqual(['gru_cell', 'gru_cell_1']);
  });

  it('uses no name up where it is refused', () => {
    const autoName = freshNames();
    refusal(() => parse('GRUCell', { units: 1, foo: 1 }, { autoName }));
    refusal(() => parse('GRUCell', { units: 0 }, { autoName }));
    expect(parse('GRUCell', { units: 1 }, { autoName }).name).toBe('gru_cell');
  });
});

describe('keys that Keras takes and does not print', () => {
  it.each([
    ['GRUCell', { implementation: 1, autocast: false, input_shape: [null, 3], input_dim: 3 }],
    ['LSTM', { implementation: 2, use_cudnn: 'auto', autocast: true }],
    ['GRU', { use_cudnn: false, input_shape: [5, 3] }],
    ['SimpleRNN', { seed: 3 }],
  ])('are understood by %s', (className, extra) => {
    const config = parse(className, { units: 4, name: 'x', ...extra }).config;
    expect(JSON.stringify(config)).toBe(JSON.stringify(catalogue.default_get_config[className]));
  });

  it('are refused where Keras does not take them', () => {
    expect(refusal(() => parse('SimpleRNNCell', { units: 4, implementation: 1 })).code).toBe('invalid-request');
    expect(refusal(() => parse('GRUCell', { units: 4, use_cudnn: true })).code).toBe('invalid-request');
    expect(refusal(() => parse('GRU', { units: 4, use_cudnn: 'yes' })).code).toBe('invalid-config');
  });

  it('print an activity regularizer after the dtype, but for SimpleRNN, which forgets it', () => {
    const l2 = { module: 'keras.regularizers', class_name: 'L2', config: { l2: 0.01 }, registered_name: null };
    const gru = parse('GRU', { units: 4, activity_regularizer: 'l2' }).config;
    expect(Object.keys(gru).slice(0, 5)).toEqual([
      'name',
      'trainable',
      'dtype',
      'activity_regularizer',
      'return_sequences',
    ]);
    expect(gru.activity_regularizer).toEqual(l2);
    expect(Object.keys(gru).filter((key) => key === 'activity_regularizer')).toHaveLength(1);
    const cell = parse('GRUCell', { units: 4, activity_regularizer: 'l2' }).config;
    expect(Object.keys(cell).slice(2, 5)).toEqual(['dtype', 'activity_regularizer', 'units']);
    expect(parse('SimpleRNN', { units: 4, activity_regularizer: 'l2' }).config.activity_regularizer).toBeNull();
  });
});

describe('the meaning of a config', () => {
  it('is typed', () => {
    const cell = parse('LSTMCell', {
      units: 3,
      activation: 'swish',
      use_bias: false,
      dropout: 0.25,
      dtype: 'mixed_float16',
    });
    expect(cell).toMatchObject({
      kind: 'cell',
      units: 3,
      activation: { name: 'silu', params: {} },
      recurrentActivation: { name: 'sigmoid' },
      useBias: false,
      unitForgetBias: true,
      dropout: { inputs: 0.25, recurrent: 0 },
      trainable: true,
      policy: { variableDtype: 'float32', computeDtype: 'float16' },
      kernelInitializer: { className: 'GlorotUniform', params: { seed: null, input_axes: null, output_axes: null } },
    });
    expect(cell.config).toMatchObject({ activation: 'silu', dtype: { config: { name: 'mixed_float16' } } });
  });

  it('holds the cell of a layer, with the dtype of the layer', () => {
    const layer = parse('GRU', {
      units: 3,
      dtype: 'float64',
      reset_after: false,
      return_sequences: true,
      seed: 9,
      trainable: false,
    });
    if (layer.kind !== 'layer' || layer.cell.kind !== 'cell') throw new Error('GRU is a layer of one cell');
    expect(layer).toMatchObject({ returnSequences: true, goBackwards: false });
    expect(layer.cell).toMatchObject({ className: 'GRUCell', name: 'gru_cell', resetAfter: false, trainable: false });
    expect(layer.cell.policy.computeDtype).toBe('float64');
    const alone = parse('GRUCell', { units: 3, dtype: 'float64', reset_after: false, seed: 9, trainable: false });
    expect(JSON.stringify(layer.cell.config)).toBe(JSON.stringify(alone.config));
  });
});

describe('a config that cannot be', () => {
  it.each([
    [{}, 'invalid-request', '/config/units', "GRUCell.__init__() missing 1 required positional argument: 'units'"],
    [{ units: '3' }, 'invalid-request', '/config/units', '"3"'],
    [{ units: null }, 'invalid-request', '/config/units', 'null'],
    [{ units: true }, 'invalid-request', '/config/units', 'true'],
    [{ units: [4] }, 'invalid-request', '/config/units', '[4]'],
    [{ units: 0 }, 'invalid-config', '/config/units', 'expected a positive integer, got 0.'],
    [{ units: -1 }, 'invalid-config', '/config/units', 'got -1.'],
    [{ units: 2.5 }, 'invalid-config', '/config/units', 'got 2.5.'],
    [{ units: 4097 }, 'limit-exceeded', '/config/units', 'at most 4096'],
    [
      { units: 4, foo: 1 },
      'invalid-request',
      '/config/foo',
      "Unrecognized keyword arguments passed to GRUCell: {'foo': 1}",
    ],
    [{ units: 4, 'a/b~': 'x' }, 'invalid-request', '/config/a~1b~0', "{'a/b~': 'x'}"],
    [{ units: 4, constructor: 1 }, 'invalid-request', '/config/constructor', 'Unrecognized'],
    [{ units: 4, toString: 1 }, 'invalid-request', '/config/toString', 'Unrecognized'],
    [{ units: 4, unit_forget_bias: true }, 'invalid-request', '/config/unit_forget_bias', 'Unrecognized'],
    [{ units: 4, use_bias: 1 }, 'invalid-request', '/config/use_bias', 'send true or false'],
    [{ units: 4, reset_after: null }, 'invalid-request', '/config/reset_after', 'null'],
    [{ units: 4, trainable: 'x' }, 'invalid-request', '/config/trainable', 'Expected `trainable` to be a boolean'],
    [{ units: 4, name: 3 }, 'invalid-request', '/config/name', '3'],
    [{ units: 4, name: 'a/b' }, 'invalid-config', '/config/name', 'cannot contain character `/`'],
    [{ units: 4, dropout: 1.5 }, 'invalid-config', '/config/dropout', '1.5'],
    [{ units: 4, dropout: -0.1 }, 'invalid-config', '/config/dropout', '-0.1'],
    [{ units: 4, recurrent_dropout: '0' }, 'invalid-request', '/config/recurrent_dropout', '"0"'],
    [{ units: 4, seed: 'x' }, 'invalid-request', '/config/seed', 'Argument `seed` must be an integer'],
    [{ units: 4, seed: 1.5 }, 'invalid-config', '/config/seed', '1.5'],
    [{ units: 4, implementation: 7 }, 'invalid-config', '/config/implementation', '7'],
    [
      { units: 4, activation: 'foo' },
      'invalid-config',
      '/config/activation',
      'Could not interpret activation function identifier: foo',
    ],
    [
      { units: 4, kernel_initializer: 'foo' },
      'invalid-config',
      '/config/kernel_initializer',
      'Could not interpret initializer identifier: foo',
    ],
    [
      { units: 4, bias_regularizer: 'l1_l2' },
      'invalid-config',
      '/config/bias_regularizer',
      'Could not interpret regularizer identifier: l1_l2',
    ],
    [
      { units: 4, bias_constraint: 'nonneg' },
      'invalid-config',
      '/config/bias_constraint',
      'Did you mean NonNeg or non_neg?',
    ],
    [
      { units: 4, dtype: 'float8' },
      'invalid-config',
      '/config/dtype',
      "Cannot convert 'float8' to a mixed precision DTypePolicy",
    ],
    [
      { units: 4, reset_after: false, bias_initializer: 'orthogonal' },
      'invalid-config',
      '/config/bias_initializer',
      'at least 2 axes',
    ],
  ])('is refused at its field: %j', (config, code, pointer, detail) => {
    const refused = refusal(() => parse('GRUCell', config as JsonObject));
    expect(refused).toMatchObject({ code, pointer });
    expect(refused.detail).toContain(detail);
  });

  it('names the keys that the class takes', () => {
    expect(refusal(() => parse('GRU', { units: 4, time_major: true })).detail).toMatch(
      /GRU takes: name,.*units,.*reset_after/,
    );
  });

  it('is refused for each unknown key', () => {
    const config = JSON.parse('{"units": 4, "foo": 1, "__proto__": {"units": 2}}');
    expect(refusal(() => parse('GRUCell', config)).detail).toContain("'__proto__'");
    expect(refusal(() => parse('GRUCell', JSON.parse('{"__proto__": {"units": 2}}'))).code).toBe('invalid-request');
  });

  it.each(['foo', 'Dense', 'grucell', '__proto__', 'constructor', ''])('is refused for the class %j', (className) => {
    expect(refusal(() => parse(className, { units: 4 }))).toMatchObject({
      code: 'invalid-config',
      pointer: '/class_name',
    });
  });

  it('is refused where a null bias initializer meets unit_forget_bias, as Keras then fails to build', () => {
    expect(refusal(() => parse('LSTMCell', { units: 4, bias_initializer: null })).pointer).toBe(
      '/config/bias_initializer',
    );
    expect(
      parse('LSTMCell', { units: 4, bias_initializer: null, unit_forget_bias: false }).config.bias_initializer,
    ).toBeNull();
    expect(parse('LSTMCell', { units: 4, bias_initializer: null, use_bias: false }).config.bias_initializer).toBeNull();
  });
});

function cellObject(name?: string): JsonObject {
  const config: JsonObject = name === undefined ? { units: 4 } : { units: 4, name };
  return { module: 'keras.layers', class_name: 'GRUCell', config };
}
