import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { parseInitializer } from '../../../src/frameworks/keras/parse-object.ts';
import { golden, parse } from './support.ts';

interface Probe {
  readonly class: string | null;
  readonly code: string;
  readonly accepted: boolean;
  readonly message?: string;
}

/** What Keras was asked, as a config; by the code that asked it. Each was asked of every class that the catalogue has. */
const CONFIGS: Readonly<Record<string, JsonObject>> = {
  'C(4)(x, S)': { units: 4 },
  'C(4).build((3,))': { units: 4 },
  'C(0)': { units: 0 },
  'C(-1)': { units: -1 },
  "C('3')": { units: '3' },
  'C(None)': { units: null },
  'C()': {},
  'C(2.5).build((None, 3))': { units: 2.5 },
  "C(4, activation='foo')": { units: 4, activation: 'foo' },
  "C(4, activation='Tanh')": { units: 4, activation: 'Tanh' },
  "built(C(4, activation='threshold'))(x, S)": { units: 4, activation: 'threshold' },
  "built(C(4, activation='glu'))(x, S)": { units: 4, activation: 'glu' },
  "C(4, kernel_initializer='foo')": { units: 4, kernel_initializer: 'foo' },
  "C(4, kernel_initializer='constant')": { units: 4, kernel_initializer: 'constant' },
  "C(4, kernel_regularizer='l1_l2')": { units: 4, kernel_regularizer: 'l1_l2' },
  "C(4, kernel_constraint='nonneg')": { units: 4, kernel_constraint: 'nonneg' },
  'C(4, foo=1)': { units: 4, foo: 1 },
  'C(4, dropout=1.5).dropout': { units: 4, dropout: 1.5 },
  "C(4, dtype='foo')": { units: 4, dtype: 'foo' },
  "C(4, trainable='x')": { units: 4, trainable: 'x' },
  'built(C(4, bias_initializer=None))': { units: 4, bias_initializer: null },
  "built(C(4, bias_initializer='orthogonal'))": { units: 4, bias_initializer: 'orthogonal' },
  "built(C(4, bias_initializer='identity'))": { units: 4, bias_initializer: 'identity' },
  'C.from_config({})': {},
  "C.from_config({'units': 4, 'foo': 1})": { units: 4, foo: 1 },
  "C.from_config({'units': 4, 'kernel_initializer': {'class_name': 'GlorotUniform', 'config': {'seed': None}}})": {
    units: 4,
    kernel_initializer: { class_name: 'GlorotUniform', config: { seed: null } },
  },
  'C(4, time_major=True)': { units: 4, time_major: true },
};

const gru = (config: JsonObject): JsonObject => ({ module: 'keras.layers', class_name: 'GRU', config });

const COMPOSITES: Readonly<Record<string, readonly [string, JsonObject]>> = {
  'L.RNN(3)': ['RNN', { cell: 3 }],
  'L.StackedRNNCells([3])': ['StackedRNNCells', { cells: [3] }],
  'L.Bidirectional(3)': ['Bidirectional', { layer: 3 }],
  "L.Bidirectional(L.GRU(3), merge_mode='foo')": ['Bidirectional', { layer: gru({ units: 3 }), merge_mode: 'foo' }],
  'L.Bidirectional(L.GRU(3), backward_layer=L.GRU(3))': [
    'Bidirectional',
    { layer: gru({ units: 3 }), backward_layer: gru({ units: 3 }) },
  ],
  'L.Bidirectional(L.GRU(3), backward_layer=L.GRU(3, go_backwards=True, return_sequences=True))': [
    'Bidirectional',
    { layer: gru({ units: 3 }), backward_layer: gru({ units: 3, go_backwards: true, return_sequences: true }) },
  ],
  'L.Bidirectional(L.GRU(3, go_backwards=True))': ['Bidirectional', { layer: gru({ units: 3, go_backwards: true }) }],
  "L.Bidirectional(L.GRU(3), backward_layer=L.GRU(4, go_backwards=True), merge_mode='sum')(seq)": [
    'Bidirectional',
    { layer: gru({ units: 3 }), backward_layer: gru({ units: 4, go_backwards: true }), merge_mode: 'sum' },
  ],
};

/** Accepted by Keras without a word, though it can only be a mistake; refused here. */
const REFUSED_THOUGH_ACCEPTED = ['C(4, dropout=1.5).dropout'];
/** glu halves the state, so that even where one step works the next one cannot. */
const REFUSED_BY_NAME = ["built(C(4, activation='glu'))(x, S)"];

const probes: Probe[] = golden('catalogue.json').probes;

function accepts(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

describe('what Keras accepts and refuses', () => {
  const asked = probes.filter((probe) => probe.class !== null && Object.hasOwn(CONFIGS, probe.code));

  it('has every config of this test among its probes', () => {
    expect([...new Set(asked.map(({ code }) => code))].sort()).toEqual(Object.keys(CONFIGS).sort());
    expect(Object.keys(COMPOSITES).filter((code) => !probes.some((probe) => probe.code === code))).toEqual([]);
  });

  it.each(asked)('is accepted and refused here: $class, $code', ({ class: className, code, accepted }) => {
    const expected = accepted && !REFUSED_THOUGH_ACCEPTED.includes(code) && !REFUSED_BY_NAME.includes(code);
    expect(accepts(() => parse(className ?? '', CONFIGS[code]))).toBe(expected);
  });

  it.each(probes.filter(({ code }) => Object.hasOwn(COMPOSITES, code)))(
    'is refused here: $code',
    ({ code, accepted }) => {
      const [className, config] = COMPOSITES[code];
      expect(accepted).toBe(false);
      expect(accepts(() => parse(className, config))).toBe(false);
    },
  );

  /** The sentence that Keras says, where it says something of use to a caller. */
  const SAME_WORDS = asked.filter(({ code, message }) => {
    return (
      /^C\((0|-1|4, (foo|activation|kernel_initializer='foo'|kernel_reg|kernel_con|time))/.test(code) &&
      message !== undefined
    );
  });

  it.each(SAME_WORDS)('is refused in the same words: $class, $code', ({ class: className, code, message }) => {
    expect(() => parse(className ?? '', CONFIGS[code])).toThrow(message);
  });

  it('is refused where an initializer is a number', () => {
    const probe = probes.find(({ code }) => code === 'keras.initializers.get(3)');
    expect(() => parseInitializer(3 as Json, '')).toThrow(probe?.message);
  });
});
