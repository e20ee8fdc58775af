import {
  NETWORK_INPUT,
  type NetworkNode,
  type NetworkProgram,
  networkWidth,
  nodeStateWidths,
} from '../../domain/network.ts';
import type { GateTrace, PreparedCell, SequenceRequest, SequenceResult, StepResult } from '../../domain/ports.ts';
import { allocate, type FloatArray } from '../../domain/tensor.ts';
import { trainingAfter } from '../../domain/training.ts';
import { atOnce } from '../../threads/in-turns.ts';
import { convert } from '../convert.ts';
import { drawsOf } from '../draws.ts';
import { type SlicedSequence, sliced } from '../sliced.ts';
import { maskAfter } from './masks.ts';
import { type NodeParts, type NodeResult, prepareNode } from './network-node.ts';
import type { NetworkCall, Signal } from './signals.ts';

interface Flow {
  readonly output: Signal;
  readonly states: FloatArray[];
}

/**
 * A network, layer by layer over all steps at once; a step is a sequence of one. What a layer gives for a step does not depend
 * on the steps and rows beside it, so a sequence has the same bits as its steps.
 */
export function prepareNetwork(program: NetworkProgram, parts: NodeParts): PreparedCell & SlicedSequence {
  const { nodes, computeDtype } = program;
  const runs = nodes.map((node, k) => {
    const states = nodeStateWidths(node).length;
    const drawn = nodes.slice(0, k).reduce((sum, before) => sum + drawsOf(before), 0);
    return { node, run: prepareNode(node, parts), states, drawn };
  });

  function* flow(input: Signal, states: readonly FloatArray[], call: NetworkCall): Generator<void, Flow> {
    const signals: Signal[] = [];
    const next: FloatArray[] = [];
    for (const { node, run, states: count, drawn } of runs) {
      const inputs = node.inputs.map((k) => (k === NETWORK_INPUT ? input : signals[k]));
      const own = states.slice(next.length, next.length + count);
      const result = yield* run(inputs, own, { ...call, training: trainingAfter(call.training, drawn) });
      next.push(...result.states);
      signals.push(signalOf(node, result, inputs, call));
    }
    return { output: program.output === NETWORK_INPUT ? input : signals[program.output], states: next };
  }

  function* slices(request: SequenceRequest): Generator<void, SequenceResult> {
    const { inputs, batch, time, states, mask, trace } = request;
    const gates: GateTrace[] = [];
    const running = !program.time && request.returnSequences === true;
    const call = { batch, time, running, training: request.training, ...(trace ? { trace: gates } : {}) };
    const input = { values: convert(inputs, computeDtype), dtype: computeDtype, time, mask };
    const { output, states: next } = yield* flow(input, states, call);
    const sequence = program.time || running;
    return {
      sequences: sequence ? [output.values] : [],
      last: [sequence ? lastSteps(output, batch, networkWidth(program)) : output.values],
      states: next,
      ...(trace ? { trace: gates } : {}),
    };
  }

  return {
    ...sliced(slices),
    step(inputs, states, batch, { trace = false, training } = {}): StepResult {
      const gates: GateTrace[] = [];
      const call = { batch, time: 1, running: true, training, ...(trace ? { trace: gates } : {}) };
      const input = { values: convert(inputs, computeDtype), dtype: computeDtype, time: 1 };
      const { output, states: next } = atOnce(flow(input, states, call));
      return { output: output.values, states: next, ...(trace ? { trace: gates } : {}) };
    },
  };
}

function signalOf(
  node: NetworkNode,
  { values, time }: NodeResult,
  inputs: readonly Signal[],
  { batch }: NetworkCall,
): Signal {
  const { dtype, mask: rule } = node;
  const mask = maskAfter(rule, inputs, batch * inputs[0].time);
  return { values, dtype, time, ...(mask ? { mask } : {}) };
}

/** [:, -1, :] of [batch, time, width]; zeros if there are no steps. */
function lastSteps({ values, dtype, time }: Signal, batch: number, width: number): FloatArray {
  if (time === 1) return values;
  const last = allocate(dtype, batch * width) as FloatArray;
  for (let row = 0; row < batch && time > 0; row++) {
    const from = ((row + 1) * time - 1) * width;
    last.set(values.subarray(from, from + width), row * width);
  }
  return last;
}
