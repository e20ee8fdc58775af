import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/domain/json.ts';
import { Builder, type Choices, type DrawnLayer, type Place } from './blocks.ts';

/** A network, and what sequences it takes. */
export interface DrawnNetwork {
  /** Token ids below 7, or features. */
  readonly tokens: boolean;
  readonly features: number;
  readonly steps: number;
  /** The number of steps is that of the input's shape. */
  readonly fixed: boolean;
  readonly dtype: string;
  readonly layers: readonly DrawnLayer[];
  /** Steps of the output; none: it has one vector for a sequence. */
  readonly outputSteps: number | undefined;
  readonly seed: number;
}

const nat = fc.nat(10_000);
const choices: fc.Arbitrary<Choices> = fc.record({
  block: nat,
  size: fc.nat(8),
  option: nat,
  other: nat,
  flag: fc.boolean(),
});

/** Ids of an embedding: 0 is masked. */
export const VOCABULARY = 7;

/** Networks of one dtype of the list mostly, sometimes of layers of two. */
export function networks(dtypes: readonly string[], leastSteps = 1): fc.Arbitrary<DrawnNetwork> {
  return fc
    .record({
      tokens: fc.boolean(),
      features: fc.integer({ min: 1, max: 5 }),
      steps: fc.integer({ min: leastSteps, max: 7 }),
      fixed: fc.boolean(),
      dtype: fc.constantFrom(...dtypes),
      second: fc.constantFrom(undefined, undefined, undefined, ...dtypes),
      blocks: fc.array(choices, { minLength: 1, maxLength: 5 }),
      seed: fc.integer({ min: 1, max: 2 ** 30 }),
    })
    .map(({ second, blocks, ...given }) => {
      // Layers that need a fixed number of steps make features of them: there must be some.
      const rest = { ...given, fixed: given.fixed && given.steps > 0 };
      const { tokens, features, steps, fixed, dtype } = rest;
      const input: Place = { name: 'in', width: features, steps, masked: false };
      const builder = new Builder(input, second === undefined ? [dtype] : [dtype, second], fixed);
      if (tokens) {
        const config = { input_dim: VOCABULARY, output_dim: features, mask_zero: blocks[0].flag };
        const made = { class_name: 'Embedding', config };
        builder.place = builder.put(made, [input], { masked: blocks[0].flag });
      }
      for (const each of blocks) builder.draw(each);
      if (builder.layers.length === 0) builder.put({ class_name: 'Identity', config: {} }, [input], {});
      return { ...rest, layers: builder.layers, outputSteps: builder.place.steps };
    });
}

/** Batch, time and features of the input, as Keras' batch_shape. */
export function inputShape({ tokens, features, steps, fixed }: DrawnNetwork): (number | null)[] {
  return [null, fixed ? steps : null, ...(tokens ? [] : [features])];
}

const tensor = (name: string): Json => ({ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } });

/** The config of Keras' Functional model. */
export function functionalConfig(network: DrawnNetwork): JsonObject {
  const { layers, tokens, dtype } = network;
  const input: Json = {
    class_name: 'InputLayer',
    name: 'in',
    config: { batch_shape: inputShape(network), ...(tokens ? {} : { dtype: inputDtype(dtype) }), name: 'in' },
    inbound_nodes: [],
  };
  const rest = layers.map(({ class_name, name, config, from }): Json => {
    const args: Json = [from.length === 1 ? tensor(from[0]) : from.map(tensor)];
    return { class_name, name, config, inbound_nodes: [{ args, kwargs: {} }] };
  });
  const [last] = layers.slice(-1);
  return { layers: [input, ...rest], input_layers: ['in', 0, 0], output_layers: [last.name, 0, 0] };
}

/** Of a dtype policy, as that of an input. */
function inputDtype(policy: string): string {
  return policy.startsWith('mixed_') ? 'float32' : policy;
}
