import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { fromFloat64, sizeOf, type Tensor } from '../../../src/domain/tensor.ts';
import { pytorchCell } from '../../../src/frameworks/pytorch/definitions.ts';
import { refusal } from '../keras/support.ts';

function define(className: string, config: JsonObject, maxUnits = 4096) {
  return pytorchCell(className, { input_size: 3, hidden_size: 2, ...config }, { maxUnits });
}

function zeroWeights(className: string, config: JsonObject): Record<string, Tensor> {
  const variables = define(className, config).variables(3);
  return Object.fromEntries(
    variables.map(({ name, shape, dtype }) => [name, fromFloat64(dtype, shape, new Float64Array(sizeOf(shape)))]),
  );
}

describe('the config of a PyTorch module', () => {
  it.each<[string, JsonObject]>([
    ['RNNCell', { input_size: 3, hidden_size: 2, bias: true, nonlinearity: 'tanh', device: null, dtype: null }],
    ['GRUCell', { input_size: 3, hidden_size: 2, bias: true, device: null, dtype: null }],
    ['LSTMCell', { input_size: 3, hidden_size: 2, bias: true, device: null, dtype: null }],
    [
      'RNN',
      {
        input_size: 3,
        hidden_size: 2,
        num_layers: 1,
        nonlinearity: 'tanh',
        bias: true,
        batch_first: false,
        dropout: 0,
        bidirectional: false,
        device: null,
        dtype: null,
      },
    ],
    [
      'GRU',
      {
        input_size: 3,
        hidden_size: 2,
        num_layers: 1,
        bias: true,
        batch_first: false,
        dropout: 0,
        bidirectional: false,
        device: null,
        dtype: null,
      },
    ],
    [
      'LSTM',
      {
        input_size: 3,
        hidden_size: 2,
        num_layers: 1,
        bias: true,
        batch_first: false,
        dropout: 0,
        bidirectional: false,
        proj_size: 0,
        device: null,
        dtype: null,
      },
    ],
  ])('of a %s has every argument in the order of its constructor, defaults filled in', (className, config) => {
    const definition = define(className, {});
    expect(Object.entries(definition.config)).toEqual(Object.entries(config));
    expect(define(className, definition.config).config).toEqual(config);
  });

  it.each([
    ['torch.float64', 'float64'],
    ['double', 'float64'],
    ['float32', 'float32'],
    ['torch.float', 'float32'],
    ['half', 'float16'],
    ['torch.bfloat16', 'bfloat16'],
  ])('takes the dtype %s', (sent, dtype) => {
    const definition = define('LSTM', { dtype: sent, device: 'cpu' });
    expect(definition).toMatchObject({ variableDtype: dtype, computeDtype: dtype });
    expect(definition.config).toMatchObject({ dtype: `torch.${dtype}`, device: 'cpu' });
    expect(definition.variables(3).every((variable) => variable.dtype === dtype)).toBe(true);
  });

  it.each<[string, JsonObject, string, string]>([
    ['GRU', { hidden_size: 0 }, 'hidden_size', '`hidden_size` is 0; send a positive integer.'],
    ['GRU', { hidden_size: 2.5 }, 'hidden_size', '`hidden_size` is 2.5; send a positive integer.'],
    ['GRUCell', { input_size: -1 }, 'input_size', '`input_size` is -1; send a whole number, 0 or more.'],
    ['RNN', { num_layers: 0 }, 'num_layers', '`num_layers` is 0; send a positive integer.'],
    ['RNN', { nonlinearity: 'gelu' }, 'nonlinearity', '`nonlinearity` is "gelu"; send "tanh" or "relu".'],
    ['LSTM', { dropout: 1.5 }, 'dropout', '`dropout` is 1.5; send a number from 0 to 1'],
    ['LSTM', { proj_size: 2 }, 'proj_size', '`proj_size` is 2; send a number smaller than hidden_size, which is 2.'],
    ['LSTM', { proj_size: -1 }, 'proj_size', '`proj_size` is -1; send a positive integer, or 0'],
    ['LSTM', { device: 'cuda:0' }, 'device', '`device` is "cuda:0"; send "cpu" or null'],
    ['LSTMCell', { dtype: 'torch.int8' }, 'dtype', '`dtype` is "torch.int8"; send "torch.float32", "torch.float64"'],
  ])('of a %s with %j is refused as impossible', (className, config, key, detail) => {
    const refused = refusal(() => define(className, config));
    expect(refused).toMatchObject({ code: 'invalid-config', pointer: `/config/${key}` });
    expect(refused.detail).toContain(detail);
  });

  it.each<[string, JsonObject, string, string]>([
    ['GRU', { hidden_size: '4' }, 'hidden_size', '`hidden_size` is "4"; send a positive integer.'],
    ['GRU', { bias: 1 }, 'bias', '`bias` is 1; send true or false.'],
    ['GRU', { dropout: true }, 'dropout', '`dropout` is true; send a number'],
    ['RNNCell', { nonlinearity: null }, 'nonlinearity', '`nonlinearity` is null; send "tanh" or "relu".'],
    ['GRU', { proj_size: 1 }, 'proj_size', 'GRU takes no "proj_size". It takes: input_size, hidden_size, num_layers'],
    ['GRUCell', { num_layers: 1 }, 'num_layers', 'GRUCell takes no "num_layers".'],
    ['GRU', { nonlinearity: 'tanh' }, 'nonlinearity', 'GRU takes no "nonlinearity".'],
  ])('of a %s with %j is no request that it takes', (className, config, key, detail) => {
    const refused = refusal(() => define(className, config));
    expect(refused).toMatchObject({ code: 'invalid-request', pointer: `/config/${key}` });
    expect(refused.detail).toContain(detail);
  });

  it('is refused without its sizes', () => {
    const refused = refusal(() => pytorchCell('GRU', { input_size: 3 }, { maxUnits: 4096 }));
    expect(refused).toEqual({
      code: 'invalid-request',
      pointer: '/config/hidden_size',
      detail: 'GRU needs `hidden_size`, which was not sent. Send a positive integer.',
    });
  });

  it('is refused over the limits of the service', () => {
    expect(refusal(() => define('GRU', { hidden_size: 9 }, 8))).toMatchObject({
      code: 'limit-exceeded',
      pointer: '/config/hidden_size',
    });
    expect(define('GRU', { num_layers: 64 }).stateWidths.length).toBe(64);
    expect(define('GRU', { num_layers: 32, bidirectional: true }).stateWidths.length).toBe(64);
    const over: JsonObject[] = [{ num_layers: 65 }, { num_layers: 33, bidirectional: true }];
    for (const config of over) {
      expect(refusal(() => define('GRU', config))).toMatchObject({
        code: 'limit-exceeded',
        pointer: '/config/num_layers',
      });
    }
  });

  it('is refused for a class that torch.nn has not', () => {
    expect(refusal(() => define('LSTMcell', {}))).toEqual({
      code: 'invalid-config',
      pointer: '/class_name',
      detail: 'torch.nn has no recurrent class "LSTMcell". Did you mean LSTMCell?',
    });
    expect(refusal(() => define('constructor', {})).code).toBe('invalid-config');
  });

  it('is taken or refused with a reason, whatever is sent', () => {
    const names = ['RNNCell', 'GRUCell', 'LSTMCell', 'RNN', 'GRU', 'LSTM'];
    const keys = Object.keys({ ...define('RNN', {}).config, proj_size: 0, other: 0 });
    const config = fc.dictionary(
      fc.constantFrom(...keys),
      fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.integer({ max: 9 })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), config, (className, sent) => {
        try {
          expect(define(className, sent as JsonObject).variables(3).length).toBeGreaterThan(1);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          expect(error.status).toBeLessThan(500);
        }
      }),
    );
  });
});

