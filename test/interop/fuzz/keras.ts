import fc from 'fast-check';
import {
  type DrawnNetwork,
  functionalConfig,
  inputShape,
  networks,
  VOCABULARY,
} from '../../properties/networks/networks.ts';
import { type LayerCase, layerCases } from './keras-layers.ts';
import { difference, draw, drawMask, type Sent } from './numbers.ts';
import type { Made, Service } from './service.ts';
import type { Peers, Suite } from './suite.ts';

export type KerasCase = { readonly layer: LayerCase } | { readonly network: DrawnNetwork; readonly batch: number };

const networkCases = fc.record({ network: networks(['float32', 'float64']), batch: fc.integer({ min: 1, max: 4 }) });
export const kerasCases: fc.Arbitrary<KerasCase> = fc.oneof(
  layerCases.map((layer) => ({ layer })),
  networkCases,
);

/**
 * What float32 may make of a step, of a whole network, or float64 of either: TensorFlow has some parameters of activations in
 * float32 whatever it computes in.
 */
export const BOUNDS = { layer: 3e-5, network: 1e-3, float64: 1e-7 } as const;

export function boundOf(one: KerasCase): number {
  if ('layer' in one) return JSON.stringify(one.layer.body).includes('"float64"') ? BOUNDS.float64 : BOUNDS.layer;
  // What is within a layer has float32 of its own.
  const all64 = one.network.layers.every(({ config }) => {
    return config.dtype === 'float64' && !('cell' in config || 'layer' in config || 'layers' in config);
  });
  return all64 ? BOUNDS.float64 : BOUNDS.network;
}

/** Makes the layer's cell; what goes to it, and the same as a question to Python. */
export async function prepareLayer(service: Service, layer: LayerCase) {
  const { body, features, widths, batch, time, seed } = layer;
  const made = await service.make({ ...body, input_shape: [null, null, features].slice(isCell(body) ? 1 : 0) }, seed);
  const inputs = draw([batch, time, features], seed + 1, 1);
  const states = layer.carried ? widths.map((width, k) => draw([batch, width], seed + 2 + k, 1)) : null;
  const mask = layer.masked ? drawMask(batch, time, seed + 50) : null;
  return {
    made,
    sent: {
      inputs,
      ...(states ? { initial_state: states } : {}),
      ...(mask ? { mask } : {}),
      ...(isCell(body) ? { return_sequences: true } : {}),
    },
    question: { ...body, inputs, states, mask, weights: made.weights },
  };
}

const isCell = ({ class_name }: LayerCase['body']) => /Cells?$/.test(class_name);

/** The same for a network. */
export async function prepareNetwork(service: Service, network: DrawnNetwork, batch: number) {
  const { seed, steps, features, tokens, layers, dtype } = network;
  const made = await service.make({ class_name: 'Functional', config: functionalConfig(network) }, seed);
  const inputs = tokens ? drawTokens(batch, steps, seed) : draw([batch, steps, features], seed + 1, 1);
  return { made, sent: { inputs }, question: questionOf(network, made, inputs, { layers, dtype }) };
}

function questionOf(network: DrawnNetwork, { weights }: Made, inputs: Sent, rest: object) {
  const own = { ...rest, input_shape: inputShape(network), input_dtype: network.tokens ? 'int32' : network.dtype };
  return { ...own, inputs, weights };
}

function drawTokens(batch: number, steps: number, seed: number): Sent {
  const ids = Float32Array.from({ length: batch * steps }, (_, k) =>
    Math.floor(Math.abs(Math.sin(seed + k)) * VOCABULARY),
  );
  return { shape: [batch, steps], dtype: 'float32', base64: Buffer.from(ids.buffer).toString('base64') };
}

/**
 * On PyTorch Keras is faster, but multiplies matrices of float64 in float32, and repeats the last step where it pads for a mean
 * (on TensorFlow only the steps that are there count).
 */
export const PYTORCH_DIFFERS = /"float64"|"AveragePooling1D","name":"\w+","config":\{[^}]*"padding":"same"/;

async function check(one: KerasCase, { service, keras: tensorflow, torch }: Peers): Promise<void> {
  const { sent, question } =
    'layer' in one ? await prepareLayer(service, one.layer) : await prepareNetwork(service, one.network, one.batch);
  const kind = 'layer' in one ? 'keras_layer' : 'keras_network';
  const python = PYTORCH_DIFFERS.test(JSON.stringify(one)) ? tensorflow : torch;
  const wanted = await python.ask<Sent[]>({ kind, ...question });
  const got = await service.sequence(sent);
  // The states of a network stay within it in Keras.
  const compared = 'layer' in one ? got : got.slice(0, 1);
  const problem = difference(compared, wanted, boundOf(one));
  if (problem) throw new Error(problem);
}

export const keras: Suite<KerasCase> = { arbitrary: kerasCases, check };
