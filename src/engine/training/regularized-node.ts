import type { NamedSpec } from '../../domain/learning.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { activityCost } from '../../training/activity.ts';
import { type DifferentiableNode, type NodePass, turnsOf } from '../gradients/node.ts';

/** A node whose outputs cost what its activity regularizer says; `learnt` gets it, for the loss. */
export function regularizedNode(
  inner: DifferentiableNode,
  activity: NamedSpec,
  learnt: { activity: number },
): DifferentiableNode {
  return {
    *forward(call): Generator<void, NodePass> {
      const pass = yield* turnsOf(inner.forward(call));
      const { cost, gradient: own } = activityCost(activity, pass.values, call.batch);
      learnt.activity += cost;
      return { ...pass, pull: (gradient, sums) => pass.pull(sumOf(own, gradient), sums) };
    },
  };
}

function sumOf(a: Float64Array, b: FloatArray): Float64Array {
  return a.map((value, i) => value + b[i]);
}
