import type { Cell, StepReply, Tensor } from '../api/types.ts';
import { rows } from '../numbers/numbers.ts';
import type { Kind, Layer, LayerWeights } from './layers.ts';

/** Where a layer of PyTorch or ONNX has its weights. */
export interface Source {
  readonly framework: 'pytorch' | 'onnx';
  /** What the names of its variables end with in PyTorch: '' or '_l0_reverse'. */
  readonly suffix: string;
  /** Which of the directions it is in ONNX' arrays. */
  readonly direction: number;
}

/** The gates by Keras' names, as the blocks of rows of the framework's weights have them. */
const BLOCKS: Readonly<Record<Source['framework'], Readonly<Record<Kind, readonly string[]>>>> = {
  pytorch: { simple: ['h'], gru: ['r', 'z', 'hh'], lstm: ['i', 'f', 'c', 'o'] },
  onnx: { simple: ['h'], gru: ['z', 'r', 'hh'], lstm: ['i', 'o', 'f', 'c'] },
};
/** Names in a trace that are others than Keras'. */
const TRACED: Readonly<Record<Source['framework'], Readonly<Record<Kind, Readonly<Record<string, string>>>>>> = {
  pytorch: { simple: {}, gru: { n: 'hh' }, lstm: { g: 'c', c: 'new_c' } },
  onnx: { simple: {}, gru: { h: 'hh' }, lstm: { C: 'new_c' } },
};
const CLASSES: Readonly<Record<string, Kind>> = {
  RNN: 'simple',
  RNNCell: 'simple',
  GRU: 'gru',
  GRUCell: 'gru',
  LSTM: 'lstm',
  LSTMCell: 'lstm',
};

type Described = Pick<Cell, 'framework' | 'class_name' | 'config'>;

/** The layers of a cell of PyTorch or ONNX, each direction by itself; empty for other classes. */
export function foreignLayers(cell: Described): Layer[] {
  const kind = CLASSES[cell.class_name];
  if (!kind) return [];
  return cell.framework === 'pytorch' ? pytorchLayers(cell, kind) : onnxLayers(cell, kind);
}

function pytorchLayers({ class_name, config }: Described, kind: Kind): Layer[] {
  const isCell = class_name.endsWith('Cell');
  const count = isCell ? 1 : Number(config.num_layers);
  const ways = config.bidirectional ? ['', '_reverse'] : [''];
  const names = Array.from({ length: count }, (_, l) => ways.map((way) => ({ l, way }))).flat();
  return names.map(({ l, way }, place) => ({
    kind,
    className: class_name,
    prefix: names.length === 1 ? '' : `l${l}${way}.`,
    units: Number(config.hidden_size),
    activation: kind === 'simple' ? String(config.nonlinearity) : 'tanh',
    recurrentActivation: kind === 'simple' ? '' : 'sigmoid',
    useBias: config.bias !== false,
    twoBiases: true,
    resetAfter: kind === 'gru',
    states: statesAt(kind, place),
    candidate: { simple: '', gru: 'n', lstm: 'g' }[kind],
    projected: Number(config.proj_size ?? 0) > 0,
    source: { framework: 'pytorch', suffix: isCell ? '' : `_l${l}${way}`, direction: 0 },
  }));
}

function onnxLayers({ class_name, config }: Described, kind: Kind): Layer[] {
  const ways = config.direction === 'bidirectional' ? 2 : 1;
  const functions = config.activations as string[];
  const each = functions.length / ways;
  return Array.from({ length: ways }, (_, direction) => {
    const own = functions.slice(direction * each, (direction + 1) * each).map(functionName);
    return {
      kind,
      className: class_name,
      prefix: ways === 1 ? '' : direction === 0 ? 'forward.' : 'reverse.',
      units: Number(config.hidden_size),
      activation: kind === 'simple' ? own[0] : own[1],
      recurrentActivation: kind === 'simple' ? '' : own[0],
      outputActivation: own[2],
      useBias: true,
      twoBiases: true,
      resetAfter: kind === 'gru' && config.linear_before_reset === 1,
      states: statesAt(kind, direction),
      clipped: config.clip !== null && config.clip !== undefined,
      coupled: config.input_forget === 1,
      source: { framework: 'onnx', suffix: '', direction },
    };
  });
}

/** As Keras writes it: `HardSigmoid` is `hard_sigmoid`. */
function functionName(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}

function statesAt(kind: Kind, place: number): number[] {
  return kind === 'lstm' ? [2 * place, 2 * place + 1] : [place];
}

/** Whether a variable of the cell is one of the layer. */
export function isOwn(layer: Layer, name: string): boolean {
  if (layer.source?.framework === 'onnx') return true;
  if (layer.source) return name === `${name.split('_l')[0]}${layer.source.suffix}`;
  return name.startsWith(layer.prefix);
}

