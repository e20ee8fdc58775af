import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import { Problem } from '../../../src/domain/problems.ts';
import {
  CELL_CLASSES,
  CELL_OF_LAYER,
  KERAS_CLASSES,
  LAYER_CLASSES,
  LAYER_FIELDS,
} from '../../../src/frameworks/keras/cell-classes.ts';
import {
  KERAS_ACTIVATIONS,
  KERAS_CONSTRAINTS,
  KERAS_INITIALIZERS,
  KERAS_REGULARIZERS,
  type KnownObject,
} from '../../../src/frameworks/keras/identifiers.ts';
import { unwrapSerialized } from '../../../src/frameworks/keras/serialized.ts';
import { kerasCell } from '../../support/define.ts';
import { runs } from '../../support/runs.ts';
import { freshNames, golden, parse } from './support.ts';

const positive = fc.double({ min: 1e-3, max: 10, noNaN: true });
const names = (table: Readonly<Record<string, { identifiers: readonly string[]; unusable?: string }>>) =>
  Object.values(table)
    .filter((known) => known.unusable === undefined)
    .flatMap((known) => known.identifiers);

const activation: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(null, ...names(KERAS_ACTIVATIONS)),
  positive.map((slope) => ({ module: 'keras.layers', class_name: 'LeakyReLU', config: { negative_slope: slope } })),
  positive.map((alpha) => ({ module: 'keras.layers', class_name: 'ELU', config: { alpha, name: 'e' } })),
);

const random = fc.record({
  module: fc.constant('keras.initializers'),
  class_name: fc.constantFrom('GlorotUniform', 'he_normal', 'RandomNormal', 'truncated_normal', 'VarianceScaling'),
  config: fc.record({ seed: fc.option(fc.integer()) }),
});
const initializer: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(null, ...names(without(KERAS_INITIALIZERS, ['Constant', 'Identity', 'Orthogonal']))),
  random,
  fc.record({ class_name: fc.constant('Constant'), config: fc.record({ value: positive }) }),
);
const regularizer: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(null, ...names(KERAS_REGULARIZERS)),
  fc.record({ class_name: fc.constant('L1'), config: fc.record({ l1: positive }) }),
);
const constraint: fc.Arbitrary<Json> = fc.constantFrom(null, ...names(KERAS_CONSTRAINTS));
const rate = fc.double({ min: 0, max: 1, noNaN: true });
const dtype: fc.Arbitrary<Json> = fc.constantFrom(null, 'float64', 'mixed_float16', {
  class_name: 'DTypePolicy',
  config: { name: 'bfloat16' },
});

const BY_KIND: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  units: fc.integer({ min: 1, max: 64 }),
  activation,
  flag: fc.boolean(),
  initializer,
  regularizer,
  constraint,
  rate,
  seed: fc.option(fc.integer()),
  implementation: fc.constantFrom(1, 2),
  use_cudnn: fc.constantFrom<Json>('auto', true, false),
};

/** A valid config of a layer, with any of its keys left out but the units. */
const layer = fc.constantFrom(...LAYER_CLASSES).chain((className) => {
  const fields = Object.entries(LAYER_FIELDS[className]).map(([key, field]): [string, fc.Arbitrary<Json>] => [
    key,
    BY_KIND[field.kind],
  ]);
  const model = { ...Object.fromEntries(fields), dtype, trainable: fc.boolean(), name: fc.constantFrom('a', 'b_1') };
  return fc
    .record<Record<string, Json>, string>(model, { requiredKeys: ['units'] })
    .filter((config) => className !== 'LSTM' || config.bias_initializer !== null)
    .map((config) => ({ className, config }));
});

const cell = layer.map(({ className, config }) => {
  const cellClass = CELL_OF_LAYER[className];
  const layerKeys = [
    'return_sequences',
    'return_state',
    'go_backwards',
    'stateful',
    'unroll',
    'zero_output_for_mask',
    'use_cudnn',
  ];
  const kept = Object.entries(config).filter(([key]) => !layerKeys.includes(key));
  return { className: cellClass, config: Object.fromEntries(kept) };
});

const wrap = ({ className, config }: { className: string; config: JsonObject }) => ({
  module: 'keras.layers',
  class_name: className,
  config,
});

