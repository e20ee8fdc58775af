import type { LayerProgram } from '../../domain/layers.ts';
import type { RecurrentWork } from '../../domain/network.ts';
import { sequenceCells } from '../../domain/program.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { differentiableLayer } from '../gradients/layer.ts';
import {
  type DifferentiableNode,
  inFloat32,
  inFloat64,
  type NodeCall,
  type NodePass,
  type NodePull,
  type SpecialNodes,
  turnsOf,
} from '../gradients/node.ts';
import { differentiableRecurrent } from '../gradients/recurrent.ts';
import type { Arena } from './arena.ts';
import { denseNode } from './dense-node.ts';
import { embeddingNode } from './embedding-node.ts';
import { kernelPart } from './kernel-part.ts';
import type { TrainedPart } from './part.ts';
import { regularizedNode } from './regularized-node.ts';
import { costsInside, type PartMaker, sequencePart } from './sequence-part.ts';

/** What a training step of a network adds up on its way. */
export interface Learnt {
  /** By the index of a layer, that of an Embedding having those of its gradient's parts. */
  readonly squares: Map<number, Float64Array>;
  /** What outputs have cost. */
  activity: number;
  /** The most that a part of an Embedding's gradient may be. */
  readonly most: number;
}

/**
 * Embeddings, and the layers of float32 that have kernels, each keeping what it needs in the arena; and every layer whose outputs
 * cost something. Undefined for the others.
 */
export function trainedNodes(maker: PartMaker, arena: Arena, learnt: Learnt): SpecialNodes {
  const kernelNode = kernelNodes(maker, arena, learnt);
  return (node, place) => {
    const own = kernelNode(node, place);
    const { work, activity } = node;
    if (!activity) return own;
    const plain =
      work.kind === 'layer'
        ? differentiableLayer(node, work.layer, place.layer)
        : differentiableRecurrent(work, place.cell);
    return regularizedNode(own ?? plain, activity, learnt);
  };
}

/** Without a thread for embeddings alone. */
function kernelNodes(maker: PartMaker, arena: Arena, learnt: Learnt): SpecialNodes {
  const { thread } = maker;
  return ({ work, dtype }, { cell, layer }) => {
    if (work.kind === 'layer' && work.layer.kind === 'embedding') {
      const own = new Float64Array(work.layer.arrays.embeddings.length);
      learnt.squares.set(layer, own);
      return embeddingNode(work.layer, layer, own, learnt.most);
    }
    if (work.kind === 'recurrent' && costsInside(work.sequence))
      return recurrentNode(arena, work, sequencePart(maker, work.sequence), { cell, learnt });
    if (!thread || dtype !== 'float32') return undefined;
    if (work.kind === 'layer') {
      const trains = work.layer.kind === 'dense' && work.layer.computeDtype === 'float32';
      return trains ? denseNode(thread, arena, work.layer as LayerProgram<'dense'>, layer) : undefined;
    }
    const part = kernelPart(thread, work.sequence);
    return part && recurrentNode(arena, work, part, { cell, learnt });
  };
}

function recurrentNode(
  arena: Arena,
  work: RecurrentWork,
  part: TrainedPart,
  { cell: first, learnt }: { readonly cell: number; readonly learnt: Learnt },
): DifferentiableNode {
  const own: (values: FloatArray) => FloatArray = work.sequence.computeDtype === 'float64' ? inFloat64 : inFloat32;
  const { returnSequences, zeroOutputForMask } = work;
  const cells = sequenceCells(work.sequence).length;
  const exact = differentiableRecurrent(work, first);
  return {
    *forward(given: NodeCall): Generator<void, NodePass> {
      const { batch, inputs, states, running, training } = given;
      const [input] = inputs;
      const { time, mask } = input;
      // There a masked step may repeat a state that is not an output.
      if (mask && work.sequence.kind === 'run' && states.some((state) => state.some((value) => value !== 0)))
        return yield* turnsOf(exact.forward(given));
      const whole = returnSequences || running;
      const call = {
        arena,
        inputs: own(input.values),
        batch,
        time,
        states: states.map(own),
        ...(mask ? { mask } : {}),
        zeroOutputForMask,
        returnSequences: whole,
        training,
      };
      const pass = yield* part(call);
      learnt.activity += pass.activity ?? 0;
      return {
        values: pass.outputs[0],
        time: whole ? time : 1,
        *pull(gradient, sums): Generator<void, NodePull> {
          const pulled = yield* pass.pull([own(gradient)]);
          for (let k = 0; k < cells; k++) {
            const sum = sums.cells[first + k] as Readonly<Record<string, Float64Array>>;
            for (const [name, values] of Object.entries(pulled.cells[k]))
              for (let i = 0; i < values.length; i++) sum[name][i] += values[i];
          }
          return { inputs: [pulled.inputs], states: pulled.states };
        },
      };
    },
  };
}
