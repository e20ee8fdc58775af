import type { NamedTensors, WholeLayer } from '../../domain/files.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { type Dtype, type Shape, sameShape, type Tensor } from '../../domain/tensor.ts';
import { encodeElements } from '../elements.ts';
import { INPUTS } from './reader.ts';
import { ATTRIBUTE, ATTRIBUTE_TYPE, DATA_TYPE, GRAPH, MODEL, NODE, OPSET, TENSOR } from './wire.ts';
import {
  bytes,
  type Dimension,
  encoded,
  float,
  integer,
  message,
  nested,
  text,
  valueInfo,
  type Write,
} from './write-messages.ts';

const OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  RNN: ['Y', 'Y_h'],
  GRU: ['Y', 'Y_h'],
  LSTM: ['Y', 'Y_h', 'Y_c'],
};

const ATTRIBUTES: Readonly<Record<string, keyof typeof ATTRIBUTE_TYPE>> = {
  activation_alpha: 'floats',
  activation_beta: 'floats',
  activations: 'strings',
  clip: 'float',
  direction: 'string',
  hidden_size: 'int',
  input_forget: 'int',
  layout: 'int',
  linear_before_reset: 'int',
};

const DATA_TYPES: Partial<Readonly<Record<Dtype, number>>> = {
  float16: DATA_TYPE.float16,
  float32: DATA_TYPE.float,
  float64: DATA_TYPE.double,
  bfloat16: DATA_TYPE.bfloat16,
};

/**
 * A model of one node: inputs X and initial_h (and initial_c), outputs Y and Y_h (and Y_c), weights as initializers. Opset
 * 14, the first with `layout`; bfloat16 needs 22. The same input gives the same bytes.
 * @throws {RangeError} if the layer is not an RNN, GRU or LSTM node with W and R of one float dtype and known attributes
 */
export function writeOnnx(layer: WholeLayer): Uint8Array {
  const { name, className, config, weights } = layer;
  const [W, R] = ['W', 'R'].map((weight) => weights.get(weight));
  const inputs = INPUTS[className];
  if (!inputs || !W || !R) throw new RangeError(`'${name}' is not an RNN, GRU or LSTM node with W and R`);
  const elemType = elementTypeOf(name, weights);
  const bfloat16 = W.dtype === 'bfloat16';
  const used = inputs.map((input) =>
    weights.has(input) || input === 'X' || input.startsWith('initial_') ? input : '',
  );
  while (used.at(-1) === '') used.pop();
  const dimensions = dimensionsOf(W.shape, R.shape, config.layout === 1);
  const info = (value: string): Write => valueInfo(value, elemType, dimensions[value] ?? dimensions.state);
  const graph: Write = message([
    nested(GRAPH.node, node(name, className, used, config)),
    text(GRAPH.name, name),
    ...[...weights].map(([weight, tensor]) => nested(GRAPH.initializer, initializer(weight, elemType, tensor))),
    ...used.filter((input) => input !== '' && !weights.has(input)).map((input) => nested(GRAPH.input, info(input))),
    ...OUTPUTS[className].map((output) => nested(GRAPH.output, info(output))),
  ]);
  const model = message([
    integer(MODEL.irVersion, bfloat16 ? 10 : 8),
    text(MODEL.producerName, 'cellstep'),
    nested(MODEL.graph, graph),
    nested(MODEL.opsetImport, integer(OPSET.version, bfloat16 ? 22 : 14)),
  ]);
  return encoded(model);
}

function elementTypeOf(name: string, weights: NamedTensors): number {
  const types = new Set([...weights.values()].map(({ dtype }) => DATA_TYPES[dtype]));
  const [type] = types;
  if (types.size !== 1 || type === undefined)
    throw new RangeError(`the weights of '${name}' are not of one float dtype`);
  return type;
}

function dimensionsOf(W: Shape, R: Shape, batchFirst: boolean): Readonly<Record<string, readonly Dimension[]>> {
  const [directions, , hidden] = R;
  if (W.length !== 3 || R.length !== 3 || !sameShape(W.slice(0, 2), R.slice(0, 2)))
    throw new RangeError('W and R do not belong together');
  const order = <Item>(time: Item, batch: Item): Item[] => (batchFirst ? [batch, time] : [time, batch]);
  return {
    X: [...order('seq_length', 'batch_size'), W[2]],
    Y: batchFirst ? ['batch_size', 'seq_length', directions, hidden] : ['seq_length', directions, 'batch_size', hidden],
    state: [...order<Dimension>(directions, 'batch_size'), hidden],
  };
}

function node(name: string, opType: string, inputs: readonly string[], config: JsonObject): Write {
  return message([
    ...inputs.map((input) => text(NODE.input, input)),
    ...OUTPUTS[opType].map((output) => text(NODE.output, output)),
    text(NODE.name, name),
    text(NODE.opType, opType),
    ...Object.entries(config)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => nested(NODE.attribute, attribute(key, value))),
  ]);
}

function attribute(name: string, value: Json): Write {
  const type = ATTRIBUTES[name];
  if (!Object.hasOwn(ATTRIBUTES, name)) throw new RangeError(`a recurrent node has no attribute '${name}'`);
  const items = Array.isArray(value) ? value : [value];
  const field = {
    float: ATTRIBUTE.f,
    int: ATTRIBUTE.i,
    string: ATTRIBUTE.s,
    floats: ATTRIBUTE.floats,
    strings: ATTRIBUTE.strings,
  } as const;
  const write = (item: Json): Write => {
    if (type === 'float' && typeof item === 'number') return float(field.float, item);
    if (type === 'floats' && typeof item === 'number') return float(field.floats, item);
    if (type === 'int' && typeof item === 'number') return integer(field.int, item);
    if (type === 'string' && typeof item === 'string') return text(field.string, item);
    if (type === 'strings' && typeof item === 'string') return text(field.strings, item);
    throw new RangeError(`the attribute '${name}' cannot be ${JSON.stringify(value)}`);
  };
  return message([text(ATTRIBUTE.name, name), ...items.map(write), integer(ATTRIBUTE.type, ATTRIBUTE_TYPE[type])]);
}

function initializer(name: string, elemType: number, tensor: Tensor): Write {
  const raw = encodeElements(tensor);
  return message([
    ...tensor.shape.map((extent) => integer(TENSOR.dims, extent)),
    integer(TENSOR.dataType, elemType),
    text(TENSOR.name, name),
    bytes(TENSOR.rawData, raw),
  ]);
}
