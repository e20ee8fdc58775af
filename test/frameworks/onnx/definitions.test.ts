import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { fromFloat64, sizeOf, type Tensor } from '../../../src/domain/tensor.ts';
import { onnxCell } from '../../../src/frameworks/onnx/definitions.ts';
import { refusal } from '../keras/support.ts';

function define(className: string, attributes: JsonObject, maxUnits = 4096) {
  return onnxCell(className, { hidden_size: 2, ...attributes }, { maxUnits });
}

/** Weights that count 1, 2, 3 … through each variable. */
function counting(className: string, attributes: JsonObject, given = ['B']): Record<string, Tensor> {
  const variables = define(className, attributes).variables(1, given);
  return Object.fromEntries(
    variables.map(({ name, shape, dtype }) => {
      const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => i + 1);
      return [name, fromFloat64(dtype, shape, values)];
    }),
  );
}

/** The program of the one cell of a definition in one direction, of one unit and one feature. */
function cellOf(className: string, attributes: JsonObject, given?: string[]) {
  const one = { ...attributes, hidden_size: 1 };
  return define(className, one).step?.(1, counting(className, one, given));
}

describe('the config of an ONNX operator', () => {
  it.each<[string, JsonObject]>([
    [
      'RNN',
      {
        activation_alpha: [],
        activation_beta: [],
        activations: ['Tanh'],
        clip: null,
        direction: 'forward',
        hidden_size: 2,
        layout: 0,
      },
    ],
    [
      'GRU',
      {
        activation_alpha: [],
        activation_beta: [],
        activations: ['Sigmoid', 'Tanh'],
        clip: null,
        direction: 'forward',
        hidden_size: 2,
        layout: 0,
        linear_before_reset: 0,
      },
    ],
    [
      'LSTM',
      {
        activation_alpha: [],
        activation_beta: [],
        activations: ['Sigmoid', 'Tanh', 'Tanh'],
        clip: null,
        direction: 'forward',
        hidden_size: 2,
        input_forget: 0,
        layout: 0,
      },
    ],
  ])('of %s has every attribute in order, defaults filled in', (className, config) => {
    const definition = define(className, {});
    expect(Object.entries(definition.config)).toEqual(Object.entries(config));
    expect(define(className, definition.config).config).toEqual(config);
  });

  it('has the functions of both directions', () => {
    const names = ['Sigmoid', 'Tanh', 'Tanh'];
    expect(define('LSTM', { direction: 'bidirectional' }).config.activations).toEqual([...names, ...names]);
  });

  it('has an alpha and a beta for each function that takes one', () => {
    const attributes = {
      direction: 'bidirectional',
      activations: ['HardSigmoid', 'LeakyRelu', 'Affine', 'ScaledTanh'],
      activation_alpha: [0.3, 0.1],
      activation_beta: [0.4],
    };
    expect(define('GRU', attributes).config).toMatchObject({
      activation_alpha: [0.3, 0.1, 1, 1],
      activation_beta: [0.4, 0, 1],
    });
  });

  it("takes the schema's default of RNN, two names for one direction", () => {
    expect(define('RNN', { activations: ['Tanh', 'Tanh'] }).config.activations).toEqual(['Tanh']);
  });

  it.each(['float64', 'double'])('names the dtype %s, which is not an attribute', (dtype) => {
    const definition = define('GRU', { dtype });
    expect(definition).toMatchObject({ variableDtype: 'float64', computeDtype: 'float64' });
    expect(definition.config.dtype).toBe('float64');
    expect(Object.keys(define('GRU', { dtype: 'float32' }).config)).not.toContain('dtype');
  });

  it.each<[string, JsonObject, string, string]>([
    ['GRU', { hidden_size: 0 }, 'hidden_size', '`hidden_size` is 0; send a positive integer.'],
    ['GRU', { direction: 'backward' }, 'direction', 'send "forward" or "reverse" or "bidirectional".'],
    ['GRU', { linear_before_reset: 2 }, 'linear_before_reset', '`linear_before_reset` is 2; send 0 or 1.'],
    ['GRU', { layout: 2 }, 'layout', '`layout` is 2; send 0 or 1.'],
    ['LSTM', { input_forget: 0.5 }, 'input_forget', '`input_forget` is 0.5; send 0 or 1.'],
    ['LSTM', { clip: 0 }, 'clip', '`clip` is 0; send a positive number, or null for no clip.'],
    ['LSTM', { clip: Number.POSITIVE_INFINITY }, 'clip', 'send a positive number'],
    ['LSTM', { dtype: 'int8' }, 'dtype', '`dtype` is "int8"; send "float32" or "float64"'],
    ['LSTM', { activations: ['Tanh'] }, 'activations', 'send 3 names, such as ["Sigmoid","Tanh","Tanh"].'],
    ['GRU', { activations: ['Tanh', 'Tanh', 'Tanh'] }, 'activations', 'send 2 names'],
    ['RNN', { activations: ['tanh'] }, 'activations/0', 'ONNX has no activation function "tanh". Did you mean Tanh?'],
    ['GRU', { activations: ['Sigmoid', 'Gelu'] }, 'activations/1', '"Gelu"'],
    [
      'LSTM',
      { activations: ['HardSigmoid', 'Tanh', 'Tanh'], activation_alpha: [0.2, 0.3] },
      'activation_alpha/1',
      'only HardSigmoid takes one. Send at most 1.',
    ],
    ['LSTM', { activation_beta: [0.2] }, 'activation_beta/0', 'none takes one. Send at most 0.'],
    ['RNN', { activations: ['Elu'], activation_alpha: [1e39] }, 'activation_alpha', 'send a list of finite numbers.'],
  ])('of %s with %j is refused as impossible', (className, attributes, key, detail) => {
    const refused = refusal(() => define(className, attributes));
    expect(refused).toMatchObject({ code: 'invalid-config', pointer: `/config/${key}` });
    expect(refused.detail).toContain(detail);
  });

  it.each<[string, JsonObject, string, string]>([
    ['GRU', { hidden_size: '2' }, 'hidden_size', 'send a positive integer.'],
    ['GRU', { layout: true }, 'layout', '`layout` is true; send 0 or 1.'],
    ['GRU', { activations: 'Tanh' }, 'activations', 'send a list of names'],
    ['GRU', { activations: [1] }, 'activations', 'send a list of names'],
    ['GRU', { activation_alpha: 0.1 }, 'activation_alpha', 'send a list of finite numbers.'],
    ['GRU', { input_forget: 1 }, 'input_forget', 'GRU takes no "input_forget". It takes: activation_alpha'],
    ['LSTM', { linear_before_reset: 1 }, 'linear_before_reset', 'LSTM takes no "linear_before_reset".'],
    ['RNN', { units: 1 }, 'units', 'RNN takes no "units".'],
  ])('of %s with %j is no request that it takes', (className, attributes, key, detail) => {
    const refused = refusal(() => define(className, attributes));
    expect(refused).toMatchObject({ code: 'invalid-request', pointer: `/config/${key}` });
    expect(refused.detail).toContain(detail);
  });

  it('is refused without a hidden size, over the limit, and for another operator', () => {
    expect(refusal(() => onnxCell('GRU', {}, { maxUnits: 8 }))).toMatchObject({
      code: 'invalid-request',
      pointer: '/config/hidden_size',
    });
    expect(refusal(() => define('GRU', { hidden_size: 9 }, 8))).toMatchObject({
      code: 'limit-exceeded',
      pointer: '/config/hidden_size',
    });
    expect(refusal(() => define('GRUCell', {}))).toMatchObject({ code: 'invalid-config', pointer: '/class_name' });
  });

  it('is taken or refused with a reason, whatever is sent', () => {
    const keys = [...Object.keys({ ...define('LSTM', {}).config, ...define('GRU', {}).config }), 'dtype', 'other'];
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.integer({ min: -1, max: 3 }),
      fc.array(fc.constantFrom('Tanh', 'Elu', 'Affine'), { maxLength: 6 }),
      fc.array(fc.float({ noNaN: true }), { maxLength: 3 }),
      fc.constantFrom('reverse', 'bidirectional'),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('RNN', 'GRU', 'LSTM'),
        fc.dictionary(fc.constantFrom(...keys), value),
        (className, sent) => {
          try {
            expect(define(className, sent as JsonObject).variables(3).length).toBe(3);
          } catch (error) {
            if (!(error instanceof Problem)) throw error;
            expect(error.status).toBeLessThan(500);
          }
        },
      ),
    );
  });
});

