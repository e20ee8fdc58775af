import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import type { ParsedBidirectional } from '../../../src/frameworks/keras/bidirectional-config.ts';
import { unwrapSerialized } from '../../../src/frameworks/keras/serialized.ts';
import { parse, refusal } from './support.ts';

function layer(className: string, config: JsonObject): JsonObject {
  return { module: 'keras.layers', class_name: className, config, registered_name: null };
}

const gru = (units: number, more: JsonObject = {}) => layer('GRU', { units, ...more });
const cell = (units: number) => layer('GRUCell', { units });

function bidirectional(config: JsonObject): ParsedBidirectional {
  const parsed = parse('Bidirectional', config);
  if (parsed.kind !== 'bidirectional') throw new Error('not a Bidirectional');
  return parsed;
}

describe('Bidirectional', () => {
  it('makes its backward layer from its layer', () => {
    const parsed = bidirectional({ layer: gru(3, { return_sequences: true, dropout: 0.5 }) });
    expect(parsed.forwardLayer).toMatchObject({ name: 'forward_gru', goBackwards: false, zeroOutputForMask: true });
    expect(parsed.backwardLayer).toMatchObject({ name: 'backward_gru', goBackwards: true, zeroOutputForMask: true });
    expect(parsed.config.backward_layer).toMatchObject({
      config: {
        name: 'backward_gru',
        go_backwards: true,
        return_sequences: true,
        zero_output_for_mask: true,
        dropout: 0.5,
      },
    });
    expect(parsed.mergeMode).toBe('concat');
  });

  it('gives the prefix once, and leaves the name of a backward layer of its own', () => {
    const again = bidirectional(
      bidirectional({ layer: gru(3), backward_layer: gru(3, { go_backwards: true, name: 'back' }) }).config,
    );
    expect(again.forwardLayer.name).toBe('forward_gru');
    expect(again.backwardLayer.name).toBe('back');
  });

  it('takes null for a pair of outputs', () => {
    expect(bidirectional({ layer: gru(3), merge_mode: null }).mergeMode).toBeNull();
  });

  it('keeps the build_config of a layer that was built', () => {
    const built = { ...gru(3), build_config: { input_shape: [2, 4, 3] } };
    expect(bidirectional({ layer: built }).config.layer).toMatchObject({ build_config: { input_shape: [2, 4, 3] } });
  });

  it.each<[string, JsonObject, string, string]>([
    ['merge mode', { layer: gru(3), merge_mode: 'foo' }, '/config/merge_mode', 'Invalid merge mode. Received: foo'],
    ['layer of no form', { layer: 3 }, '/config/layer', 'Please initialize `Bidirectional` layer'],
    ['cell for a layer', { layer: cell(3) }, '/config/layer/class_name', 'GRUCell is not allowed here'],
    [
      'two of one direction',
      { layer: gru(3), backward_layer: gru(3) },
      '/config/backward_layer/config/go_backwards',
      'different `go_backwards`',
    ],
    [
      'layer that goes backwards',
      { layer: gru(3, { go_backwards: true }) },
      '/config/layer/config/go_backwards',
      'go_backwards True',
    ],
    [
      'one with sequences',
      { layer: gru(3), backward_layer: gru(3, { go_backwards: true, return_sequences: true }) },
      '/config/backward_layer/config/return_sequences',
      'got "False" for forward layer and "True"',
    ],
    [
      'sum of two widths',
      { layer: gru(3), merge_mode: 'sum', backward_layer: gru(4, { go_backwards: true }) },
      '/config/backward_layer',
      '3 units',
    ],
    ['bad field inside', { layer: gru(0) }, '/config/layer/config/units', 'got 0'],
    ['weights', { layer: gru(3), weights: [1] }, '/config/weights', 'null'],
    ['nothing', {}, '/config/layer', "required positional argument: 'layer'"],
  ])('refuses a %s', (_, config, pointer, detail) => {
    const refused = refusal(() => parse('Bidirectional', config));
    expect(refused.pointer).toBe(pointer);
    expect(refused.detail).toContain(detail);
  });
});

