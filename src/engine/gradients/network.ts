import { NETWORK_INPUT, type NetworkNode, type NetworkProgram, nodeStateWidths } from '../../domain/network.ts';
import type { GradientRequest, SequenceRequest } from '../../domain/ports.ts';
import { sequenceCells } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { trainingAfter } from '../../domain/training.ts';
import { drawsOf } from '../draws.ts';
import { maskAfter } from '../networks/masks.ts';
import { differentiableLayer } from './layer.ts';
import { type Flowing, type NetworkSums, type NodePass, type SpecialNodes, turnsOf } from './node.ts';
import { differentiableRecurrent } from './recurrent.ts';

/** The whole way forwards, and the way back from d/d output, which yields after each layer. */
export interface NetworkPass {
  readonly output: Flowing;
  readonly passes: readonly NodePass[];
  /** d/d inputs and d/d states. */
  pull(
    gradient: FloatArray,
    sums: NetworkSums,
  ): Generator<void, { readonly inputs: FloatArray; readonly states: readonly FloatArray[] }>;
}

/** A network that a batch goes through layer by layer, in float64 and unrounded, and back. Yields after each layer. */
export function differentiableNetwork(
  program: NetworkProgram,
  special?: SpecialNodes,
): (request: SequenceRequest) => Generator<void, NetworkPass> {
  const nodes = positions(program.nodes, special);
  return function* (request) {
    const { batch, time, inputs, states, mask, training } = request;
    const running = !program.time && request.returnSequences === true;
    const input: Flowing = { values: Float64Array.from(inputs), time, ...(mask ? { mask } : {}) };
    const flows: Flowing[] = [];
    const at = (k: number) => (k === NETWORK_INPUT ? input : flows[k]);
    const passes: NodePass[] = [];
    for (const { node, differentiable, state, states: count, draw } of nodes) {
      const given = node.inputs.map(at);
      const own = states.slice(state, state + count).map((values) => Float64Array.from(values));
      const call = { batch, inputs: given, states: own, running, training: trainingAfter(training, draw) };
      const pass = yield* turnsOf(differentiable.forward(call));
      const masked = maskAfter(node.mask, given, batch * given[0].time);
      flows.push({ values: pass.values, time: pass.time, ...(masked ? { mask: masked } : {}) });
      passes.push(pass);
      yield;
    }
    return {
      output: at(program.output),
      passes,
      *pull(gradient, sums) {
        const back = new Map<number, FloatArray>([[program.output, gradient]]);
        const of = (k: number) => back.get(k) ?? new Float64Array(at(k).values.length);
        const stateGradients: FloatArray[] = states.map(({ length }) => new Float64Array(length));
        for (let k = nodes.length - 1; k >= 0; k--) {
          const { node, state } = nodes[k];
          const pulled = yield* turnsOf(passes[k].pull(of(k), sums));
          for (const [n, from] of node.inputs.entries()) {
            const before = back.get(from);
            back.set(from, before ? sumOf(before, pulled.inputs[n]) : pulled.inputs[n]);
          }
          for (const [n, own] of pulled.states.entries()) stateGradients[state + n] = own;
          yield;
        }
        return { inputs: of(NETWORK_INPUT), states: stateGradients };
      },
    };
  };
}

/** Each node with the places of its first state, cell, layer and draw among those of the whole network. */
function positions(nodes: readonly NetworkNode[], special?: SpecialNodes) {
  let [state, cell, layer, draw] = [0, 0, 0, 0];
  return nodes.map((node) => {
    const { work } = node;
    const states = nodeStateWidths(node).length;
    const differentiable =
      special?.(node, { cell, layer }) ??
      (work.kind === 'layer' ? differentiableLayer(node, work.layer, layer) : differentiableRecurrent(work, cell));
    const placed = { node, differentiable, state, states, draw };
    state += states;
    draw += drawsOf(node);
    if (work.kind === 'layer') layer++;
    else cell += sequenceCells(work.sequence).length;
    return placed;
  });
}

/** A fresh array: a node may hand on what it got. */
function sumOf(a: FloatArray, b: FloatArray): Float64Array {
  const sum = new Float64Array(a);
  for (let i = 0; i < sum.length; i++) sum[i] += b[i];
  return sum;
}

/** Where the cotangents of a request go: into the whole output, or its last steps. */
export function outputGradient(
  { batch, cotangents: [cotangent], returnSequences }: GradientRequest,
  output: Flowing,
): FloatArray {
  const { values, time } = output;
  if (returnSequences || time === 1) return cotangent;
  const gradient = new Float64Array(values.length);
  const width = batch > 0 ? cotangent.length / batch : 0;
  for (let row = 0; row < batch && time > 0; row++) {
    gradient.set(cotangent.subarray(row * width, (row + 1) * width), ((row + 1) * time - 1) * width);
  }
  return gradient;
}
