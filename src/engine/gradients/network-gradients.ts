import { zeroSums } from '../../cells/step-gradient.ts';
import type { AnyLayer } from '../../domain/layers.ts';
import { cellsOf, layersOf, type NetworkProgram, nodeStateWidths } from '../../domain/network.ts';
import type { GradientRequest, GradientResult, SequenceRequest } from '../../domain/ports.ts';
import { stateDtypes } from '../../domain/program.ts';
import type { Dtype, FloatArray } from '../../domain/tensor.ts';
import { type Sliced, sliced } from '../sliced.ts';
import { gather, roundSums } from './gradients.ts';
import { differentiableNetwork, outputGradient } from './network.ts';
import type { Flowing, SpecialNodes } from './node.ts';

/** A network on its way forwards, and back: what losses and gradients are made from. Both yield now and then. */
export interface LearningPass {
  /** [batch, time, width], or [batch, width] where it has one output for a sequence; not rounded to its dtype. */
  readonly output: Flowing;
  /** From d/d output, of its size, to the gradients of everything. */
  pull(gradient: FloatArray): Generator<void, GradientResult>;
}

/** A network, ready for gradients. */
export interface LearningNetwork extends Sliced<GradientRequest, GradientResult> {
  forward(request: SequenceRequest): Generator<void, LearningPass>;
}

/**
 * Gradients of a network by reverse accumulation, layer by layer over the whole batch in float64; results are rounded once.
 * `special` computes some nodes in another way.
 * In training mode masks are drawn, and BatchNormalization takes the batch's statistics.
 * @throws {Problem} invalid-config for an activation that a cell can't have
 */
export function prepareNetworkGradients(program: NetworkProgram, special?: SpecialNodes): LearningNetwork {
  const forward = differentiableNetwork(program, special);
  const cells = cellsOf(program);
  const layers = layersOf(program);
  const dtypes = program.nodes.flatMap(dtypesOfStates);
  function* learning(request: SequenceRequest): Generator<void, LearningPass> {
    const pass = yield* forward(request);
    return {
      output: pass.output,
      *pull(gradient) {
        const sums = { cells: cells.map(zeroSums), layers: layers.map(zerosOf) };
        const { inputs, states } = yield* pass.pull(gradient, sums);
        const statistics = pass.passes.flatMap((one, k) =>
          program.nodes[k].work.kind === 'layer' ? [one.statistics ?? {}] : [],
        );
        return {
          inputs: gather([inputs], program.computeDtype),
          states: states.map((state, k) => gather([state], dtypes[k])),
          cells: sums.cells.map((sum, k) => roundSums(sum, cells[k].computeDtype)),
          layers: sums.layers.map((sum, k) => rounded(sum, weightDtype(layers[k]))),
          ...(request.training ? { statistics: statistics.map((one, k) => rounded(one, weightDtype(layers[k]))) } : {}),
        };
      },
    };
  }
  return {
    forward: learning,
    ...sliced(function* (request: GradientRequest) {
      const pass = yield* learning(request);
      return yield* pass.pull(outputGradient(request, pass.output));
    }),
  };
}

function dtypesOfStates(node: NetworkProgram['nodes'][number]): Dtype[] {
  const { work } = node;
  if (work.kind === 'recurrent') return stateDtypes(work.sequence);
  return nodeStateWidths(node).map(() => work.layer.computeDtype);
}

function zerosOf({ arrays }: AnyLayer): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(arrays).map(([name, { length }]) => [name, new Float64Array(length)]));
}

/** Half precision keeps its weights in float32, or in half precision itself. */
function weightDtype({ computeDtype }: AnyLayer): Dtype {
  return computeDtype === 'float64' ? 'float64' : 'float32';
}

function rounded(sums: Readonly<Record<string, Float64Array>>, dtype: Dtype): Record<string, FloatArray> {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, gather([sum], dtype)]));
}