describe('the variables of an ONNX operator', () => {
  const names = (className: string, given?: string[]) =>
    define(className, {})
      .variables(3, given)
      .map(({ name }) => name);

  it('are W, R and B where they are drawn', () => {
    expect(names('LSTM')).toEqual(['W', 'R', 'B']);
    const [W, R, B] = define('LSTM', { hidden_size: 4, direction: 'bidirectional' }).variables(3);
    expect([W.shape, R.shape, B.shape]).toEqual([
      [2, 16, 3],
      [2, 16, 4],
      [2, 32],
    ]);
    expect(W.initializer).toEqual({ className: 'RandomUniform', params: { seed: null, minval: -0.5, maxval: 0.5 } });
    expect(B.initializer.className).toBe('Zeros');
  });

  it('include B and P only if they were given with the weights', () => {
    expect(names('LSTM', ['W', 'R'])).toEqual(['W', 'R']);
    expect(names('LSTM', ['P', 'W', 'R'])).toEqual(['W', 'R', 'P']);
    expect(names('LSTM', ['W', 'R', 'B', 'P'])).toEqual(['W', 'R', 'B', 'P']);
    expect(names('GRU', ['W', 'R', 'P'])).toEqual(['W', 'R']);
    expect(define('GRU', {}).optionalVariables).toEqual(['B']);
    expect(define('LSTM', {}).optionalVariables).toEqual(['B', 'P']);
  });

  it('tell the features', () => {
    expect(define('GRU', {}).featuresOf({ W: [1, 6, 5] })).toBe(5);
    expect(define('GRU', {}).featuresOf({ W: [6, 5] })).toBeUndefined();
    expect(define('GRU', {}).featuresOf({ R: [1, 6, 2] })).toBeUndefined();
  });
});

