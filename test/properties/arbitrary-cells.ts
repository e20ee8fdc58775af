import fc from 'fast-check';
import { KERAS_ACTIVATIONS } from '../../src/frameworks/keras/identifiers.ts';
import type { Flat } from './flat.ts';

/** A cell as a request makes it, and the widths of its states. */
export interface CellBody {
  readonly precision?: 'fast' | 'exact';
  readonly framework?: string;
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface AnyCell {
  readonly body: CellBody;
  readonly features: number;
  /** Of each state. */
  readonly widths: readonly number[];
}

export type CellKind = 'SimpleRNN' | 'GRU' | 'LSTM';
export const KINDS: readonly CellKind[] = ['SimpleRNN', 'GRU', 'LSTM'];
export const DTYPES = ['float32', 'float64', 'float16', 'bfloat16', 'mixed_float16', 'mixed_bfloat16'] as const;

const ACTIVATIONS = Object.entries(KERAS_ACTIVATIONS)
  .filter(([, { unusable }]) => unusable === undefined)
  .map(([name]) => name);
const activation = fc.oneof(fc.constantFrom('tanh', 'sigmoid', 'relu', 'linear'), fc.constantFrom(...ACTIVATIONS));
const initializer = fc.nat({ max: 1e6 }).map((seed) => ({
  class_name: 'RandomUniform',
  config: { minval: -1.2, maxval: 1.2, seed },
}));
const count = fc.integer({ min: 1, max: 6 });
const FIELDS = {
  units: count,
  activation,
  use_bias: fc.boolean(),
  kernel_initializer: initializer,
  recurrent_initializer: initializer,
  bias_initializer: initializer,
};

/** The config that a cell and the layer over it share. */
export function cellConfig(kind: CellKind, dtype: string, units = count): fc.Arbitrary<Record<string, unknown>> {
  const gates = kind === 'SimpleRNN' ? {} : { recurrent_activation: activation };
  const own =
    kind === 'GRU' ? { reset_after: fc.boolean() } : kind === 'LSTM' ? { unit_forget_bias: fc.boolean() } : {};
  return fc.record({ ...FIELDS, ...gates, ...own, units, dtype: fc.constant(dtype) });
}

export function widthsOf(kind: CellKind, units: unknown): number[] {
  return kind === 'LSTM' ? [Number(units), Number(units)] : [Number(units)];
}

/** float32 mostly, as the dtype that everybody uses. */
const dtypeName = fc.oneof({ weight: 3, arbitrary: fc.constant('float32') }, fc.constantFrom(...DTYPES));
const kinds = fc.constantFrom(...KINDS);

/** SimpleRNNCell, GRUCell or LSTMCell. */
export const simpleCell: fc.Arbitrary<AnyCell> = fc.tuple(kinds, dtypeName, count).chain(([kind, dtype, features]) =>
  cellConfig(kind, dtype).map((config) => ({
    body: { class_name: `${kind}Cell`, config },
    features,
    widths: widthsOf(kind, config.units),
  })),
);

/** StackedRNNCells of one dtype, sometimes stacks within. */
const stackedCells: fc.Arbitrary<AnyCell> = fc
  .tuple(dtypeName, count, fc.array(kinds, { minLength: 1, maxLength: 3 }), fc.boolean())
  .chain(([dtype, features, parts, nested]) =>
    fc.tuple(...parts.map((kind) => cellConfig(kind, dtype))).map((configs) => {
      const cells = configs.map((config, k) => serialized(`${parts[k]}Cell`, config));
      const inner = serialized('StackedRNNCells', { cells: cells.slice(0, 2), dtype });
      const shown = nested ? [inner, ...cells.slice(2)] : cells;
      const widths = configs.flatMap(({ units }, k) => widthsOf(parts[k], units));
      return { body: { class_name: 'StackedRNNCells', config: { cells: shown, dtype } }, features, widths };
    }),
  );

export const anyCell: fc.Arbitrary<AnyCell> = fc.oneof({ weight: 2, arbitrary: simpleCell }, stackedCells);

/** A layer over a cell: SimpleRNN, GRU, LSTM, or RNN over any cell, with that cell. */
export const layerOverCell: fc.Arbitrary<AnyCell & { readonly cell: AnyCell }> = fc
  .tuple(anyCell, fc.boolean(), fc.boolean())
  .map(([cell, own, zeroOutput]) => {
    const { class_name, config } = cell.body;
    const options = { return_sequences: true, zero_output_for_mask: zeroOutput };
    const body =
      own && class_name !== 'StackedRNNCells'
        ? { class_name: class_name.slice(0, -'Cell'.length), config: { ...config, ...options } }
        : { class_name: 'RNN', config: { ...options, cell: serialized(class_name, config), dtype: config.dtype } };
    return { ...cell, body, cell };
  });

/** Modules of PyTorch in one direction, batch first. */
export const pytorchModule: fc.Arbitrary<AnyCell> = fc
  .tuple(fc.constantFrom('RNN', 'GRU', 'LSTM'), count, count, fc.integer({ min: 1, max: 3 }), fc.boolean())
  .map(([kind, features, units, layers, cell]) => {
    const sizes = { input_size: features, hidden_size: units };
    const states = kind === 'LSTM' ? [units, units] : [units];
    if (cell)
      return { body: { framework: 'pytorch', class_name: `${kind}Cell`, config: sizes }, features, widths: states };
    const config = { ...sizes, num_layers: layers, batch_first: true };
    return { body: { framework: 'pytorch', class_name: kind, config }, features, widths: states };
  });

export function serialized(className: string, config: unknown) {
  return { module: 'keras.layers', class_name: className, config, registered_name: null };
}

const value = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
const odd = fc.constantFrom<number | string>('NaN', 'Infinity', '-Infinity', 1e-42, 6e4, -6e4, 0);

/** Rows of numbers, sometimes with ones that are not finite, or at the ends of the range. */
function tensor(shape: readonly number[]): fc.Arbitrary<Flat> {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const length = { minLength: size, maxLength: size };
  const plain = fc.array(value, length);
  const wild = fc.array(fc.oneof({ weight: 8, arbitrary: value }, odd), length);
  return fc.oneof({ weight: 5, arbitrary: plain }, wild).map((data) => ({ shape, data }));
}

/** A mask [batch, time] of booleans. */
function maskOf(batch: number, time: number): fc.Arbitrary<Flat> {
  const length = { minLength: batch * time, maxLength: batch * time };
  return fc.array(fc.boolean(), length).map((data) => ({ shape: [batch, time], data }));
}

export interface Run {
  readonly batch: number;
  readonly time: number;
  /** [batch, time, features] */
  readonly inputs: Flat;
  /** [batch, width] each. */
  readonly initial: readonly Flat[];
  /** [batch, time] */
  readonly mask: Flat | undefined;
}

/** What a cell is to be run on; at least so many rows and steps. */
export function runOf(
  { features, widths }: Pick<AnyCell, 'features' | 'widths'>,
  { minBatch = 0, minTime = 0 }: { readonly minBatch?: number; readonly minTime?: number } = {},
): fc.Arbitrary<Run> {
  return fc.tuple(fc.integer({ min: minBatch, max: 3 }), fc.integer({ min: minTime, max: 6 })).chain(([batch, time]) =>
    fc.record({
      batch: fc.constant(batch),
      time: fc.constant(time),
      inputs: tensor([batch, time, features]),
      initial: fc.tuple(...widths.map((width) => tensor([batch, width]))),
      mask: fc.option(maskOf(batch, time), { nil: undefined }),
    }),
  );
}

/** A cell of a kind with a run on it. */
export function withRun<T extends AnyCell>(
  cells: fc.Arbitrary<T>,
  least?: { readonly minBatch?: number; readonly minTime?: number },
): fc.Arbitrary<{ readonly cell: T; readonly run: Run }> {
  return cells.chain((cell) => runOf(cell, least).map((run) => ({ cell, run })));
}

/** The initial states as the cell takes them: those of a PyTorch layer are stacked, [layers, batch, width]. */
export function initialOf({ body: { framework, class_name, config } }: AnyCell, { initial }: Run): readonly Flat[] {
  if (framework !== 'pytorch' || class_name.endsWith('Cell')) return initial;
  const layers = Number(config.num_layers);
  return initial.map(({ shape, data }) => ({ shape: [layers, ...shape], data: Array(layers).fill(data).flat() }));
}
