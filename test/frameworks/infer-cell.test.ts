import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Framework } from '../../src/domain/cell-definition.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { Problem } from '../../src/domain/problems.ts';
import { type Shape, type Tensor, zeros } from '../../src/domain/tensor.ts';
import { groupByLayer } from '../../src/files/layer-names.ts';
import { inferCell } from '../../src/frameworks/infer-cell.ts';
import { defineCell } from '../support/define.ts';
import { processorMs } from '../support/processor-time.ts';

const options = { maxUnits: 100, autoName: (base: string) => base };

function weightsOf(framework: string, className: string, config: JsonObject, features: number): Map<string, Tensor> {
  const specs = defineCell(framework, className, config, options).variables(features);
  return new Map(specs.map(({ name, shape, dtype }) => [name, zeros(dtype, shape)]));
}

function shaped(shapes: Record<string, Shape>): Map<string, Tensor> {
  return new Map(Object.entries(shapes).map(([name, shape]) => [name, zeros('float32', shape)]));
}

/** The config without what only names things. */
function nameless(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, part) =>
      key === 'name' && typeof part === 'string' && /_|rnn|gru|lstm|bidir/.test(part) ? undefined : part,
    ),
  );
}

const size = fc.integer({ min: 1, max: 6 });
const float = fc.constantFrom('float32', 'float64', 'float16', 'bfloat16');
/** Those settings of a cell that its weights show. */
const kerasCell = fc
  .record({
    kind: fc.constantFrom('SimpleRNN', 'GRU', 'LSTM'),
    units: size,
    use_bias: fc.boolean(),
    reset_after: fc.boolean(),
  })
  .map(({ kind, units, use_bias, reset_after }) => {
    const config = { units, use_bias, ...(kind === 'GRU' && use_bias ? { reset_after } : {}) };
    return { class_name: `${kind}Cell`, config };
  });

/** What was made again has the same variables, and the same config where weights show all of it. */
function expectSame(framework: Framework, className: string, config: JsonObject, features: number, told = className) {
  const weights = weightsOf(framework, className, config, features);
  const { layers, skipped } = groupByLayer(weights);
  const [layer, ...others] = layers;
  expect([others, skipped]).toEqual([[], []]);
  expect(layer).toMatchObject({ name: '.', framework, weights });
  const inferred = inferCell(told === className ? layer : { ...layer, className });
  expect(inferred.className).toBe(className);
  const made = defineCell(framework, inferred.className, inferred.config, options);
  expect(made.featuresOf(Object.fromEntries([...weights].map(([name, { shape }]) => [name, shape])))).toBe(features);
  expect(made.variables(features, [...weights.keys()])).toEqual(
    defineCell(framework, className, config, options).variables(features, [...weights.keys()]),
  );
  expect(nameless(made.config)).toEqual(nameless(defineCell(framework, className, config, options).config));
}

