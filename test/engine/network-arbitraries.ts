import fc from 'fast-check';
import type { CellDefinition, Weights } from '../../src/domain/cell-definition.ts';
import type { Json, JsonObject } from '../../src/domain/json.ts';
import { allocate, type FloatArray, isFloat, sizeOf, Tensor } from '../../src/domain/tensor.ts';
import { kerasCell } from '../support/define.ts';

/** A network with weights, and a batch of sequences for it. */
export interface SomeNetwork {
  readonly definition: CellDefinition;
  readonly weights: Weights;
  readonly batch: number;
  readonly time: number;
  /** [batch, time, …] */
  readonly inputs: FloatArray;
}

type Layer = readonly [className: string, config: JsonObject];

const units = fc.integer({ min: 1, max: 9 });
const activation = fc.constantFrom('linear', 'tanh', 'relu', 'softmax', 'gelu', 'sigmoid');
const plain = (name: string, config: JsonObject = {}): fc.Arbitrary<Layer> => fc.constant([name, config]);
const with_ = (name: string, config: fc.Arbitrary<JsonObject>): fc.Arbitrary<Layer> => config.map((one) => [name, one]);

/** Layers that need nothing of later steps. */
const LAYERS: readonly fc.Arbitrary<Layer>[] = [
  with_('Dense', fc.record({ units, activation, use_bias: fc.boolean() })),
  with_('GRU', fc.record({ units, reset_after: fc.boolean(), return_sequences: fc.constant(true) })),
  with_('LSTM', fc.record({ units, return_sequences: fc.constant(true), zero_output_for_mask: fc.boolean() })),
  with_('SimpleRNN', fc.record({ units, return_sequences: fc.constant(true) })),
  with_(
    'Conv1D',
    fc.record({
      filters: units,
      kernel_size: fc.integer({ min: 1, max: 3 }),
      dilation_rate: fc.integer({ min: 1, max: 2 }),
      padding: fc.constant('causal'),
      activation,
    }),
  ),
  plain('LayerNormalization'),
  plain('RMSNormalization'),
  plain('BatchNormalization'),
  plain('UnitNormalization'),
  plain('Normalization'),
  plain('PReLU', { shared_axes: [1] }),
  plain('LeakyReLU'),
  plain('Dropout', { rate: 0.5 }),
  plain('Masking'),
  plain('Activation', { activation: 'softsign' }),
];

const lastLayers: readonly fc.Arbitrary<readonly Layer[]>[] = [
  fc.constant([]),
  with_('GRU', fc.record({ units })).map((gru) => [gru]),
  fc.tuple(with_('LSTM', fc.record({ units })), with_('Dense', fc.record({ units, activation }))),
];

/** Networks that step: `Sequential` models over features or token ids, their steps masked here and there. */
export const someNetworks: fc.Arbitrary<SomeNetwork> = fc
  .record({
    tokens: fc.boolean(),
    features: fc.integer({ min: 1, max: 5 }),
    layers: fc.array(fc.oneof(...LAYERS), { maxLength: 4 }),
    last: fc.oneof(...lastLayers),
    batch: fc.integer({ min: 1, max: 5 }),
    time: fc.integer({ min: 1, max: 6 }),
    seed: fc.integer({ min: 1, max: 2 ** 30 }),
    dtype: fc.constantFrom('float32', 'float32', 'float64', 'mixed_bfloat16'),
  })
  .map(({ tokens, features, layers, last, batch, time, seed, dtype }) => {
    const front: Layer[] = tokens ? [['Embedding', { input_dim: 7, output_dim: features, mask_zero: true }]] : [];
    const all = [...front, ...layers, ...last];
    const shape = tokens ? [null, null] : [null, null, features];
    const input: Json = { class_name: 'InputLayer', config: { batch_shape: shape } };
    const objects = all.map(([class_name, config]): Json => ({ class_name, config: { ...config, dtype } }));
    const whole = all.length > 0 ? objects : [{ class_name: 'Identity', config: { dtype } }];
    const definition = kerasCell(
      'Sequential',
      { layers: [input, ...whole] },
      { maxUnits: 64, autoName: (base) => base },
    );
    const next = generator(seed);
    return {
      definition,
      weights: someWeights(definition, next),
      batch,
      time,
      inputs: someInputs(definition, batch * time, tokens, next),
    };
  });

function someWeights(definition: CellDefinition, next: () => number): Weights {
  const specs = definition.variables(0);
  return Object.fromEntries(
    specs.map(({ name, shape, dtype }) => {
      const data = allocate(dtype, sizeOf(shape));
      const least = name.endsWith('variance') ? 1.5 : 0;
      if (isFloat(dtype)) for (let i = 0; i < data.length; i++) data[i] = least + next();
      return [name, new Tensor(dtype, shape, data)];
    }),
  );
}

/** A third of the steps have what a mask is made of: the id 0, or nothing but zeros. */
function someInputs(definition: CellDefinition, steps: number, tokens: boolean, next: () => number): FloatArray {
  const width = sizeOf(definition.inputDims ?? []);
  const inputs = allocate(definition.computeDtype, steps * width) as FloatArray;
  for (let step = 0; step < steps; step++) {
    const masked = next() > 0.33;
    for (let k = 0; k < width && !masked; k++) {
      inputs[step * width + k] = tokens ? 1 + Math.floor(3 * (next() + 1)) : next();
    }
  }
  return inputs;
}

/** Numbers in [-1, 1) that look random (Park & Miller). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (2 * state) / 2147483647 - 1;
  };
}
