import { quote } from '../../domain/json.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { formatShape, fromFloat64, type Tensor, toFloat64 } from '../../domain/tensor.ts';
import { transpose } from '../gate-blocks.ts';
import { type ChainedLayer, type ChainPlace, kerasName, readOptions, unsupportedChain } from './chain-place.ts';

/** LayerNorm's; Keras has another one. torch/nn/modules/normalization.py. */
const LAYER_NORM_EPSILON = 1e-5;
const KNOWN = 'Embedding, Linear, LayerNorm, RNN, GRU, LSTM and their cells';

/**
 * Embedding, Linear or LayerNorm, by the shapes of `weight` and `bias`.
 * @throws {Problem} unsupported-layer for other tensors; invalid-value, ambiguous-file
 */
export function chainedStateless(place: ChainPlace): ChainedLayer {
  const { name, tensors } = place;
  const [weight, bias] = [tensors.get('weight'), tensors.get('bias')];
  const isRow = !bias || (bias.shape.length === 1 && bias.shape[0] === weight?.shape[0]);
  if (weight?.shape.length === 2 && isRow) {
    return isEmbedding(place, weight) ? embedding(place, weight) : linear(place, weight, bias);
  }
  if (weight?.shape.length === 1 && bias && isRow && tensors.size === 2) return layerNorm(place, weight, bias);
  const sent = [...tensors].slice(0, 8).map(([own, { shape }]) => `${own} ${formatShape(shape)}`);
  throw unsupportedChain(`The tensors of '${name}' (${sent.join(', ')}) belong to none of the known layers: ${KNOWN}.`);
}

/** weight [n, m] without bias: rows that tokens choose, or a product. An Embedding begins a network. */
function isEmbedding({ name, tensors, next, first, options }: ChainPlace, { shape: [rows, columns] }: Tensor): boolean {
  const { class_name: said } = options;
  const pointer = `?config.${name}.class_name`;
  if (said !== undefined) {
    if (said === 'Linear' || (said === 'Embedding' && first && !tensors.has('bias'))) return said === 'Embedding';
    const detail = `config.${name}.class_name is ${quote(said)}. Send "Linear", or "Embedding" for the first layer of a chain if it has no bias.`;
    throw fieldProblem('invalid-value', pointer, detail);
  }
  if (!first || tensors.has('bias')) return false;
  const taken = next && (next.get('weight_ih_l0') ?? next.get('weight_ih') ?? next.get('weight'))?.shape.at(-1);
  if (taken !== undefined && !(taken === rows && taken === columns)) return taken !== rows;
  const detail = `The file does not tell whether '${name}', weight ${formatShape([rows, columns])}, is an Embedding or a Linear without bias. Send ${pointer}="Embedding" or "Linear".`;
  throw fieldProblem('ambiguous-file', pointer, detail);
}

/** weight [tokens, width], as Keras has it. */
function embedding(place: ChainPlace, weight: Tensor): ChainedLayer {
  const [tokens, width] = weight.shape;
  const { class_name: _, ...options } = readOptions(place, { class_name: 'Embedding', mask_zero: false });
  return {
    ...layer(place, 'Embedding', { input_dim: tokens, output_dim: width, ...options }, { embeddings: weight }),
    taken: ['weight'],
    takes: 'tokens',
    gives: width,
  };
}

/** y = x·weightᵀ + bias, weight [out, in]; Keras' kernel is [in, out]. */
function linear(place: ChainPlace, weight: Tensor, bias: Tensor | undefined): ChainedLayer {
  const [units, features] = weight.shape;
  const { class_name: _, ...options } = readOptions(place, { class_name: 'Linear', activation: 'linear' });
  const kernel = fromFloat64(place.dtype, [features, units], transpose(toFloat64(weight), units, features));
  const config = { units, use_bias: bias !== undefined, ...options };
  return {
    ...layer(place, 'Dense', config, { kernel, ...(bias ? { bias } : {}) }),
    taken: ['weight', ...(bias ? ['bias'] : [])],
    takes: features,
    gives: units,
  };
}

function layerNorm(place: ChainPlace, gamma: Tensor, beta: Tensor): ChainedLayer {
  const [width] = gamma.shape;
  const options = readOptions(place, { epsilon: LAYER_NORM_EPSILON });
  return {
    ...layer(place, 'LayerNormalization', options, { gamma, beta }),
    taken: ['weight', 'bias'],
    takes: width,
    gives: width,
  };
}

function layer(
  { name, dtype }: ChainPlace,
  className: string,
  config: object,
  weights: Readonly<Record<string, Tensor>>,
): Pick<ChainedLayer, 'serialized' | 'weights'> {
  const own = kerasName(name);
  const named = Object.entries(weights).map(([variable, tensor]) => [`${own}.${variable}`, tensor] as const);
  return {
    serialized: [{ class_name: className, config: { name: own, dtype, ...config } }],
    weights: new Map(named),
  };
}
