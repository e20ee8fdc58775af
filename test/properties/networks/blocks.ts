import type { Json, JsonObject } from '../../../src/domain/json.ts';
import { serialized } from '../arbitrary-cells.ts';

/** A layer of a drawn network by its class, and the layers whose outputs it takes. */
export interface DrawnLayer {
  readonly class_name: string;
  readonly name: string;
  readonly config: JsonObject;
  readonly from: readonly string[];
}

/** What a drawn network is at a layer: the width of its output, its steps (none: one vector for a sequence), its mask. */
export interface Place {
  readonly name: string;
  readonly width: number;
  readonly steps: number | undefined;
  readonly masked: boolean;
}

/** Numbers that a block of layers is made from: shrinking makes them smaller. */
export interface Choices {
  readonly block: number;
  readonly size: number;
  readonly option: number;
  readonly other: number;
  readonly flag: boolean;
}

interface Serialized {
  readonly class_name: string;
  readonly config: JsonObject;
}

const ACTIVATIONS = ['linear', 'tanh', 'relu', 'softmax', 'gelu', 'sigmoid', 'softsign', 'silu'] as const;
const MERGES = ['Add', 'Subtract', 'Multiply', 'Average', 'Maximum', 'Minimum', 'Concatenate'] as const;
const MERGE_MODES = ['concat', 'sum', 'ave', 'mul'] as const;

const of = <T>(list: readonly T[], number: number): T => list[number % list.length];
const units = ({ size }: Choices) => 1 + (size % 9);

function recurrent(choices: Choices, returnSequences: boolean): Serialized {
  const { option, other, flag } = choices;
  const shared = { units: units(choices), return_sequences: returnSequences, zero_output_for_mask: other % 4 === 3 };
  const odd: JsonObject = option % 5 === 4 ? { activation: 'softsign' } : {};
  const rest = { use_bias: other % 3 !== 2, ...odd };
  const className = of(['SimpleRNN', 'GRU', 'LSTM'], option);
  const reset: JsonObject = className === 'GRU' ? { reset_after: flag } : {};
  return { class_name: className, config: { ...shared, ...rest, ...reset } };
}

/** Layers of one input with as many steps and features after as before. */
const SAME: readonly ((choices: Choices, place: Place) => Serialized)[] = [
  ({ flag, other }) => layer('LayerNormalization', { center: flag, scale: other % 2 === 0 }),
  () => layer('RMSNormalization'),
  () => layer('UnitNormalization'),
  ({ flag, other }) => layer('BatchNormalization', { center: flag, scale: other % 2 === 0, trainable: other % 3 > 0 }),
  ({ flag }) => layer('Normalization', { axis: -1, invert: flag }),
  ({ flag }, { width }) => layer('Rescaling', { scale: flag ? 0.5 : Array(width).fill(0.7), offset: 0.25 }),
  ({ other }) => layer('Activation', { activation: of(ACTIVATIONS, other) }),
  ({ flag }) => layer('ReLU', flag ? { negative_slope: 0.1, max_value: 2 } : {}),
  ({ flag }) => layer(flag ? 'LeakyReLU' : 'ELU'),
  (_, { steps }) => layer('PReLU', steps === undefined ? {} : { shared_axes: [1] }),
  ({ flag, other }) =>
    layer(of(['Dropout', 'GaussianDropout'], other), { rate: 0.4, ...(flag ? { seed: 5 + other } : {}) }),
  ({ other }) => layer('GaussianNoise', { stddev: 0.3, ...(other % 2 === 0 ? { seed: other } : {}) }),
  () => layer('Identity'),
];

function layer(class_name: string, config: JsonObject = {}): Serialized {
  return { class_name, config };
}

/** Layers as they are drawn, one after another. A layer's dtype is that of the network, or now and then another. */
export class Builder {
  readonly layers: DrawnLayer[] = [];
  place: Place;
  private readonly dtypes: readonly string[];
  /** Whether the input says how many steps there are. */
  private readonly fixed: boolean;

  constructor(input: Place, dtypes: readonly string[], fixed: boolean) {
    this.place = input;
    this.dtypes = dtypes;
    this.fixed = fixed;
  }

  /** Adds a layer over places, and gives its own. */
  put({ class_name, config }: Serialized, from: readonly Place[], after: Partial<Place>): Place {
    const name = `n${this.layers.length}`;
    const dtype = this.dtypes[this.layers.length % this.dtypes.length];
    const own = { ...config, name, dtype } as JsonObject;
    this.layers.push({ class_name, name, config: own, from: from.map((place) => place.name) });
    return { ...from[0], ...after, name };
  }

  /** Adds what the choices say, or nothing where it does not fit here. */
  draw(choices: Choices): void {
    const block = of(this.place.steps === undefined ? VECTOR_BLOCKS : STEP_BLOCKS, choices.block);
    this.place = block(this, choices, this.place) ?? this.place;
  }

  get isFixed(): boolean {
    return this.fixed;
  }
}

