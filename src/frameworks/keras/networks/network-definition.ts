import type { CellDefinition, StateGroup, VariableSpec, Weights } from '../../../domain/cell-definition.ts';
import type { JsonObject } from '../../../domain/json.ts';
import { KERNEL_LAYERS, reachBack, streams } from '../../../domain/layers.ts';
import type { NetworkNode, NetworkProgram } from '../../../domain/network.ts';
import { outputSteps, type StepsNode, stepsOfNodes } from '../../../domain/network-steps.ts';
import { oncePerWeights } from '../../../domain/once-per-weights.ts';
import type { CellArithmetic, Dropout } from '../../../domain/program.ts';
import { type FloatArray, sizeOf } from '../../../domain/tensor.ts';
import { weightArray } from '../../../domain/weight-array.ts';
import { stateNamesOf } from '../layers/recurrent-layers.ts';
import { prefixed } from '../parts.ts';
import { type NetworkClass, type NetworkOptions, parseNetwork } from './network-config.ts';
import type { PlacedLayer } from './network-layers.ts';

/** The cost of a layer besides its weights, in multiply-adds. */
const LAYER_WORK = 500;
const RECURRENT_WORK = 2_000;

/**
 * The definition of a Sequential or Functional model of Keras from its config: a cell whose states are the states of its
 * layers.
 * @throws {Problem} as parseNetwork
 */
export function* kerasNetwork(
  className: NetworkClass,
  config: JsonObject,
  options: NetworkOptions,
): Generator<void, CellDefinition> {
  const network = yield* parseNetwork(className, config, options);
  const { layers, input, output } = network;
  const states = layers.flatMap(statesOf);
  const ahead = layers.filter(({ defined }) => defined.ahead);
  const specs = layers.flatMap(variablesOf);
  const program = oncePerWeights(
    (_, weights): NetworkProgram => ({
      kind: 'network',
      computeDtype: input.dtype,
      inputWidth: sizeOf(input.dims),
      nodes: layers.map((layer) => nodeOf(layer, weights)),
      output: output.index,
      time: output.signal.time,
    }),
  );
  return {
    framework: 'keras',
    className,
    config: network.config,
    variableDtype: 'float32',
    computeDtype: input.dtype,
    inputDims: input.dims,
    stateWidths: states.map(({ width }) => width),
    stateGroups: states.map((state, k): StateGroup => ({ ...state, members: [k] })),
    outputWidth: sizeOf(output.signal.dims),
    outputDims: output.signal.dims,
    outputDtype: output.signal.dtype,
    // Without a time axis a sequence gives an output at each step.
    outputSteps: (time) => (output.signal.time ? outputSteps(layers.map(stepsNodeOf), output.index, time) : time),
    layerNumbers: (time) => layerNumbers(layers, time),
    outputIsState: null,
    fixedInputShape: network.inputShape,
    layout: { timeMajor: false },
    sequenceDefaults: {
      returnSequences: output.signal.time,
      goBackwards: false,
      fixed: ['go_backwards', 'zero_output_for_mask', ...(ahead.length > 0 ? (['return_sequences'] as const) : [])],
    },
    stepWork: layers.reduce((sum, layer) => sum + workOf(layer), 0),
    ...(ahead.length > 0 && input.steps !== null ? { fixedSteps: input.steps } : {}),
    arithmetics: layers.flatMap(arithmeticsOf),
    dropouts: layers.flatMap(dropoutsOf),
    variables: () => specs,
    featuresOf: () => undefined,
    step: ahead.length === 0 ? program : undefined,
    looksAhead: ahead.map(({ name, className: own }) => `'${name}' (${own})`),
    sequence: (features, weights) => program(features, weights),
    statistics: ({ statistics = [] }) => statisticsOf(layers, statistics),
    gradients: ({ cells, layers: sums = [] }) => gradientsOf(layers, cells, sums),
  };
}

function nodeOf(layer: PlacedLayer, weights: Weights): NetworkNode {
  const { name, inputs, defined, activity } = layer;
  const { output, mask } = defined;
  const own = ownWeights(layer, weights);
  const common = {
    name,
    inputs,
    dtype: output.dtype,
    time: output.time,
    width: sizeOf(output.dims),
    mask,
    ...(activity ? { activity } : {}),
  };
  if (defined.kind === 'recurrent') {
    const { returnSequences, zeroOutputForMask } = defined;
    return {
      ...common,
      work: { kind: 'recurrent', sequence: defined.program(own), returnSequences, zeroOutputForMask },
    };
  }
  const arrays = Object.fromEntries(
    defined.variables
      .filter(({ dtype }) => dtype !== 'int64')
      .map((spec) => [spec.name, weightArray(own, spec.name, spec.shape, defined.arrayDtype)]),
  );
  return { ...common, work: { kind: 'layer', layer: defined.program(arrays) } };
}