describe('RNN and StackedRNNCells', () => {
  it('take a cell with and without its module', () => {
    const parsed = parse('RNN', { cell: { class_name: 'LSTMCell', config: { units: 2 } } });
    expect(parsed.config.cell).toMatchObject({ module: 'keras.layers', class_name: 'LSTMCell', registered_name: null });
  });

  it('make a stack of a list of cells, float32 whatever the cells are', () => {
    const parsed = parse('RNN', { cell: [layer('GRUCell', { units: 2, dtype: 'float64' }), cell(3)] });
    expect(parsed.config.cell).toMatchObject({
      class_name: 'StackedRNNCells',
      config: { name: 'stacked_rnn_cells', dtype: { config: { name: 'float32' } }, cells: [{}, {}] },
    });
  });

  it('point into a list of cells where it was sent', () => {
    expect(refusal(() => parse('RNN', { cell: [cell(1), cell(0)] })).pointer).toBe('/config/cell/1/config/units');
    expect(refusal(() => parse('RNN', { cell: [] })).pointer).toBe('/config/cell');
  });

  it.each<[string, JsonObject, string, string]>([
    ['RNN', { cell: 3 }, '/config/cell', 'Argument `cell` should have a `call` method. Received: cell=3'],
    ['RNN', { cell: gru(3) }, '/config/cell/class_name', 'is not allowed here'],
    ['RNN', { units: 3, cell: cell(3) }, '/config/units', 'Unrecognized keyword arguments passed to RNN'],
    ['RNN', {}, '/config/cell', "argument: 'cell'"],
    ['StackedRNNCells', { cells: [3] }, '/config/cells/0', 'All cells must have a `call` method'],
    ['StackedRNNCells', { cells: [] }, '/config/cells', 'at least one cell'],
    ['StackedRNNCells', { cells: {} }, '/config/cells', 'a list of serialized cells'],
    ['StackedRNNCells', { cells: [{ ...cell(3), module: 'my.layers' }] }, '/config/cells/0/module', 'my.layers'],
    [
      'StackedRNNCells',
      { cells: [{ ...cell(3), registered_name: 'my>GRUCell' }] },
      '/config/cells/0/registered_name',
      'my>GRUCell',
    ],
    [
      'StackedRNNCells',
      { cells: [{ ...cell(3), units: 4 }] },
      '/config/cells/0/units',
      'Put arguments into its `config`',
    ],
  ])('refuse what is not a cell: %s %j', (className, config, pointer, detail) => {
    const refused = refusal(() => parse(className, config));
    expect(refused.pointer).toBe(pointer);
    expect(refused.detail).toContain(detail);
  });

  it('have a bound on cells and on nesting', () => {
    const cells = Array.from({ length: 65 }, () => cell(1));
    expect(refusal(() => parse('StackedRNNCells', { cells })).code).toBe('limit-exceeded');
    expect(refusal(() => parse('RNN', { cell: cells.slice(0, 3) }, { maxCells: 2 })).code).toBe('limit-exceeded');
    let nested: JsonObject = cell(1);
    for (let depth = 0; depth < 12; depth++) nested = layer('StackedRNNCells', { cells: [nested] });
    expect(refusal(() => parse('RNN', { cell: nested })).code).toBe('limit-exceeded');
    expect(refusal(() => parse('RNN', { cell: deep(100_000) })).code).toBe('limit-exceeded');
    expect(refusal(() => parse('GRUCell', { units: 1, kernel_initializer: deep(100_000) })).code).toBe(
      'limit-exceeded',
    );
    expect(refusal(() => parse('GRUCell', { units: 1, foo: Array(200_000).fill(0) })).code).toBe('limit-exceeded');
    expect(refusal(() => unwrapSerialized({ class_name: 'GRUCell', config: deep(100_000) }, '')).code).toBe(
      'limit-exceeded',
    );
  });
});

describe('a serialized cell', () => {
  it('is taken apart', () => {
    const wrapped = { ...cell(4), build_config: { input_shape: [null, 3] } };
    expect(unwrapSerialized(wrapped, '')).toMatchObject({
      className: 'GRUCell',
      config: { units: 4 },
      inputShape: [null, 3],
    });
    expect(unwrapSerialized({ class_name: 'GRUCell', config: { units: 4 } }, '')).toEqual({
      className: 'GRUCell',
      config: { units: 4 },
    });
    expect(unwrapSerialized({ ...cell(4), build_config: {} }, '').inputShape).toBeUndefined();
  });

  it.each<[JsonObject, string]>([
    [{ config: {} }, '/class_name'],
    [{ class_name: 3 }, '/class_name'],
    [{ class_name: 'Dense', config: {} }, '/class_name'],
    [{ class_name: 'GRUCell', config: [] }, '/config'],
    [{ class_name: 'GRUCell', module: null }, '/module'],
    [{ class_name: 'GRUCell', build_config: { input_shape: ['x'] } }, '/build_config'],
    [{ class_name: 'GRUCell', build_config: 3 }, '/build_config'],
    [{ class_name: 'GRUCell', foo: 1 }, '/foo'],
  ])('is refused where it is malformed: %j', (value, pointer) => {
    expect(refusal(() => unwrapSerialized(value, '')).pointer).toBe(pointer);
  });
});

function deep(levels: number): Json {
  let value: Json = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}
