import type { Cell, Config, Tensor } from '../api/types.ts';
import { rows } from '../numbers/numbers.ts';
import { foreignLayers, foreignWeights, type Source } from './foreign.ts';

export type Kind = 'simple' | 'gru' | 'lstm';
/** What stands between recurrent layers in a network: Dense, and any other that the page knows by its output alone. */
export type LayerKind = Kind | 'dense' | 'other';

/** Blocks of columns of the kernels, in Keras' order. */
export const GATES: Readonly<Record<LayerKind, readonly string[]>> = {
  simple: ['h'],
  gru: ['z', 'r', 'hh'],
  lstm: ['i', 'f', 'c', 'o'],
  dense: [''],
  other: [],
};

/** One layer of a cell or of a network, as the diagram draws it. */
export interface Layer {
  readonly kind: LayerKind;
  /** Its class, as Keras calls it. */
  readonly className: string;
  /** What the names of its variables and of its trace begin with: '' or 'cells.0.'. */
  readonly prefix: string;
  readonly units: number;
  readonly activation: string;
  readonly recurrentActivation: string;
  readonly useBias: boolean;
  readonly resetAfter: boolean;
  /** Inputs and states have a bias each. */
  readonly twoBiases?: boolean;
  /** Of an LSTM's new memory, where it is not that of the candidate. */
  readonly outputActivation?: string;
  /** The framework's letter for the candidate. */
  readonly candidate?: string;
  /** Sums are clipped before their activation. */
  readonly clipped?: boolean;
  /** The forget gate is one minus the input gate. */
  readonly coupled?: boolean;
  /** Its gates see the memory. */
  readonly peepholes?: boolean;
  /** The new state is a projection. */
  readonly projected?: boolean;
  /** Where the weights are, in another framework than Keras. */
  readonly source?: Source;
  /** Which of the cell's states are its own: [h], [h, c] or none. */
  readonly states: readonly number[];
}

/** Weights of a layer: kernel [features][gates · units], recurrent [units][gates · units], bias, no, one or two rows. */
export interface LayerWeights {
  readonly kernel: number[][];
  readonly recurrent: number[][];
  readonly bias: number[][];
  /** Weights of the memory in the gates of an LSTM. */
  readonly peepholes?: Readonly<Record<'i' | 'o' | 'f', readonly number[]>>;
  /** [projected units][units] */
  readonly projection?: number[][];
}

const KINDS: Readonly<Record<string, Kind>> = {
  SimpleRNN: 'simple',
  SimpleRNNCell: 'simple',
  GRU: 'gru',
  GRUCell: 'gru',
  LSTM: 'lstm',
  LSTMCell: 'lstm',
};

/** The layers of a cell, layer or network; empty where the page can't draw it (it lists states alone then). */
export function layersOf(cell: Pick<Cell, 'framework' | 'class_name' | 'config' | 'state_names'>): Layer[] {
  if (NETWORKS.includes(cell.class_name)) return networkLayers(cell.config, cell.state_names ?? []);
  if (cell.framework !== 'keras') return foreignLayers(cell);
  return collect(cell.class_name, cell.config, '') ?? [];
}

const NETWORKS = ['Sequential', 'Functional'];

/** The cells in one another, numbered as their states are; undefined where one of them is not known. */
function collect(className: string, config: Config, prefix: string, firstState = 0): Layer[] | undefined {
  const kind = KINDS[className];
  if (kind) return [layerOf(kind, className, config, prefix, firstState)];
  if (className === 'RNN') {
    const inner = serialized(config.cell);
    return inner && collect(inner.class_name, inner.config, prefix, firstState);
  }
  if (className !== 'StackedRNNCells' || !Array.isArray(config.cells)) return undefined;
  const layers: Layer[] = [];
  for (const [i, item] of config.cells.entries()) {
    const inner = serialized(item);
    const states = layers.flatMap((layer) => layer.states).length;
    const found = inner && collect(inner.class_name, inner.config, `${prefix}cells.${i}.`, firstState + states);
    if (!found) return undefined;
    layers.push(...found);
  }
  return layers;
}

/** The layers of a network; names of states such as `gru.h` tell which are a layer's own. */
function networkLayers(config: Config, stateNames: readonly string[]): Layer[] {
  const layers = (config.layers as unknown[]).map(serialized).filter((layer) => layer !== undefined);
  return layers
    .filter(({ class_name }) => class_name !== 'InputLayer')
    .flatMap(({ class_name, config: own }) => {
      const prefix = `${own.name}.`;
      const firstState = stateNames.findIndex((name) => name.startsWith(prefix));
      const recurrent = firstState < 0 ? undefined : collect(class_name, own, prefix, firstState);
      return recurrent ?? [layerOf(class_name === 'Dense' ? 'dense' : 'other', class_name, own, prefix, -1)];
    });
}

function layerOf(kind: LayerKind, className: string, config: Config, prefix: string, firstState: number): Layer {
  const gated = kind === 'gru' || kind === 'lstm';
  const states = kind === 'lstm' ? [firstState, firstState + 1] : firstState < 0 ? [] : [firstState];
  return {
    kind,
    className,
    prefix,
    units: Number(config.units ?? 1),
    activation: functionName(config.activation),
    recurrentActivation: gated ? functionName(config.recurrent_activation) : '',
    useBias: config.use_bias !== false,
    resetAfter: kind === 'gru' && config.reset_after !== false,
    states,
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
  if (layer.source) return foreignWeights(layer, weights);
  const kernel = weights[`${layer.prefix}kernel`];
  const recurrent = weights[`${layer.prefix}recurrent_kernel`];
  if (kernel === undefined || (recurrent === undefined && layer.kind !== 'dense')) return undefined;
  const bias = layer.useBias ? weights[`${layer.prefix}bias`] : undefined;
  return {
    kernel: rows(kernel),
    recurrent: recurrent === undefined ? [] : rows(recurrent),
    bias: bias === undefined ? [] : rows(bias),
  };
}