type Block = (to: Builder, choices: Choices, at: Place) => Place | undefined;

const dense: Block = (to, choices, at) => {
  const config = { units: units(choices), activation: of(ACTIVATIONS, choices.option), use_bias: choices.flag };
  return to.put(layer('Dense', config), [at], { width: units(choices) });
};

const same: Block = (to, choices, at) => {
  const made = of(SAME, choices.option)(choices, at);
  // Keras passes no mask on from it.
  const after = made.class_name === 'RMSNormalization' ? { masked: false } : {};
  return to.put(made, [at], after);
};

const recurrentSteps: Block = (to, choices, at) => {
  const { class_name, config } = recurrent(choices, true);
  const backwards: JsonObject = choices.other % 7 === 6 ? { go_backwards: true } : {};
  return to.put({ class_name, config: { ...config, ...backwards } }, [at], { width: units(choices) });
};

const stack: Block = (to, choices, at) => {
  const cells = [serialized('GRUCell', { units: 3 }), serialized('LSTMCell', { units: units(choices) })];
  const made = serialized('StackedRNNCells', { cells }) as unknown as Json;
  return to.put(layer('RNN', { cell: made, return_sequences: true }), [at], { width: units(choices) });
};

function bidirectional(returnSequences: boolean): Block {
  return (to, choices, at) => {
    const merge = of(MERGE_MODES, choices.option >> 2);
    const inner = recurrent(choices, returnSequences);
    // Keras makes the layer within of its config alone, which then has a name.
    const within = { ...inner.config, name: `inner${to.layers.length}` };
    const config = { layer: serialized(inner.class_name, within) };
    const width = units(choices) * (merge === 'concat' ? 2 : 1);
    const after = returnSequences ? { width } : { width, steps: undefined, masked: false };
    return to.put(layer('Bidirectional', { ...(config as unknown as JsonObject), merge_mode: merge }), [at], after);
  };
}

const convolution: Block = (to, choices, at) => {
  const { option, other, flag } = choices;
  const kind = of(['Conv1D', 'Conv1D', 'DepthwiseConv1D', 'SeparableConv1D'], option >> 2);
  // Keras has causal padding for Conv1D alone.
  const paddings = kind === 'Conv1D' ? ['causal', 'same', 'valid', 'causal'] : ['same', 'valid'];
  const [taps, padding] = [1 + (other % 3), of(paddings, option)];
  const dilation = other % 5 === 4 ? 2 : 1;
  const stride = dilation === 1 && flag && padding !== 'causal' ? 2 : 1;
  const reach = dilation * (taps - 1) + 1;
  const before = at.steps ?? 0;
  const steps = padding === 'valid' ? Math.floor((before - reach) / stride) + 1 : Math.ceil(before / stride);
  if (steps < 1) return undefined;
  const config = { kernel_size: taps, padding, dilation_rate: dilation, strides: stride };
  const after = { steps, masked: false };
  const activation = of(ACTIVATIONS, choices.size);
  if (kind === 'DepthwiseConv1D') {
    const times = 1 + (other % 2);
    return to.put(layer(kind, { ...config, depth_multiplier: times, activation }), [at], {
      ...after,
      width: at.width * times,
    });
  }
  const groups = kind === 'Conv1D' && at.width % 2 === 0 && flag ? 2 : 1;
  const filters = units(choices) * groups;
  return to.put(layer(kind, { ...config, filters, activation, ...(groups > 1 ? { groups } : {}) }), [at], {
    ...after,
    width: filters,
  });
};

const pooling: Block = (to, choices, at) => {
  const { option, other, flag } = choices;
  const [size, stride] = [1 + (option % 3), 1 + (other % 2)];
  const before = at.steps ?? 0;
  const steps = flag ? Math.ceil(before / stride) : Math.floor((before - size) / stride) + 1;
  if (steps < 1) return undefined;
  const config = { pool_size: size, strides: stride, padding: flag ? 'same' : 'valid' };
  const kind = of(['MaxPooling1D', 'AveragePooling1D'], choices.size);
  return to.put(layer(kind, config), [at], { steps, masked: false });
};

const reshaping: Block = (to, { option, other, flag }, at) => {
  const before = at.steps ?? 0;
  const sides = [option % 2, other % 2];
  const sum = sides[0] + sides[1];
  switch (option % 4) {
    case 0:
      return to.put(layer('ZeroPadding1D', { padding: sides }), [at], { steps: before + sum, masked: false });
    case 1:
      if (before <= sum) return undefined;
      return to.put(layer('Cropping1D', { cropping: sides }), [at], { steps: before - sum, masked: false });
    case 2:
      return to.put(layer('UpSampling1D', { size: 2 }), [at], { steps: 2 * before, masked: false });
    default:
      if (!to.isFixed) return undefined;
      return flag
        ? to.put(layer('Permute', { dims: [2, 1] }), [at], { steps: at.width, width: before, masked: false })
        : to.put(layer('Reshape', { target_shape: [before * at.width, 1] }), [at], {
            steps: before * at.width,
            width: 1,
            masked: false,
          });
  }
};

