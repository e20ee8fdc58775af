import { describe, expect, it } from 'vitest';
import type { CellDefinition } from '../../../src/domain/cell-definition.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { CellProgram } from '../../../src/domain/program.ts';
import { fromFloat64, sizeOf, type Tensor } from '../../../src/domain/tensor.ts';
import { kerasCell } from '../../support/define.ts';
import { freshNames, golden, refusal } from './support.ts';

function define(className: string, config: JsonObject) {
  return kerasCell(className, config, { autoName: freshNames(), maxUnits: 4096 });
}

/** Weights that count 1, 2, 3 … through each variable. */
function counting(className: string, config: JsonObject, features: number): Record<string, Tensor> {
  const variables = define(className, config).variables(features);
  return Object.fromEntries(
    variables.map(({ name, shape, dtype }) => [
      name,
      fromFloat64(
        dtype,
        shape,
        Array.from({ length: sizeOf(shape) }, (_, i) => i + 1),
      ),
    ]),
  );
}

/** What one step of a single cell computes. */
function programOf({ step }: CellDefinition, features: number, weights: Record<string, Tensor>): CellProgram {
  const program = step?.(features, weights);
  if (!program || program.kind === 'stack' || program.kind === 'network')
    throw new Error('the definition is not of a single cell');
  return program;
}

describe('the variables of a cell', () => {
  it.each<[string, JsonObject, Record<string, number[]>]>([
    ['SimpleRNNCell', {}, { kernel: [3, 2], recurrent_kernel: [2, 2], bias: [2] }],
    ['GRUCell', {}, { kernel: [3, 6], recurrent_kernel: [2, 6], bias: [2, 6] }],
    ['GRUCell', { reset_after: false }, { kernel: [3, 6], recurrent_kernel: [2, 6], bias: [6] }],
    ['LSTMCell', {}, { kernel: [3, 8], recurrent_kernel: [2, 8], bias: [8] }],
    ['LSTMCell', { use_bias: false }, { kernel: [3, 8], recurrent_kernel: [2, 8] }],
  ])('have the shapes of Keras: %s %j', (className, config, shapes) => {
    const variables = define(className, { units: 2, ...config }).variables(3);
    expect(Object.fromEntries(variables.map(({ name, shape }) => [name, shape]))).toEqual(shapes);
    expect(variables.map(({ name }) => name)).toEqual(Object.keys(shapes));
  });

  const cases = golden('keras_cells.json').cases as {
    name: string;
    cell: { class_name: string; config: JsonObject };
    weights: Record<string, { shape: number[] }>;
    inputs: { shape: number[] };
  }[];

  it.each(cases)('fit the weights of Keras: $name', ({ cell, weights, inputs }) => {
    const variables = define(cell.class_name, cell.config).variables(inputs.shape[1]);
    expect(variables.map(({ name, shape }) => [name, shape])).toEqual(
      Object.entries(weights).map(([name, { shape }]) => [name, shape]),
    );
  });

  it('start with ones in the forget gate of an LSTM only', () => {
    const bias = (className: string, config: JsonObject) => define(className, { units: 2, ...config }).variables(3)[2];
    expect(bias('LSTMCell', {}).unitForgetBias).toBe(true);
    expect(bias('LSTMCell', { unit_forget_bias: false }).unitForgetBias).toBeUndefined();
    expect(bias('GRUCell', {}).unitForgetBias).toBeUndefined();
  });

  it('are drawn as the config says', () => {
    const [kernel, recurrent, bias] = define('SimpleRNNCell', {
      units: 2,
      kernel_initializer: { class_name: 'HeNormal', config: { seed: 3 } },
      recurrent_initializer: { class_name: 'Identity', config: { gain: 2 } },
      bias_initializer: null,
    }).variables(3);
    expect(kernel.initializer).toEqual({
      className: 'HeNormal',
      params: { seed: 3, input_axes: null, output_axes: null },
    });
    expect(recurrent.initializer).toEqual({ className: 'Identity', params: { gain: 2 } });
    expect(bias.initializer.className).toBe('GlorotUniform');
  });

  it('are of the variable dtype, and trainable as the cell is', () => {
    const definition = define('GRUCell', { units: 2, dtype: 'mixed_bfloat16', trainable: false });
    expect(definition).toMatchObject({ variableDtype: 'float32', computeDtype: 'bfloat16' });
    expect(definition.variables(3).every(({ dtype, trainable }) => dtype === 'float32' && !trainable)).toBe(true);
  });
});

