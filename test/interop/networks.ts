import { readFileSync } from 'node:fs';
import { KERAS } from '../../src/domain/media-types.ts';
import { asRequest, type FlatTensor, type GoldenTensor, readGolden } from '../golden/compare.ts';
import type { TestApp } from '../support/app.ts';
import { type Called, make } from '../support/call.ts';
import { postFile } from '../support/files.ts';

/** A whole network that goes to Keras. */
export interface NetworkCase {
  readonly name: string;
  readonly inputs: FlatTensor;
  /** Of its outputs, absolute: more where it computes in float16 or bfloat16. */
  readonly tolerance: number;
  make(app: TestApp): Promise<Called>;
}

interface Golden {
  readonly name: string;
  readonly file: string;
  readonly inputs: GoldenTensor;
}

function golden({ name, file, inputs }: Golden): NetworkCase {
  const bytes = () => readFileSync(new URL(`../golden/networks/${file}`, import.meta.url));
  return {
    ...{ name, inputs: asRequest(inputs), tolerance: name === 'mixed_precision' ? 2 ** -6 : 4e-6 },
    make: (app) => postFile(app, KERAS, bytes(), `?id=${name}`),
  };
}

const layer = (class_name: string, config: object) => ({ class_name, config });
const tensor = (name: string) => ({ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } });
const node = (class_name: string, name: string, from: readonly string[], config: object) => ({
  ...layer(class_name, config),
  name,
  inbound_nodes: [{ args: [from.length === 1 ? tensor(from[0]) : from.map(tensor)], kwargs: {} }],
});
const uniform = (minval: number, maxval: number) => layer('RandomUniform', { minval, maxval });
const dense = { units: 3, bias_initializer: uniform(-1, 1) };
const normalization = {
  gamma_initializer: uniform(0.5, 2),
  beta_initializer: uniform(-1, 1),
  moving_mean_initializer: uniform(-1, 1),
  moving_variance_initializer: uniform(0.5, 2),
};

/** Its layers are not in Keras' order and have no modules; it has models within, and layers that are not trained. */
const BY_HAND: object = {
  layers: [
    node('Dense', 'last', ['sum'], dense),
    node('Add', 'sum', ['near', 'far'], {}),
    node('Dense', 'near', ['in'], dense),
    node('Dense', 'far', ['within'], dense),
    node('Sequential', 'within', ['in'], {
      layers: [
        layer('TimeDistributed', {
          name: 'each',
          layer: layer('Dense', { ...dense, name: 'frozen', trainable: false }),
        }),
        layer('BatchNormalization', { name: 'norm', ...normalization }),
        layer('GRU', { units: 3, return_sequences: true, name: 'gru' }),
        layer('Dense', { ...dense, name: 'head' }),
      ],
    }),
    { ...layer('InputLayer', { batch_shape: [null, null, 3] }), name: 'in', inbound_nodes: [] },
  ],
  input_layers: ['in', 0, 0],
  output_layers: ['last', 0, 0],
};

const byHand: NetworkCase = {
  name: 'by_hand',
  inputs: { shape: [2, 4, 3], data: Array.from({ length: 24 }, (_, k) => Math.fround(Math.sin(k))) },
  tolerance: 4e-6,
  make: (app) => make(app, '/v1/cells', { id: 'by_hand', class_name: 'Functional', config: BY_HAND }),
};

/** From files of Keras whose graph computes the masks itself. */
function masked([name, { inputs }]: [string, { readonly inputs: GoldenTensor }]): NetworkCase {
  const bytes = () => readFileSync(new URL(`../golden/masked_files/${name}.keras`, import.meta.url));
  return {
    ...{ name, inputs: asRequest(inputs), tolerance: 4e-6 },
    make: (app) => postFile(app, KERAS, bytes(), `?id=${name}`),
  };
}

const MASKED = readGolden<Record<string, { inputs: GoldenTensor }>>('masked_files/expected.json');

export const NETWORKS: readonly NetworkCase[] = [
  ...readGolden<{ cases: Golden[] }>('networks/cases.json').cases.map(golden),
  ...Object.entries(MASKED)
    // It has a mask that no layer makes, and is refused.
    .filter(([name]) => name !== 'own_mask')
    .map(masked),
  byHand,
];