const masking: Block = (to, _, at) => to.put(layer('Masking'), [at], { masked: true });

const softmax: Block = (to, _, at) => (at.masked ? undefined : to.put(layer('Softmax'), [at], {}));

const einsum: Block = (to, choices, at) => {
  const config = { equation: 'abc,cd->abd', output_shape: [null, units(choices)], bias_axes: 'd' };
  return to.put(layer('EinsumDense', config), [at], { width: units(choices), masked: false });
};

const distributed: Block = (to, choices, at) => {
  const inner = layer('Dense', { units: units(choices), activation: of(ACTIVATIONS, choices.option) });
  const named = serialized(inner.class_name, { ...inner.config, name: `inner${to.layers.length}` });
  return to.put(layer('TimeDistributed', { layer: named as unknown as Json }), [at], { width: units(choices) });
};

const spatial: Block = (to, _, at) => to.put(layer('SpatialDropout1D', { rate: 0.3 }), [at], {});

/** Two ways beside each other, brought together. */
const beside: Block = (to, choices, at) => {
  const merge = of(MERGES, choices.option);
  const width = merge === 'Concatenate' ? units(choices) : at.width;
  const other = choices.flag
    ? to.put(layer('Dense', { units: width, activation: 'tanh' }), [at], { width })
    : to.put(layer('GRU', { units: width, return_sequences: at.steps !== undefined }), [at], { width });
  const both = merge === 'Concatenate' ? at.width + width : width;
  return to.put(layer(merge), [at, other], { width: both });
};

/** One number for each step, or one vector for all steps, by which all others are multiplied. */
const weighted: Block = (to, { flag, option }, at) => {
  if (flag) {
    const gate = to.put(layer('Dense', { units: 1, activation: 'sigmoid' }), [at], { width: 1 });
    return to.put(layer('Multiply'), [at, gate], {});
  }
  const last = to.put(layer('GRU', { units: at.width }), [at], { steps: undefined, masked: false });
  // Keras needs as many axes in both; those of the one without time are filled up.
  const kind = of(['Add', 'Multiply', 'Maximum'], option);
  return to.put(layer(kind), [at, last], {});
};

const alongTime: Block = (to, _, at) => {
  if (at.masked || at.steps === undefined) return undefined;
  const other = to.put(layer('Dense', { units: at.width }), [at], {});
  return to.put(layer('Concatenate', { axis: 1 }), [at, other], { steps: 2 * at.steps });
};

/** A model within the model. */
const nested: Block = (to, choices, at) => {
  const shape = to.isFixed ? (at.steps ?? 0) : null;
  const layers = [
    serialized('InputLayer', { batch_shape: [null, shape, at.width] }),
    serialized('Dense', { units: 3, activation: 'tanh', name: 'first' }),
    serialized('GRU', { units: units(choices), return_sequences: true, name: 'second' }),
  ];
  return to.put(layer('Sequential', { layers: layers as unknown as Json }), [at], { width: units(choices) });
};

const lastOutput: Block = (to, choices, at) =>
  to.put(recurrent(choices, false), [at], { width: units(choices), steps: undefined, masked: false });

const twoLast: Block = (to, choices, at) => {
  const after = { steps: undefined, masked: false };
  const first = to.put(recurrent(choices, false), [at], { ...after, width: units(choices) });
  const second = to.put(layer('LSTM', { units: 2 }), [at], { ...after, width: 2 });
  return to.put(layer('Concatenate'), [first, second], { width: units(choices) + 2 });
};

const globalPooling: Block = (to, { flag }, at) =>
  to.put(layer(flag ? 'GlobalAveragePooling1D' : 'GlobalMaxPooling1D'), [at], { steps: undefined, masked: false });

const flatten: Block = (to, _, at) => {
  if (!to.isFixed || at.steps === undefined) return undefined;
  return to.put(layer('Flatten'), [at], { width: at.width * at.steps, steps: undefined, masked: false });
};

const repeat: Block = (to, { option }, at) =>
  to.put(layer('RepeatVector', { n: 1 + (option % 4) }), [at], {
    steps: 1 + (option % 4),
  });

/** The simplest first: shrinking goes there. */
const STEP_BLOCKS: readonly Block[] = [
  dense,
  recurrentSteps,
  same,
  same,
  masking,
  convolution,
  convolution,
  beside,
  stack,
  bidirectional(true),
  pooling,
  reshaping,
  spatial,
  softmax,
  einsum,
  distributed,
  weighted,
  alongTime,
  nested,
  lastOutput,
  bidirectional(false),
  twoLast,
  globalPooling,
  flatten,
];

const vectorBeside: Block = (to, choices, at) => beside(to, { ...choices, flag: true }, at);

const VECTOR_BLOCKS: readonly Block[] = [dense, same, repeat, vectorBeside];