describe('the config that weights tell', () => {
  it('of a cell of Keras is that which they were made by', () => {
    fc.assert(
      fc.property(kerasCell, size, float, ({ class_name, config }, features, dtype) => {
        expectSame('keras', class_name, { ...config, ...(dtype === 'float32' ? {} : { dtype }) }, features);
      }),
    );
  });

  it('of a stack of cells of Keras is that which they were made by', () => {
    fc.assert(
      fc.property(fc.array(kerasCell, { minLength: 1, maxLength: 4 }), size, (cells, features) => {
        expectSame('keras', 'StackedRNNCells', { cells }, features);
      }),
    );
  });

  it('of two directions of Keras is that which they were made by', () => {
    fc.assert(
      fc.property(kerasCell, kerasCell, size, (forward, backward, features) => {
        const layer = ({ class_name, config }: typeof forward) => ({
          class_name: class_name.replace('Cell', ''),
          config,
        });
        const back = { ...layer(backward), config: { ...backward.config, go_backwards: true } };
        const same = JSON.stringify(forward) === JSON.stringify(backward);
        expectSame(
          'keras',
          'Bidirectional',
          { layer: layer(forward), ...(same ? {} : { backward_layer: back }) },
          features,
        );
      }),
    );
  });

  it('of a layer of Keras, whose class is known, is that which they were made by', () => {
    fc.assert(
      fc.property(fc.array(kerasCell, { minLength: 1, maxLength: 3 }), size, (cells, features) => {
        expectSame('keras', 'RNN', { cell: cells }, features, 'StackedRNNCells');
        const [{ class_name, config }] = cells;
        expectSame('keras', class_name.replace('Cell', ''), config, features, class_name);
        expectSame('keras', 'RNN', { cell: cells[0] }, features, class_name);
      }),
    );
  });

  it('of a module of PyTorch is that which they were made by', () => {
    const sizes = fc.record({
      input_size: size,
      hidden_size: fc.integer({ min: 2, max: 6 }),
      bias: fc.boolean(),
      dtype: float,
    });
    const layers = fc.record({ num_layers: fc.integer({ min: 1, max: 4 }), bidirectional: fc.boolean() });
    const kind = fc.constantFrom('RNN', 'GRU', 'LSTM');
    fc.assert(
      fc.property(sizes, layers, kind, fc.boolean(), ({ dtype, ...own }, more, name, projected) => {
        const base = { ...own, dtype: dtype === 'float32' ? null : `torch.${dtype}` };
        expectSame('pytorch', `${name}Cell`, base, own.input_size);
        const proj: JsonObject = name === 'LSTM' && projected ? { proj_size: 1 } : {};
        expectSame('pytorch', name, { ...base, ...more, ...proj }, own.input_size);
      }),
    );
  });

  it('of a node of ONNX is that which they were made by', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('RNN', 'GRU', 'LSTM'),
        size,
        size,
        fc.boolean(),
        float,
        (name, hidden_size, features, both, dtype) => {
          const direction: JsonObject = both ? { direction: 'bidirectional' } : {};
          expectSame('onnx', name, { hidden_size, ...direction, dtype }, features);
        },
      ),
    );
  });
});

describe('weights that are of no cell', () => {
  function refusal(framework: Framework, shapes: Record<string, Shape>, className?: string): string {
    try {
      inferCell({ framework, name: '.', weights: shaped(shapes), ...(className === undefined ? {} : { className }) });
    } catch (error) {
      if (error instanceof Problem) return `${error.code}: ${error.message}`;
      throw error;
    }
    return 'taken';
  }

  it.each([
    ['keras', { kernel: [2, 6], recurrent_kernel: [3, 6] }, /invalid-file: .*'recurrent_kernel' \[3,6\]/],
    ['keras', { kernel: [2, 9], recurrent_kernel: [3, 12] }, /invalid-file: .*'kernel' has shape \[2,9\]/],
    ['keras', { kernel: [3, 3, 2, 8], recurrent_kernel: [3, 3, 2, 8] }, /invalid-file/],
    ['keras', { kernel: [0, 0], recurrent_kernel: [0, 0] }, /invalid-file/],
    ['keras', { 'cells.1.kernel': [2, 3], 'cells.1.recurrent_kernel': [3, 3] }, /no weights of 'cells.0'/],
    ['keras', { 'cells.0.kernel': [2, 3], 'cells.0.bias': [3] }, /no 'cells.0.recurrent_kernel'/],
    [
      'keras',
      { 'forward_layer.kernel': [2, 3], 'forward_layer.recurrent_kernel': [3, 3] },
      /no 'backward_layer.kernel'/,
    ],
    ['pytorch', { weight_ih: [6, 2], weight_hh: [6, 3] }, /invalid-file: .*'weight_hh' \[6,3\]/],
    ['pytorch', { weight_ih_l1: [9, 2], weight_hh_l1: [9, 3] }, /no 'weight_ih_l0'/],
    ['pytorch', { weight_ih_l0: [9, 2], weight_hh_l0: [9, 2], weight_hr_l0: [2, 3] }, /invalid-file/],
    ['onnx', { W: [3, 9, 2], R: [3, 9, 3] }, /invalid-file: .*'W' has shape \[3,9,2\]/],
    ['onnx', { W: [9, 2], R: [9, 3] }, /invalid-file/],
  ] as const)('%s %j are refused', (framework, shapes, message) => {
    expect(refusal(framework, shapes)).toMatch(message);
  });

  it('or of more cells than one has, are refused', () => {
    const shapes: Record<string, Shape> = {};
    for (let i = 0; i < 65; i++)
      Object.assign(shapes, { [`cells.${i}.kernel`]: [1, 1], [`cells.${i}.recurrent_kernel`]: [1, 1] });
    expect(refusal('keras', shapes)).toMatch(/limit-exceeded/);
  });
});

