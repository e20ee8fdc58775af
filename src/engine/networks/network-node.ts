import { layerTraining } from '../../cells/layers/layer-training.ts';
import { type AnyLayer, streams } from '../../domain/layers.ts';
import type { LayerWork, NetworkNode, RecurrentWork } from '../../domain/network.ts';
import { layerSteps, workedSteps } from '../../domain/network-steps.ts';
import type { PreparedCell } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import {
  type RunProgram,
  type SequenceProgram,
  type StepProgram,
  stateWidths,
  stepCells,
} from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { convert, narrow } from '../convert.ts';
import type { SlicedSequence } from '../sliced.ts';
import { type LayerOutput, masksOf } from './layer.ts';
import type { SlicedLayer } from './layer-slices.ts';
import type { NetworkCall, Signal } from './signals.ts';
import { gatherWindows, nextHistory } from './windows.ts';

/** What an engine makes ready of a network. */
export interface NodeParts {
  prepareStep(program: StepProgram): PreparedCell;
  prepareSequence(program: SequenceProgram): SlicedSequence;
  prepareLayer(layer: AnyLayer): SlicedLayer;
}

/** What a node gives: [batch, time, width], time 1 where it has one value for a whole sequence; and its next states. */
export interface NodeResult {
  readonly values: FloatArray;
  readonly time: number;
  readonly states: readonly FloatArray[];
}

export type NodeRun = (
  inputs: readonly Signal[],
  states: readonly FloatArray[],
  call: NetworkCall,
) => Generator<void, NodeResult>;

export function prepareNode(node: NetworkNode, parts: NodeParts): NodeRun {
  const { work } = node;
  if (work.kind === 'recurrent') return prepareRecurrent(node, work, parts);
  return work.layer.window ? prepareWindow(node, work, parts) : preparePlain(node, work, parts);
}

/** A layer over steps on their own, or over all steps of a row. */
function preparePlain(node: NetworkNode, { layer }: LayerWork, parts: NodeParts): NodeRun {
  const prepared = parts.prepareLayer(layer);
  const train = layerTraining(layer);
  return function* (inputs, _, call) {
    const { batch, training } = call;
    const given = inputs.map(({ values }) => convert(values, layer.computeDtype));
    const time = stepsOf(node, layer, inputs);
    if (training && train) {
      const [{ mask }] = inputs;
      const { output } = train({
        input: Float64Array.from(given[0]),
        batch,
        time,
        ...(mask ? { mask } : {}),
        seed: training.seed,
      });
      const after = narrow(output, layer.computeDtype);
      keepTrace(node, { after }, time, call);
      return { values: after, time, states: [] };
    }
    const whole = layer.reach === 'sequence';
    const masks = masksOf(node, layer, inputs);
    const units = whole
      ? { count: batch, time, mask: inputs[0].mask, ...masks }
      : { count: batch * time, time: 1, ...masks };
    const output = yield* prepared(given, units, call.trace !== undefined);
    const steps = node.time
      ? layerSteps(
          layer,
          inputs.map((input) => input.time),
        )
      : whole
        ? 1
        : time;
    keepTrace(node, output, steps, call);
    return { values: output.after, time: steps, states: [] };
  };
}

/** The number of steps that a layer works on. All its inputs with a time axis must have as many. @throws {Problem} wrong-shape */
function stepsOf({ name }: NetworkNode, layer: AnyLayer, inputs: readonly Signal[]): number {
  const time = workedSteps(
    layer,
    inputs.map((input) => input.time),
  );
  const free = layer.kind === 'concatenate' && layer.reach === 'sequence';
  const odd = inputs.findIndex(
    (input, k) => input.time !== time && !(layer.kind === 'merge' && layer.params.inputs[k].repeated),
  );
  if (odd < 0 || free) return time;
  const detail = `Layer '${name}' gets inputs of ${time} and ${inputs[odd].time} steps, which do not fit together.`;
  throw new Problem('wrong-shape', detail);
}

/** A layer over a window of steps; a causal one keeps the steps that its window still needs. */
function prepareWindow(node: NetworkNode, { layer }: LayerWork, parts: NodeParts): NodeRun {
  const prepared = parts.prepareLayer(layer);
  const window = layer.window!;
  const [width] = layer.inputWidths;
  return function* ([input], [history], call) {
    const { batch } = call;
    const { computeDtype } = layer;
    const steps = { values: convert(input.values, computeDtype), batch, time: input.time, width };
    const { windows, count } = gatherWindows(window, computeDtype, steps, history);
    const output = yield* prepared([windows], { count: batch * count, time: 1 }, call.trace !== undefined);
    keepTrace(node, output, count, call);
    const states = history && streams(window) ? [nextHistory(window, computeDtype, steps, history)] : [];
    return { values: output.after, time: count, states };
  };
}

function keepTrace(
  { name, dtype, width, time }: NetworkNode,
  { after, before = after }: LayerOutput,
  steps: number,
  call: NetworkCall,
): void {
  call.trace?.push({ name, dtype, width, before, after, ...stepsOfTrace(steps, time, call) });
}

/** Told where they are not those of the inputs. */
function stepsOfTrace(steps: number, time: boolean, call: NetworkCall): { steps?: number | null } {
  if (steps === call.time) return {};
  return { steps: time ? steps : null };
}

/** A recurrent layer. Masked steps repeat its state h, which in a session is the output of the step before. */
function prepareRecurrent(node: NetworkNode, work: RecurrentWork, parts: NodeParts): NodeRun {
  const { sequence, returnSequences, zeroOutputForMask } = work;
  const prepared = parts.prepareSequence(sequence);
  const single = sequence.kind === 'run' ? singleStep(sequence, parts) : undefined;
  const { computeDtype } = sequence;
  return function* ([input], states, call) {
    const { batch, running, training } = call;
    const { time, mask } = input;
    const inputs = convert(input.values, computeDtype);
    const trace = call.trace !== undefined;
    if (single && time === 1 && running && !mask) {
      const result = single(inputs, states, batch, { trace, training });
      const values = convert(result.output, node.dtype);
      for (const gate of result.trace ?? []) call.trace?.push({ ...gate, name: `${node.name}.${gate.name}` });
      keepTrace(node, { after: values }, 1, call);
      return { values, time: 1, states: result.states };
    }
    const carries = mask && sequence.kind === 'run' && !sequence.goBackwards;
    const previous = carries ? convert(states[outputState(sequence.cell)], node.dtype) : undefined;
    const request = { inputs, batch, time, states, mask, zeroOutputForMask, previous, trace, training };
    const result = yield* prepared.slices(request);
    const whole = returnSequences || running;
    const values = convert(whole ? result.sequences[0] : result.last[0], node.dtype);
    const gateSteps = stepsOfTrace(time, true, call);
    for (const gate of result.trace ?? [])
      call.trace?.push({ ...gate, ...gateSteps, name: `${node.name}.${gate.name}` });
    keepTrace(node, { after: values }, whole ? time : 1, call);
    return { values, time: whole ? time : 1, states: result.states };
  };
}

/** One step of a layer's cell, which may have another dtype than the layer. */
function singleStep({ cell }: RunProgram, parts: NodeParts): PreparedCell['step'] {
  const { step } = parts.prepareStep(cell);
  return (inputs, ...rest) => step(convert(inputs, cell.computeDtype), ...rest);
}

/** Index of the state that a step's output is. */
function outputState(cell: StepProgram): number {
  const top = stepCells(cell).at(-1)!;
  return stateWidths(cell).length - stateWidths(top).length;
}