/** The rows of a variable that are the layer's: ONNX has all directions in one array. */
export function ownRows(layer: Layer, value: Tensor): number[][] {
  return rows(layer.source?.framework === 'onnx' ? (value as Tensor[])[layer.source.direction] : value);
}

/** The weights of a layer in Keras' layout, for its formula. */
export function foreignWeights(layer: Layer, weights: Readonly<Record<string, Tensor>>): LayerWeights | undefined {
  const source = layer.source!;
  const isTorch = source.framework === 'pytorch';
  const read = (torch: string, onnx: string) => {
    const value = weights[isTorch ? `${torch}${source.suffix}` : onnx];
    return value === undefined ? undefined : ownRows(layer, value);
  };
  const kernel = read('weight_ih', 'W');
  const recurrent = read('weight_hh', 'R');
  if (!kernel || !recurrent) return undefined;
  const inOrder = (blocks: readonly (readonly number[])[]) => reordered(layer, blocks);
  const halves = isTorch
    ? [read('bias_ih', ''), read('bias_hh', '')].flatMap((bias) => bias ?? [])
    : halved(read('', 'B')?.[0] ?? []);
  return {
    kernel: transposed(inOrder(kernel)),
    recurrent: transposed(inOrder(recurrent)),
    bias: halves.map((bias) => inOrder(bias.map((value) => [value])).flat()),
    ...(weights.P && !isTorch ? { peepholes: inThree(ownRows(layer, weights.P)[0]) } : {}),
    ...(layer.projected ? { projection: read('weight_hr', '') ?? [] } : {}),
  };
}

/** Blocks of rows in Keras' order of the gates. */
function reordered(layer: Layer, all: readonly (readonly number[])[]): (readonly number[])[] {
  const kind = layer.kind as Kind;
  const blocks = BLOCKS[layer.source!.framework][kind];
  const keras = { simple: ['h'], gru: ['z', 'r', 'hh'], lstm: ['i', 'f', 'c', 'o'] }[kind];
  return keras.flatMap((gate) => {
    const from = blocks.indexOf(gate) * layer.units;
    return all.slice(from, from + layer.units);
  });
}

/** The gates of a layer's rows, in the framework's own order. */
export function blocksOf(layer: Layer): readonly string[] {
  return BLOCKS[layer.source!.framework][layer.kind as Kind];
}

function transposed(values: readonly (readonly number[])[]): number[][] {
  return (values[0] ?? []).map((_, column) => values.map((row) => row[column]));
}

function halved(values: readonly number[]): (readonly number[])[] {
  const middle = values.length / 2;
  return values.length === 0 ? [] : [values.slice(0, middle), values.slice(middle)];
}

function inThree(values: readonly number[]): Readonly<Record<'i' | 'o' | 'f', readonly number[]>> {
  const units = values.length / 3;
  const [i, o, f] = [0, 1, 2].map((block) => values.slice(block * units, (block + 1) * units));
  return { i, o, f };
}

/** The states of one row as a list of vectors, in the order that the layers name them by. */
export function statesOfRow(
  shapes: Cell['state_shapes'] | undefined,
  states: readonly Tensor[],
  row: number,
): number[][] {
  const stacked = shapes?.[0]?.length === 3;
  if (!stacked) return states.map((state) => rows(state)[row] ?? []);
  const batchFirst = shapes[0][0] === null;
  const all = states as readonly Tensor[][][];
  const places = batchFirst ? (all[0][row]?.length ?? 0) : all[0].length;
  return Array.from({ length: places }, (_, place) =>
    all.map((state) => rows((batchFirst ? state[row]?.[place] : state[place]?.[row]) ?? [])[0]),
  ).flat();
}

/** One row of a step's reply as Keras would have made it: a vector a state, gates by Keras' names. */
export function likeKeras(
  layers: readonly Layer[],
  shapes: Cell['state_shapes'] | undefined,
  reply: StepReply,
  row = 0,
): StepReply {
  const [first] = layers;
  const names = first?.source ? TRACED[first.source.framework][first.kind as Kind] : {};
  const own = (values: Tensor): Tensor => [(values as Tensor[])[row]];
  const trace = Object.entries(reply.trace ?? {}).map(([name, { before, after }]) => {
    const dot = name.lastIndexOf('.') + 1;
    const kerasName = name.slice(0, dot) + (names[name.slice(dot)] ?? name.slice(dot));
    return [kerasName, { before: own(before), after: own(after) }] as const;
  });
  return {
    ...reply,
    output: own(reply.output),
    states: statesOfRow(shapes, reply.states, row).map((state) => [state]),
    trace: Object.fromEntries(trace),
  };
}