/** By their names inside the layer. Each is looked up: a network has a thousand layers, and thousands of weights. */
function ownWeights({ name, defined }: PlacedLayer, weights: Weights): Weights {
  const own = defined.variables.map((spec) => [spec.name, weights[`${name}.${spec.name}`]] as const);
  return Object.fromEntries(own.filter(([, weight]) => weight !== undefined));
}

function stepsNodeOf({ inputs, defined }: PlacedLayer): StepsNode {
  const { time } = defined.output;
  return { inputs, time, ...(defined.kind === 'layer' ? { layer: defined.program({}) } : {}) };
}

/** What each layer gives, and the windows that it gathers before. */
function layerNumbers(layers: readonly PlacedLayer[], time: number): number {
  const steps = stepsOfNodes(layers.map(stepsNodeOf), time);
  return layers.reduce((sum, { defined }, k) => {
    const { window, inputWidths } =
      defined.kind === 'layer' ? defined.program({}) : { window: undefined, inputWidths: [0] };
    const gathered = window ? (reachBack(window) + 1) * inputWidths[0] : 0;
    return sum + steps[k] * (sizeOf(defined.output.dims) + gathered);
  }, 0);
}

function variablesOf({ name, trainable, defined }: PlacedLayer): VariableSpec[] {
  return defined.variables.map((spec) => ({
    ...spec,
    name: `${name}.${spec.name}`,
    trainable: trainable && spec.trainable,
  }));
}

function statesOf({ name, defined }: PlacedLayer): Omit<StateGroup, 'members'>[] {
  if (defined.kind === 'recurrent') {
    return defined.parts.flatMap((entry) => {
      const names = stateNamesOf(entry);
      const { stateWidths, stateDtypes } = entry.part;
      return stateWidths.map((width, k) => ({ name: `${name}.${names[k]}`, width, dtype: stateDtypes[k] }));
    });
  }
  const { window, inputWidths, computeDtype } = defined.program({});
  if (!window || !streams(window) || reachBack(window) === 0) return [];
  return [{ name: `${name}.inputs`, width: reachBack(window) * inputWidths[0], dtype: computeDtype }];
}

/** Multiply-adds of a row of a step: one for each weight. An Embedding counts one row only. */
function workOf({ defined }: PlacedLayer): number {
  const width = sizeOf(defined.output.dims);
  if (defined.kind === 'layer' && defined.program({}).kind === 'embedding') return width;
  const own = defined.kind === 'layer' ? LAYER_WORK : RECURRENT_WORK;
  return defined.variables.reduce((sum, { shape }) => sum + sizeOf(shape), width + own);
}

/** The activations of its cells and of layers with a kernel. Other layers are always computed in float64. */
function arithmeticsOf({ defined }: PlacedLayer): readonly CellArithmetic[] {
  if (defined.kind === 'recurrent') return defined.parts.flatMap(({ part }) => part.arithmetics);
  const { kind, computeDtype } = defined.program({});
  return KERNEL_LAYERS.includes(kind) ? [{ computeDtype, activations: [] }] : [];
}

function dropoutsOf({ defined }: PlacedLayer): readonly Dropout[] {
  if (defined.kind === 'recurrent') return defined.parts.flatMap(({ part }) => part.dropouts);
  const layer = defined.program({});
  if (layer.kind === 'dropout' || layer.kind === 'gaussian_dropout') {
    return [{ inputs: layer.params.rate, recurrent: 0, seed: layer.params.seed }];
  }
  return layer.kind === 'gaussian_noise'
    ? [{ inputs: layer.params.stddev, recurrent: 0, seed: layer.params.seed }]
    : [];
}

/** By variable, from the new statistics of the program's layers that are not cells, in order. */
function statisticsOf(
  layers: readonly PlacedLayer[],
  statistics: readonly Readonly<Record<string, FloatArray>>[],
): Record<string, FloatArray> {
  const plain = layers.filter(({ defined }) => defined.kind === 'layer');
  return Object.assign({}, ...plain.map(({ name }, k) => prefixed(name, statistics[k] ?? {})));
}

/** By variable, from the gradients of the program's cells and other layers, each in order. */
function gradientsOf(
  layers: readonly PlacedLayer[],
  cells: Parameters<CellDefinition['gradients']>[0]['cells'],
  sums: readonly Readonly<Record<string, FloatArray>>[],
): Record<string, FloatArray> {
  let cell = 0;
  let layer = 0;
  const named = layers.map(({ name, defined }) => {
    if (defined.kind === 'layer') {
      const own = sums[layer++] ?? {};
      const trained = defined.variables.filter((spec) => spec.trainable && Object.hasOwn(own, spec.name));
      return prefixed(name, Object.fromEntries(trained.map((spec) => [spec.name, own[spec.name]])));
    }
    const own = defined.parts.map(({ prefix, part }) => {
      const gradients = part.gradients(cells.slice(cell, cell + part.cellCount));
      cell += part.cellCount;
      return prefix === '' ? gradients : prefixed(prefix, gradients);
    });
    return prefixed(name, Object.assign({}, ...own));
  });
  return Object.assign({}, ...named);
}
