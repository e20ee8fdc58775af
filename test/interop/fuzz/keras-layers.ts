import fc from 'fast-check';
import { type CellKind, cellConfig, KINDS, serialized, widthsOf } from '../../properties/arbitrary-cells.ts';
import type { CellBody } from './service.ts';

/** A recurrent layer or a cell of Keras, and a batch of sequences for it. */
export interface LayerCase {
  readonly body: CellBody;
  readonly features: number;
  /** Widths of its states. */
  readonly widths: readonly number[];
  readonly batch: number;
  readonly time: number;
  readonly masked: boolean;
  /** Whether it begins with states, or zeros. */
  readonly carried: boolean;
  readonly seed: number;
}

type Drawn = Pick<LayerCase, 'body' | 'widths'>;

export const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 2, arbitrary: fc.integer({ min: 10, max: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 65, 129, 257) },
);
const kinds = fc.constantFrom(...KINDS);
const dtype = fc.constantFrom('float32', 'float32', 'float64');

/**
 * A config of a cell without its initializers: weights are sent. Keras' sparsemax is not that of the paper, which cellstep
 * has (src/cells/activations).
 */
function config(kind: CellKind, own: string): fc.Arbitrary<Record<string, unknown>> {
  return cellConfig(kind, own, size).map((all) => {
    const left = Object.entries(all)
      .filter(([name]) => !name.endsWith('_initializer') && name !== 'unit_forget_bias')
      .map(([name, value]) => [name, value === 'sparsemax' ? 'softmax' : value]);
    return Object.fromEntries(left);
  });
}

const options = fc.record({
  return_sequences: fc.boolean(),
  go_backwards: fc.boolean(),
  zero_output_for_mask: fc.boolean(),
});

const simple = (own: string): fc.Arbitrary<Drawn> =>
  kinds.chain((kind) =>
    config(kind, own).map((made) => ({
      body: { class_name: `${kind}Cell`, config: made },
      widths: widthsOf(kind, made.units),
    })),
  );

const stack = (own: string): fc.Arbitrary<Drawn> =>
  fc.array(simple(own), { minLength: 1, maxLength: 3 }).map((parts) => ({
    body: {
      class_name: 'StackedRNNCells',
      config: { cells: parts.map(({ body }) => serialized(body.class_name, body.config)), dtype: own },
    },
    widths: parts.flatMap(({ widths }) => widths),
  }));

const layer = (own: string): fc.Arbitrary<Drawn> =>
  fc.tuple(simple(own), options).map(([{ body, widths }, given]) => ({
    body: { class_name: body.class_name.slice(0, -'Cell'.length), config: { ...body.config, ...given } },
    widths,
  }));

const rnn = (own: string): fc.Arbitrary<Drawn> =>
  fc.tuple(fc.oneof(simple(own), stack(own)), options).map(([{ body, widths }, given]) => ({
    body: { class_name: 'RNN', config: { ...given, cell: serialized(body.class_name, body.config), dtype: own } },
    widths,
  }));

const MODES = ['concat', 'sum', 'ave', 'mul', null] as const;

const bidirectional = (own: string): fc.Arbitrary<Drawn> =>
  fc.tuple(fc.oneof(layer(own), rnn(own)), fc.constantFrom(...MODES)).map(([{ body, widths }, merge_mode]) => {
    const within = serialized(body.class_name, { ...body.config, go_backwards: false });
    return {
      body: { class_name: 'Bidirectional', config: { layer: within, merge_mode, dtype: own } },
      widths: [...widths, ...widths],
    };
  });

const classes = dtype.chain((own) =>
  fc.oneof(simple(own), stack(own), layer(own), layer(own), rnn(own), bidirectional(own)),
);

export const layerCases: fc.Arbitrary<LayerCase> = classes.chain((drawn) =>
  fc
    .record({
      features: size,
      batch: fc.integer({ min: 1, max: 5 }),
      time: fc.integer({ min: 1, max: 7 }),
      masked: fc.boolean(),
      carried: fc.boolean(),
      seed: fc.integer({ min: 1, max: 2 ** 30 }),
    })
    .map((rest) => ({ ...drawn, ...rest })),
);