const valid: fc.Arbitrary<{ className: string; config: JsonObject }> = fc.oneof(
  cell,
  layer,
  fc
    .array(cell, { minLength: 1, maxLength: 3 })
    .map((cells) => ({ className: 'StackedRNNCells', config: { cells: cells.map(wrap) } })),
  cell.map((one) => ({ className: 'RNN', config: { cell: wrap(one), stateful: true } })),
  layer.map(({ className, config }) => ({
    className: 'Bidirectional',
    config: { layer: wrap({ className, config: { ...config, go_backwards: false } }) },
  })),
);

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;

describe('a config', () => {
  it('that is valid is a fixed point once parsed', () => {
    fc.assert(
      fc.property(valid, ({ className, config }) => {
        const once = JSON.stringify(parse(className, config).config);
        expect(JSON.stringify(parse(className, JSON.parse(once)).config)).toBe(once);
      }),
      { numRuns: runs(400) },
    );
  });

  it('means the same once parsed, except for what Keras does not print', () => {
    const plain = cell.filter(({ className, config }) => className !== 'SimpleRNNCell' || config.seed === undefined);
    fc.assert(
      fc.property(plain, ({ className, config }) => {
        const { config: printed, ...meaning } = parse(className, config);
        const { config: _, ...again } = parse(className, printed);
        expect(again).toEqual(meaning);
      }),
    );
  });

  it('is not changed by being parsed', () => {
    fc.assert(
      fc.property(valid, ({ className, config }) => {
        const before = JSON.stringify(config);
        parse(className, config);
        expect(JSON.stringify(config)).toBe(before);
      }),
    );
  });

  it('of any JSON is parsed or refused with a problem that points somewhere', () => {
    const object = fc.dictionary(
      fc.oneof(fc.constantFrom('units', 'cell', 'cells', 'layer', '__proto__'), fc.string()),
      json,
    );
    const className = fc.oneof(fc.constantFrom(...KERAS_CLASSES), fc.string());
    fc.assert(
      fc.property(className, object, (name, config) => refusesOrParses(() => parse(name, config))),
      { numRuns: runs(1000) },
    );
  });

  it('with one value replaced by any JSON is parsed or refused with a problem', () => {
    const printed = Object.entries<JsonObject>(golden('catalogue.json').default_get_config);
    const identifier = fc.record(
      {
        module: json,
        class_name: fc.oneof(fc.constantFrom('L1', 'Constant', 'LeakyReLU', 'function', 'GRUCell'), json),
        config: json,
        build_config: json,
      },
      { requiredKeys: [] },
    );
    const replacement = fc.oneof(
      json,
      identifier,
      fc.constantFrom<Json>('__proto__', 'constructor', 'toString', Number.MAX_VALUE),
    );
    fc.assert(
      fc.property(fc.constantFrom(...printed), fc.nat(), replacement, ([className, config], choice, value) => {
        const keys = Object.keys(config);
        refusesOrParses(() => parse(className, { ...config, [keys[choice % keys.length]]: value }));
      }),
      { numRuns: runs(2000) },
    );
  });

  it('wrapped in any way is taken apart or refused with a problem', () => {
    const wrapper = fc.record(
      { module: json, class_name: fc.oneof(fc.constantFrom(...CELL_CLASSES), json), config: json, build_config: json },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(wrapper, (value) => refusesOrParses(() => unwrapSerialized(value, ''))));
  });

  it('that is valid gives a cell its variables', () => {
    fc.assert(
      fc.property(cell, fc.nat(8), ({ className, config }, features) => {
        const definition = kerasCell(className, config, { autoName: freshNames(), maxUnits: 64 });
        const [kernel, recurrent] = definition.variables(features);
        expect(kernel.shape[0]).toBe(features);
        expect(recurrent.shape).toEqual([definition.outputWidth, kernel.shape[1]]);
      }),
    );
  });
});

function refusesOrParses(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    expect(error.errors.length).toBeGreaterThan(0);
    expect(error.status).toBeLessThan(500);
  }
}

function without(
  table: Readonly<Record<string, KnownObject>>,
  dropped: readonly string[],
): Record<string, KnownObject> {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !dropped.includes(name)));
}
