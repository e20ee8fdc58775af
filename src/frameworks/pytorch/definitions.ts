import type { CellDefinition, SequenceDefaults, StateGroup, Weights } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import { oncePerWeights } from '../../domain/once-per-weights.ts';
import type { RunProgram, SequenceProgram, StepProgram } from '../../domain/program.ts';
import { RELU, SIGMOID, TANH } from '../../domain/standard-activations.ts';
import { type ParsedModule, parseModule } from './arguments.ts';
import { cellGradients, cellProgram, cellVariables, hiddenWidth, type ModuleCell } from './cell-program.ts';
import { pytorchTraceName } from './trace-names.ts';

export interface PytorchOptions {
  readonly maxUnits: number;
}

/** torch.nn's layers give every output, forward, and zeros past the end of a packed sequence. */
const LAYER_DEFAULTS: SequenceDefaults = {
  returnSequences: true,
  goBackwards: false,
  zeroOutputForMask: true,
  fixed: ['return_sequences', 'go_backwards', 'zero_output_for_mask', 'time_major'],
};

/** torch.nn's cells have no sequences of their own: a request decides. */
const CELL_DEFAULTS: SequenceDefaults = { ...LAYER_DEFAULTS, fixed: [] };

/**
 * The definition of RNNCell, GRUCell, LSTMCell, RNN, GRU or LSTM of torch.nn; `config` are the constructor's arguments.
 * The states of a layer are h (and c) [layers·directions, batch, width], in the order l0, l0_reverse, l1 …; h has the
 * width proj_size where there is one. Dropout between layers does nothing in evaluation and is left out.
 * @throws {Problem} as parseModule
 */
export function pytorchCell(className: string, config: JsonObject, { maxUnits }: PytorchOptions): CellDefinition {
  const module = parseModule(className, config, maxUnits);
  const { kind, layered, values, dtype } = module;
  const layers = cellsOf(module);
  const cells = layers.flat();
  const state = kind === 'lstm' ? [hiddenWidth(module), values.hidden_size] : [values.hidden_size];
  const weightIh = `weight_ih${cells[0].suffix}`;
  const base = {
    framework: 'pytorch',
    className,
    config: module.config,
    variableDtype: dtype,
    computeDtype: dtype,
    // The activations of torch.nn's cells: tanh, sigmoid or relu.
    arithmetics: cells.map(() => ({ computeDtype: dtype, activations: [TANH, SIGMOID, RELU] })),
    stateWidths: cells.flatMap(() => state),
    stateGroups: stateGroups(module, state, cells.length),
    outputWidth: hiddenWidth(module) * module.directions,
    outputDtype: dtype,
    outputIsState: layered ? null : 0,
    fixedFeatures: values.input_size,
    layout: { timeMajor: layered && !values.batch_first },
    sequenceDefaults: layered ? LAYER_DEFAULTS : CELL_DEFAULTS,
    variables: () => cells.flatMap((cell) => cellVariables(module, cell)),
    featuresOf: (shapes) => {
      const shape = Object.hasOwn(shapes, weightIh) ? shapes[weightIh] : undefined;
      return shape?.length === 2 ? shape[1] : undefined;
    },
    traceName: pytorchTraceName,
    gradients: ({ cells: all }) => Object.assign({}, ...cells.map((cell, k) => cellGradients(module, cell, all[k]))),
  } satisfies Partial<CellDefinition>;
  if (module.directions === 2) {
    return { ...base, sequence: oncePerWeights((_features, weights) => twoDirections(module, layers, weights)) };
  }
  const step = oncePerWeights((_features, weights) => oneDirection(module, cells, weights));
  const sequence = (features: number, weights: Weights, goBackwards: boolean): RunProgram => {
    return { kind: 'run', computeDtype: dtype, cell: step(features, weights), goBackwards: goBackwards && !layered };
  };
  return { ...base, step, sequence };
}

/** The cells of each layer; of a layer above the first, the features are the outputs of both directions below it. */
export function cellsOf(module: ParsedModule): ModuleCell[][] {
  const { layered, directions, values } = module;
  const reverse = directions === 2 ? ['', '_reverse'] : [''];
  return Array.from({ length: values.num_layers }, (_, layer) => {
    const features = layer === 0 ? values.input_size : hiddenWidth(module) * directions;
    return reverse.map((suffix) => ({ suffix: layered ? `_l${layer}${suffix}` : '', features }));
  });
}

/** h of every cell together, then c of every cell together; a single step's cell shows them as they are. */
function stateGroups({ dtype, layered }: ParsedModule, widths: readonly number[], cells: number): StateGroup[] {
  return widths.map((width, k) => {
    const members = Array.from({ length: cells }, (_, cell) => cell * widths.length + k);
    const group = { name: ['h', 'c'][k], members, width, dtype };
    return layered ? { ...group, stackAxis: 0 } : group;
  });
}

function oneDirection(module: ParsedModule, cells: readonly ModuleCell[], weights: Weights): StepProgram {
  const programs = cells.map((cell) => cellProgram(module, cell, weights));
  if (programs.length === 1) return programs[0];
  return {
    kind: 'stack',
    computeDtype: module.dtype,
    names: cells.map((_, layer) => `l${layer}`),
    cells: programs,
  };
}

function twoDirections(module: ParsedModule, layers: readonly ModuleCell[][], weights: Weights): SequenceProgram {
  const computeDtype = module.dtype;
  const run = (cell: ModuleCell, goBackwards: boolean): RunProgram => {
    return { kind: 'run', computeDtype, cell: cellProgram(module, cell, weights), goBackwards };
  };
  const programs = layers.map(([forward, backward]): SequenceProgram => {
    const sides = { forward: run(forward, false), backward: run(backward, true) };
    return { kind: 'bidirectional', computeDtype, ...sides, merge: 'concat' };
  });
  return programs.length === 1 ? programs[0] : { kind: 'chain', computeDtype, layers: programs };
}
