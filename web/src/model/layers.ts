import type { Cell, Config, Tensor } from '../api/types.ts';
import { rows } from '../numbers/numbers.ts';

export type Kind = 'simple' | 'gru' | 'lstm';

/** Blocks of columns of the kernels, in Keras' order. */
export const GATES: Readonly<Record<Kind, readonly string[]>> = {
  simple: ['h'],
  gru: ['z', 'r', 'hh'],
  lstm: ['i', 'f', 'c', 'o'],
};

/** One recurrent layer of a cell, as the diagram draws it. */
export interface Layer {
  readonly kind: Kind;
  /** What the names of its variables and of its trace begin with: '' or 'cells.0.'. */
  readonly prefix: string;
  readonly units: number;
  readonly activation: string;
  readonly recurrentActivation: string;
  readonly useBias: boolean;
  readonly resetAfter: boolean;
  /** Which of the cell's states are its own: [h] or [h, c]. */
  readonly states: readonly number[];
}

/** Weights of a layer: kernel [features][gates · units], recurrent [units][gates · units], bias, no, one or two rows. */
export interface LayerWeights {
  readonly kernel: number[][];
  readonly recurrent: number[][];
  readonly bias: number[][];
}

const KINDS: Readonly<Record<string, Kind>> = {
  SimpleRNN: 'simple',
  SimpleRNNCell: 'simple',
  GRU: 'gru',
  GRUCell: 'gru',
  LSTM: 'lstm',
  LSTMCell: 'lstm',
};

/** The layers of a Keras cell or of a layer over one; empty where the page can't draw it (it lists states alone then). */
export function layersOf(cell: Pick<Cell, 'framework' | 'class_name' | 'config'>): Layer[] {
  if (cell.framework !== 'keras') return [];
  const layers: Layer[] = [];
  return collect(cell.class_name, cell.config, '', layers) ? layers : [];
}

function collect(className: string, config: Config, prefix: string, layers: Layer[]): boolean {
  const kind = KINDS[className];
  if (kind) {
    layers.push(layerOf(kind, config, prefix, layers.flatMap(({ states }) => states).length));
    return true;
  }
  if (className === 'RNN') {
    const inner = serialized(config.cell);
    // Keras names the variables of the cell in an RNN layer without a prefix of its own, those of a list as a stack.
    return inner !== undefined && collect(inner.class_name, inner.config, prefix, layers);
  }
  if (className !== 'StackedRNNCells' || !Array.isArray(config.cells)) return false;
  return config.cells.every((item, i) => {
    const inner = serialized(item);
    return inner !== undefined && collect(inner.class_name, inner.config, `${prefix}cells.${i}.`, layers);
  });
}

function layerOf(kind: Kind, config: Config, prefix: string, firstState: number): Layer {
  return {
    kind,
    prefix,
    units: Number(config.units),
    activation: functionName(config.activation),
    recurrentActivation: kind === 'simple' ? '' : functionName(config.recurrent_activation),
    useBias: config.use_bias !== false,
    resetAfter: kind === 'gru' && config.reset_after !== false,
    states: kind === 'lstm' ? [firstState, firstState + 1] : [firstState],
  };
}

interface Serialized {
  readonly class_name: string;
  readonly config: Config;
}

function serialized(value: unknown): Serialized | undefined {
  return typeof value === 'object' && value !== null && 'class_name' in value ? (value as Serialized) : undefined;
}

function functionName(identifier: unknown): string {
  if (identifier === null || identifier === undefined) return 'linear';
  if (typeof identifier === 'string') return identifier;
  const { class_name, config } = identifier as { class_name: string; config: unknown };
  return typeof config === 'string' ? config : class_name;
}

export function layerWeights(layer: Layer, weights: Readonly<Record<string, Tensor>>): LayerWeights | undefined {
  const kernel = weights[`${layer.prefix}kernel`];
  const recurrent = weights[`${layer.prefix}recurrent_kernel`];
  if (kernel === undefined || recurrent === undefined) return undefined;
  const bias = layer.useBias ? weights[`${layer.prefix}bias`] : undefined;
  return { kernel: rows(kernel), recurrent: rows(recurrent), bias: bias === undefined ? [] : rows(bias) };
}
