import type { JsonObject } from '../../../domain/json.ts';
import type { RunProgram, StepProgram } from '../../../domain/program.ts';
import { type ParsedBidirectional, parseBidirectional } from '../bidirectional-config.ts';
import { partOf } from '../cell-part.ts';
import { type CellBudget, type ParsedLayer, parseRnn } from '../composite-config.ts';
import { directionOf } from '../direction.ts';
import type { FieldOptions } from '../fields.ts';
import { parseCellLayer } from '../parse-layer.ts';
import { type Part, under, within } from '../parts.ts';
import {
  type DefinedRecurrent,
  featuresOf,
  type LayerSource,
  misfit,
  type Signal,
  unsupported,
} from './layer-class.ts';

type ParsedRecurrent = ParsedLayer | ParsedBidirectional;
type ParseRecurrent = (
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
) => ParsedRecurrent;

/** The recurrent layers, which are read as they are on their own. */
export const RECURRENT_LAYERS: Readonly<Record<string, ParseRecurrent>> = {
  SimpleRNN: (config, pointer, options) => parseCellLayer('SimpleRNN', config, pointer, options),
  GRU: (config, pointer, options) => parseCellLayer('GRU', config, pointer, options),
  LSTM: (config, pointer, options) => parseCellLayer('LSTM', config, pointer, options),
  RNN: parseRnn,
  Bidirectional: parseBidirectional,
};

/**
 * A recurrent layer within a network.
 * @throws {Problem} unsupported-layer if it has several outputs, wrong-shape if its input is not a sequence
 */
export function defineRecurrent(source: LayerSource, parsed: ParsedRecurrent, input: Signal): DefinedRecurrent {
  const layer = parsed.kind === 'bidirectional' ? parsed.forwardLayer : parsed;
  if (layer.returnState)
    throw unsupported(source, 'return_state', 'with return_state it has several outputs. Send false.');
  if (!input.time || input.mapped || input.dims.length !== 1) {
    throw misfit(
      source,
      `its input has ${input.time && !input.mapped ? `${input.dims.length + 2} axes` : 'no time axis'}; it takes [batch, time, features].`,
    );
  }
  const { returnSequences, zeroOutputForMask } = layer;
  const features = featuresOf(source, input);
  const output = (width: number): Signal => ({
    ...input,
    time: returnSequences,
    steps: returnSequences ? input.steps : null,
    dims: [width],
    dtype: parsed.policy.computeDtype,
    masked: input.masked && returnSequences,
  });
  const common = {
    kind: 'recurrent',
    mask: { kind: returnSequences ? 'pass' : 'drop' },
    returnSequences,
    zeroOutputForMask,
  } as const;
  if (parsed.kind === 'layer') {
    const part = partOf(parsed.cell);
    return {
      ...common,
      output: output(part.outputWidth),
      ahead: parsed.goBackwards,
      variables: part.variables(features),
      parts: [{ prefix: '', part }],
      program: (weights) => runOf(parsed, part.program(features, weights)),
    };
  }
  return { ...common, ...twoWays(source, parsed, features, output) };
}

function runOf(layer: ParsedLayer, cell: StepProgram): RunProgram {
  return { kind: 'run', computeDtype: layer.policy.computeDtype, cell, goBackwards: layer.goBackwards };
}

function twoWays(
  source: LayerSource,
  parsed: ParsedBidirectional,
  features: number,
  output: (width: number) => Signal,
) {
  const { forwardLayer, backwardLayer, mergeMode, policy } = parsed;
  if (mergeMode === null)
    throw unsupported(source, 'merge_mode', 'with merge_mode null it has two outputs. Send "concat".');
  const parts = [
    { prefix: 'forward_layer', part: partOf(forwardLayer.cell) },
    { prefix: 'backward_layer', part: partOf(backwardLayer.cell) },
  ];
  const [forward, backward] = parts.map(({ part }) => part);
  return {
    output: output(forward.outputWidth + (mergeMode === 'concat' ? backward.outputWidth : 0)),
    ahead: true,
    variables: parts.flatMap(({ prefix, part }) =>
      part.variables(features).map((spec) => ({ ...spec, name: `${prefix}.${spec.name}` })),
    ),
    parts,
    program: (weights: Parameters<DefinedRecurrent['program']>[0]) => ({
      kind: 'bidirectional' as const,
      computeDtype: policy.computeDtype,
      forward: directionOf(forwardLayer, forward.program(features, within('forward_layer', weights))),
      backward: directionOf(backwardLayer, backward.program(features, within('backward_layer', weights))),
      merge: mergeMode,
    }),
  };
}

/** The names of a part's states within its layer. */
export function stateNamesOf({ prefix, part }: { readonly prefix: string; readonly part: Part }): string[] {
  return prefix === '' ? [...part.stateNames] : under(prefix, part.stateNames);
}