describe('a stack whose cells are named by class', () => {
  const cell = (group: string, features: number, units: number) => {
    const gates = group.startsWith('lstm') ? 4 : group.startsWith('gru') ? 3 : 1;
    return {
      [`cells.${group}.kernel`]: [features, gates * units],
      [`cells.${group}.recurrent_kernel`]: [units, gates * units],
    };
  };
  const infer = (...cells: Record<string, Shape>[]) =>
    inferCell({ framework: 'keras', name: '.', className: 'RNN', weights: shaped(Object.assign({}, ...cells)) });
  const classes = (config: JsonObject) => JSON.stringify(config).match(/(SimpleRNN|GRU|LSTM)Cell/g);

  it('is put in the one order that its sizes allow', () => {
    const cells = [
      cell('gru_cell', 3, 2),
      cell('gru_cell_1', 5, 4),
      cell('lstm_cell', 2, 5),
      cell('simple_rnn_cell', 4, 7),
    ];
    const { config, weights } = infer(...cells);
    expect(classes(config)).toEqual(['GRUCell', 'LSTMCell', 'GRUCell', 'SimpleRNNCell']);
    expect(weights.get('cells.2.kernel')?.shape).toEqual([5, 12]);
    expect([...weights.keys()].some((name) => name.includes('gru'))).toBe(false);
  });

  it('is refused where more than one order fits, or none', () => {
    expect(() => infer(cell('gru_cell', 2, 2), cell('lstm_cell', 2, 2))).toThrow(
      /gru_cell, lstm_cell: the sizes of more than one order fit/,
    );
    expect(() => infer(cell('gru_cell', 2, 3), cell('lstm_cell', 4, 5))).toThrow(/no order of them fits/);
  });

  it('is refused soon, however many orders there are to try', () => {
    const groups = ['gru_cell', 'lstm_cell', 'simple_rnn_cell'].flatMap((name) =>
      Array.from({ length: 21 }, (_, i) => cell(i === 0 ? name : `${name}_${i}`, 1, i === 20 ? 2 : 1)),
    );
    expect(processorMs(() => expect(() => infer(...groups)).toThrow(Problem))).toBeLessThan(5000);
  });
});

describe('names of tensors', () => {
  const names = (...given: string[]) =>
    groupByLayer(shaped(Object.fromEntries(given.map((name) => [name, [1, 1]])))).layers;

  it('tell the framework and the layer', () => {
    const groups = names(
      'gru/kernel:0',
      'gru/recurrent_kernel:0',
      'a.b.weight_ih',
      'a.b.weight_hh',
      'W',
      'R',
      'B',
      'fc.bias',
      'fc.weight',
    );
    expect(groups.map(({ name, framework, weights }) => [name, framework, ...weights.keys()])).toEqual([
      ['gru', 'keras', 'kernel', 'recurrent_kernel'],
      ['a.b', 'pytorch', 'weight_ih', 'weight_hh'],
      ['.', 'onnx', 'W', 'R', 'B'],
    ]);
  });

  it('take little time, however they are made', () => {
    const long = 'cells.1.'.repeat(100_000);
    const many = Array.from({ length: 10_000 }, (_, i) => `${'cells.1.'.repeat(24)}${i}`);
    expect(processorMs(() => expect(names(long, `${long}kernel`, ...many)).toEqual([]))).toBeLessThan(5000);
  });
});

describe('the name of a layer', () => {
  it.each([
    ['rnn_a', 'rnn_a'],
    ['encoder.gru', 'encoder.gru'],
    ['.', undefined],
    ['layers/gru', undefined],
    ['', undefined],
    ['a\nb', undefined],
    ['x'.repeat(201), undefined],
  ])('%j becomes that of the cell where it can be one', (name, expected) => {
    const weights = shaped({ kernel: [1, 1], recurrent_kernel: [1, 1] });
    const { className, config } = inferCell({ framework: 'keras', name, weights });
    expect(config.name).toBe(expected);
    expect(defineCell('keras', className, config, options).config.name).toBe(expected ?? 'simple_rnn_cell');
  });
});