describe('the definition of a PyTorch module', () => {
  it('of a cell has plain states and steps', () => {
    const lstm = define('LSTMCell', {});
    expect(lstm).toMatchObject({
      framework: 'pytorch',
      stateWidths: [2, 2],
      stateGroups: [
        { name: 'h', members: [0], width: 2 },
        { name: 'c', members: [1], width: 2 },
      ],
      outputWidth: 2,
      outputIsState: 0,
      fixedFeatures: 3,
      layout: { timeMajor: false },
      sequenceDefaults: { fixed: [] },
    });
    expect(lstm.stateGroups.every((group) => group.stackAxis === undefined)).toBe(true);
    expect(lstm.sequence(3, zeroWeights('LSTMCell', {}), true)).toMatchObject({ kind: 'run', goBackwards: true });
  });

  it('of layers stacks the states of every layer and direction, and is time-major', () => {
    const config = { num_layers: 2, bidirectional: true };
    const lstm = define('LSTM', config);
    expect(lstm).toMatchObject({
      stateWidths: [2, 2, 2, 2, 2, 2, 2, 2],
      stateGroups: [
        { name: 'h', members: [0, 2, 4, 6], width: 2, stackAxis: 0 },
        { name: 'c', members: [1, 3, 5, 7], width: 2, stackAxis: 0 },
      ],
      outputWidth: 4,
      outputIsState: null,
      layout: { timeMajor: true },
      sequenceDefaults: { returnSequences: true, goBackwards: false, zeroOutputForMask: true },
    });
    expect(lstm.step).toBeUndefined();
    expect(lstm.sequence(3, zeroWeights('LSTM', config), false)).toMatchObject({
      kind: 'chain',
      layers: [
        { kind: 'bidirectional', merge: 'concat', forward: { goBackwards: false }, backward: { goBackwards: true } },
        { kind: 'bidirectional', forward: { cell: { features: 4 } } },
      ],
    });
    expect(define('LSTM', { batch_first: true }).layout.timeMajor).toBe(false);
  });

  it('of layers in one direction is a stack that goes forward only', () => {
    const config = { num_layers: 3 };
    const gru = define('GRU', config);
    const sequence = gru.sequence(3, zeroWeights('GRU', config), true);
    expect(sequence).toMatchObject({
      kind: 'run',
      goBackwards: false,
      cell: { kind: 'stack', names: ['l0', 'l1', 'l2'] },
    });
    expect(define('GRU', {}).sequence(3, zeroWeights('GRU', {}), false)).toMatchObject({ cell: { kind: 'gru' } });
  });

  it('with a projection has a narrower h than c', () => {
    const config = { hidden_size: 5, proj_size: 2, num_layers: 2 };
    const lstm = define('LSTM', config);
    expect(lstm.stateWidths).toEqual([2, 5, 2, 5]);
    expect(lstm.stateGroups.map(({ width }) => width)).toEqual([2, 5]);
    expect(lstm.outputWidth).toBe(2);
    expect(lstm.variables(3).map(({ name }) => name)).toContain('weight_hr_l1');
  });

  it('draws its weights from U(-1/√hidden, 1/√hidden), each with a seed of its own', () => {
    const [weight] = define('GRU', { hidden_size: 16 }).variables(3);
    expect(weight.initializer).toEqual({
      className: 'RandomUniform',
      params: { seed: null, minval: -0.25, maxval: 0.25 },
    });
  });

  it('tells the features of weights by their input weights', () => {
    expect(define('GRU', {}).featuresOf({ weight_ih_l0: [6, 7] })).toBe(7);
    expect(define('GRUCell', {}).featuresOf({ weight_ih: [6, 7] })).toBe(7);
    expect(define('GRUCell', {}).featuresOf({ weight_ih: [6] })).toBeUndefined();
    expect(define('GRUCell', {}).featuresOf({})).toBeUndefined();
  });

  it('adds both biases in float64, and keeps them apart for a GRU', () => {
    const filled = (tensor: Tensor, value: number) =>
      fromFloat64('float32', tensor.shape, new Float64Array(sizeOf(tensor.shape)).fill(value));
    const cell = (className: string) => {
      const zero = zeroWeights(className, {});
      const biases = { bias_ih: filled(zero.bias_ih, 1), bias_hh: filled(zero.bias_hh, 2 ** -40) };
      return define(className, {}).step?.(3, { ...zero, ...biases });
    };
    expect(cell('RNNCell')).toMatchObject({ bias: new Float64Array(2).fill(1 + 2 ** -40) });
    expect(cell('LSTMCell')).toMatchObject({ bias: new Float64Array(8).fill(1 + 2 ** -40) });
    expect(cell('GRUCell')).toMatchObject({
      resetAfter: true,
      bias: new Float32Array(6).fill(1),
      recurrentBias: new Float32Array(6).fill(2 ** -40),
    });
  });

  it('is refused weights of another shape', () => {
    const weights = { ...zeroWeights('GRUCell', {}), weight_hh: fromFloat64('float32', [1], [0]) };
    expect(refusal(() => define('GRUCell', {}).step?.(3, weights))).toMatchObject({
      code: 'wrong-shape',
      detail: "'weight_hh' has shape [1]; this cell needs shape [6,2].",
    });
    expect(refusal(() => define('GRUCell', {}).step?.(3, {})).detail).toContain("'weight_ih' is missing");
  });
});
