import type { CellDefinition, SequenceDefaults, StateGroup, VariableSpec } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import { oncePerWeights } from '../../domain/once-per-weights.ts';

import type { RunProgram } from '../../domain/program.ts';
import type { Shape } from '../../domain/tensor.ts';
import type { ParsedBidirectional } from './bidirectional-config.ts';
import { type KerasConfigOptions, type ParsedKeras, parseKerasConfig } from './cell-config.ts';
import { type AnyCell, partOf } from './cell-part.ts';
import { directionOf } from './direction.ts';
import { type NetworkOptions, networkClass } from './networks/network-config.ts';
import { kerasNetwork } from './networks/network-definition.ts';
import { type Part, prefixed, under, within } from './parts.ts';

/** A request decides for a cell; nothing is fixed. */
const CELL_DEFAULTS: SequenceDefaults = {
  returnSequences: true,
  goBackwards: false,
  zeroOutputForMask: false,
  fixed: [],
};

/**
 * The definition of any recurrent class of Keras, or of a network of layers, from its config.
 * @throws {Problem} as parseKerasConfig
 */
export function* kerasCell(
  className: string,
  config: JsonObject,
  options: KerasConfigOptions & Pick<NetworkOptions, 'inputShape'>,
): Generator<void, CellDefinition> {
  const network = networkClass(className);
  if (network) return yield* kerasNetwork(network, config, options);
  const parsed = parseKerasConfig(className, config, options);
  switch (parsed.kind) {
    case 'cell':
    case 'stack':
      return oneDirection(parsed, parsed, CELL_DEFAULTS);
    case 'layer':
      return oneDirection(parsed, parsed.cell, { ...parsed, fixed: [] });
    case 'bidirectional':
      return twoDirections(parsed);
  }
}

function base(parsed: ParsedKeras) {
  const { className, config, policy } = parsed;
  return {
    framework: 'keras',
    className,
    config,
    variableDtype: policy.variableDtype,
    computeDtype: policy.computeDtype,
    layout: { timeMajor: false },
  };
}

function groups(names: readonly string[], parts: readonly Part[]): StateGroup[] {
  const dtypes = parts.flatMap(({ stateDtypes }) => stateDtypes);
  const widths = parts.flatMap(({ stateWidths }) => stateWidths);
  return widths.map((width, i) => ({ name: names[i], members: [i], width, dtype: dtypes[i] }));
}

function oneDirection(parsed: ParsedKeras, cell: AnyCell, sequenceDefaults: SequenceDefaults): CellDefinition {
  const part = partOf(cell);
  const step = oncePerWeights(part.program);
  const { computeDtype } = parsed.policy;
  // A layer rounds its outputs to its own dtype, a stack does not.
  const outputDtype = parsed.kind === 'layer' ? computeDtype : part.outputDtype;
  return {
    ...base(parsed),
    stateWidths: part.stateWidths,
    stateGroups: groups(part.stateNames, [part]),
    outputWidth: part.outputWidth,
    outputDtype,
    outputIsState: part.outputState,
    sequenceDefaults,
    arithmetics: part.arithmetics,
    dropouts: part.dropouts,
    variables: part.variables,
    featuresOf: (shapes) => featuresOf(shapes, part.firstKernel),
    step,
    gradients: ({ cells }) => part.gradients(cells),
    sequence: (features, weights, goBackwards): RunProgram => {
      return { kind: 'run', computeDtype, outputDtype, cell: step(features, weights), goBackwards };
    },
  };
}

const [FORWARD, BACKWARD] = ['forward_layer', 'backward_layer'];

/** Both layers by their names in the config; a single step makes no sense, as one direction starts at the end. */
function twoDirections(parsed: ParsedBidirectional): CellDefinition {
  const { forwardLayer, backwardLayer, mergeMode } = parsed;
  const [forward, backward] = [partOf(forwardLayer.cell), partOf(backwardLayer.cell)];
  const widths = [...forward.stateWidths, ...backward.stateWidths];
  const names = [...under(FORWARD, forward.stateNames), ...under(BACKWARD, backward.stateNames)];
  const { computeDtype } = parsed.policy;
  const { returnSequences } = forwardLayer;
  const variables = (features: number): VariableSpec[] => [
    ...forward.variables(features).map((spec) => ({ ...spec, name: `${FORWARD}.${spec.name}` })),
    ...backward.variables(features).map((spec) => ({ ...spec, name: `${BACKWARD}.${spec.name}` })),
  ];
  return {
    ...base(parsed),
    stateWidths: widths,
    stateGroups: groups(names, [forward, backward]),
    ...(mergeMode === null ? { outputWidths: [forward.outputWidth, backward.outputWidth] } : {}),
    outputWidth: forward.outputWidth + (mergeMode === 'concat' ? backward.outputWidth : 0),
    outputDtype: computeDtype,
    outputIsState: null,
    // Keras forces zero_output_for_mask to return_sequences, and the two directions are what the class is.
    sequenceDefaults: {
      returnSequences,
      goBackwards: false,
      fixed: ['go_backwards', 'zero_output_for_mask'],
    },
    arithmetics: [...forward.arithmetics, ...backward.arithmetics],
    dropouts: [...forward.dropouts, ...backward.dropouts],
    variables,
    featuresOf: (shapes) => featuresOf(shapes, `${FORWARD}.${forward.firstKernel}`),
    gradients: ({ cells }) => ({
      ...prefixed(FORWARD, forward.gradients(cells.slice(0, forward.cellCount))),
      ...prefixed(BACKWARD, backward.gradients(cells.slice(forward.cellCount))),
    }),
    sequence: oncePerWeights((features, weights) => ({
      kind: 'bidirectional',
      computeDtype,
      forward: directionOf(forwardLayer, forward.program(features, within(FORWARD, weights))),
      backward: directionOf(backwardLayer, backward.program(features, within(BACKWARD, weights))),
      merge: mergeMode,
    })),
  };
}

function featuresOf(shapes: Readonly<Record<string, Shape>>, name: string): number | undefined {
  const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  return shape?.length === 2 ? shape[0] : undefined;
}