describe('the program of an ONNX operator', () => {
  it('of a GRU adds both biases, or keeps them apart with linear_before_reset', () => {
    expect(cellOf('GRU', {})).toMatchObject({
      kind: 'gru',
      resetAfter: false,
      kernel: Float32Array.of(1, 2, 3),
      bias: Float64Array.of(5, 7, 9),
    });
    expect(cellOf('GRU', { linear_before_reset: 1 })).toMatchObject({
      resetAfter: true,
      bias: Float32Array.of(1, 2, 3),
      recurrentBias: Float32Array.of(4, 5, 6),
    });
  });

  it('of an LSTM has the gates i, o, f, c as i, f, c, o, and the peepholes i, o, f as i, f, o', () => {
    const program = cellOf('LSTM', { input_forget: 1, clip: 0.3 }, ['B', 'P']);
    expect(program).toMatchObject({
      kind: 'lstm',
      kernel: Float32Array.of(1, 3, 4, 2),
      bias: Float64Array.of(6, 10, 12, 8),
      peepholes: Float32Array.of(1, 3, 2),
      inputForget: true,
      clip: Math.fround(0.3),
    });
    expect(cellOf('LSTM', {}, [])).not.toHaveProperty('peepholes');
  });

  it('without B has no bias', () => {
    for (const className of ['RNN', 'GRU', 'LSTM']) {
      const program = cellOf(className, {}, []);
      expect(program && 'bias' in program ? program.bias : undefined).toBeUndefined();
    }
  });

  it.each<[string, JsonObject, string, Record<string, number | null>]>([
    ['Relu', {}, 'relu', { negative_slope: 0, max_value: null, threshold: 0 }],
    ['Tanh', {}, 'tanh', {}],
    ['Sigmoid', {}, 'sigmoid', {}],
    ['Affine', {}, 'affine', { alpha: 1, beta: 0 }],
    ['Affine', { activation_alpha: [2], activation_beta: [3] }, 'affine', { alpha: 2, beta: 3 }],
    ['LeakyRelu', {}, 'leaky_relu', { negative_slope: Math.fround(0.01) }],
    ['ThresholdedRelu', {}, 'thresholded_relu', { alpha: 1 }],
    ['ScaledTanh', { activation_beta: [0.5] }, 'scaled_tanh', { alpha: 1, beta: 0.5 }],
    ['HardSigmoid', {}, 'onnx_hard_sigmoid', { alpha: Math.fround(0.2), beta: 0.5 }],
    ['Elu', { activation_alpha: [0.5] }, 'elu', { alpha: 0.5 }],
    ['Softsign', {}, 'softsign', {}],
    ['Softplus', {}, 'softplus', {}],
  ])('has the function %s with %j', (name, attributes, canonical, params) => {
    const program = cellOf('RNN', { ...attributes, activations: [name] });
    expect(program).toMatchObject({ activation: { name: canonical, params } });
    expect(program && 'activation' in program && program.activation.params).toEqual(params);
  });

  it('hands out functions and their values direction by direction', () => {
    const attributes = {
      direction: 'bidirectional',
      activations: ['Sigmoid', 'Elu', 'Tanh', 'LeakyRelu', 'Tanh', 'Elu'],
      activation_alpha: [1, 2, 3],
    };
    const sequence = define('LSTM', attributes).sequence(1, counting('LSTM', attributes), false);
    expect(sequence).toMatchObject({
      kind: 'bidirectional',
      merge: 'concat',
      forward: {
        goBackwards: false,
        cell: {
          recurrentActivation: { name: 'sigmoid' },
          activation: { name: 'elu', params: { alpha: 1 } },
          outputActivation: { name: 'tanh' },
        },
      },
      backward: {
        goBackwards: true,
        cell: {
          recurrentActivation: { name: 'leaky_relu', params: { negative_slope: 2 } },
          activation: { name: 'tanh' },
          outputActivation: { name: 'elu', params: { alpha: 3 } },
        },
      },
    });
    expect(define('LSTM', attributes).step).toBeUndefined();
  });

  it('in reverse runs backwards and gives its outputs in time order', () => {
    const weights = counting('GRU', {});
    const run = (direction: string) => define('GRU', { direction }).sequence(1, weights, false);
    expect(run('reverse')).toMatchObject({ kind: 'run', goBackwards: true, timeOrder: true });
    expect(run('forward')).toMatchObject({ kind: 'run', goBackwards: false, timeOrder: false });
    expect(define('GRU', { direction: 'reverse' }).sequenceDefaults.goBackwards).toBe(true);
  });

  it('is refused weights of another shape', () => {
    const weights = { ...counting('GRU', {}), R: fromFloat64('float32', [1], [0]) };
    expect(refusal(() => define('GRU', {}).step?.(1, weights))).toMatchObject({
      code: 'wrong-shape',
      detail: "'R' has shape [1]; this cell needs shape [1,6,2].",
    });
  });
});

describe('the layout of an ONNX operator', () => {
  it('has an axis of directions in the output and the states', () => {
    expect(define('LSTM', { direction: 'bidirectional' })).toMatchObject({
      framework: 'onnx',
      stateWidths: [2, 2, 2, 2],
      stateGroups: [
        { name: 'h', members: [0, 2], width: 2, stackAxis: 0 },
        { name: 'c', members: [1, 3], width: 2, stackAxis: 0 },
      ],
      outputWidth: 2,
      outputIsState: null,
      layout: { timeMajor: true, directions: 2 },
    });
  });

  it('is batch first with layout 1', () => {
    expect(define('GRU', { layout: 1 })).toMatchObject({
      stateGroups: [{ name: 'h', members: [0], stackAxis: 1 }],
      layout: { timeMajor: false, directions: 1 },
    });
  });

  it('fixes what a request may set of other sequences', () => {
    expect(define('GRU', {}).sequenceDefaults).toEqual({
      returnSequences: true,
      goBackwards: false,
      zeroOutputForMask: true,
      fixed: ['return_sequences', 'go_backwards', 'zero_output_for_mask', 'time_major'],
    });
  });
});