describe('the definition of a cell', () => {
  it('has the states and the output of Keras', () => {
    expect(define('LSTMCell', { units: 5 })).toMatchObject({
      framework: 'keras',
      className: 'LSTMCell',
      stateWidths: [5, 5],
      outputWidth: 5,
    });
    expect(define('GRUCell', { units: 5 }).stateWidths).toEqual([5]);
  });

  it('of a stack are named by cell, each as wide as the output below it', () => {
    const cells = [
      { module: 'keras.layers', class_name: 'LSTMCell', config: { units: 2 } },
      { module: 'keras.layers', class_name: 'SimpleRNNCell', config: { units: 1 } },
    ];
    const { variables, stateWidths, outputIsState } = define('StackedRNNCells', { cells });
    expect(variables(3).map(({ name, shape }) => [name, shape])).toEqual([
      ['cells.0.kernel', [3, 8]],
      ['cells.0.recurrent_kernel', [2, 8]],
      ['cells.0.bias', [8]],
      ['cells.1.kernel', [2, 1]],
      ['cells.1.recurrent_kernel', [1, 1]],
      ['cells.1.bias', [1]],
    ]);
    expect([stateWidths, outputIsState]).toEqual([[2, 2, 1], 2]);
  });

  it('of a bidirectional layer are named by direction, and it has no single step', () => {
    const layer = { module: 'keras.layers', class_name: 'GRU', config: { units: 2 } };
    const { variables, stateGroups, step } = define('Bidirectional', { layer });
    expect(variables(3).map(({ name }) => name)).toEqual(
      ['forward_layer', 'backward_layer'].flatMap((side) =>
        ['kernel', 'recurrent_kernel', 'bias'].map((name) => `${side}.${name}`),
      ),
    );
    expect(stateGroups.map(({ name }) => name)).toEqual(['forward_layer.h', 'backward_layer.h']);
    expect(step).toBeUndefined();
  });
});

describe('the program of a cell', () => {
  const program = (className: string, config: JsonObject) =>
    programOf(define(className, config), 3, counting(className, config, 3));

  it('of a SimpleRNN has its one activation', () => {
    expect(program('SimpleRNNCell', { units: 1, activation: 'relu' })).toEqual({
      kind: 'simple_rnn',
      features: 3,
      units: 1,
      computeDtype: 'float32',
      kernel: Float32Array.of(1, 2, 3),
      recurrentKernel: Float32Array.of(1),
      bias: Float32Array.of(1),
      activation: { name: 'relu', params: { negative_slope: 0, max_value: null, threshold: 0 } },
      dropout: { inputs: 0, recurrent: 0 },
    });
  });

  it('of a GRU with reset_after has a bias for the input and one for the state', () => {
    expect(program('GRUCell', { units: 1 })).toMatchObject({
      kind: 'gru',
      resetAfter: true,
      bias: Float32Array.of(1, 2, 3),
      recurrentBias: Float32Array.of(4, 5, 6),
      recurrentActivation: { name: 'sigmoid' },
    });
  });

  it('of a GRU without reset_after has one bias', () => {
    const gru = program('GRUCell', { units: 1, reset_after: false });
    expect(gru).toMatchObject({ resetAfter: false, bias: Float32Array.of(1, 2, 3) });
    expect('recurrentBias' in gru && gru.recurrentBias).toBeFalsy();
  });

  it('of an LSTM uses its activation for the output too', () => {
    expect(
      program('LSTMCell', { units: 1, activation: 'softsign', recurrent_activation: 'hard_sigmoid' }),
    ).toMatchObject({
      kind: 'lstm',
      activation: { name: 'softsign' },
      outputActivation: { name: 'softsign' },
      recurrentActivation: { name: 'hard_sigmoid' },
      bias: Float32Array.of(1, 2, 3, 4),
    });
  });

  it.each(['SimpleRNNCell', 'GRUCell', 'LSTMCell'])('of a %s without bias has no bias', (className) => {
    const made = program(className, { units: 1, use_bias: false });
    expect(made.bias).toBeUndefined();
  });

  it('has weights of the compute dtype', () => {
    const config = { units: 1, dtype: 'mixed_float16' };
    const weights = { ...counting('SimpleRNNCell', config, 3), kernel: fromFloat64('float32', [3, 1], [0.1, 1, 2049]) };
    const { kernel, computeDtype } = programOf(define('SimpleRNNCell', config), 3, weights);
    expect(computeDtype).toBe('float16');
    expect([...kernel]).toEqual([0.0999755859375, 1, 2048]);
    expect(program('SimpleRNNCell', { units: 1, dtype: 'float64' }).kernel).toBeInstanceOf(Float64Array);
  });

  it('is refused for weights of another shape', () => {
    const definition = define('GRUCell', { units: 1 });
    const weights = counting('GRUCell', { units: 1 }, 3);
    expect(refusal(() => programOf(definition, 4, weights))).toMatchObject({
      code: 'wrong-shape',
      detail: "'kernel' has shape [3,3]; this cell needs shape [4,3].",
    });
    const { bias: _, ...others } = weights;
    expect(refusal(() => programOf(definition, 3, others)).detail).toContain("'bias' is missing");
  });
});
