import { layerForward } from '../../cells/layers/layer-formulas.ts';
import { layerPull } from '../../cells/layers/layer-gradients.ts';
import type { LayerProgram } from '../../domain/layers.ts';
import type { DifferentiableNode, NodeCall, NodePass } from '../gradients-node.ts';

/**
 * An embedding of all ids of a batch at once, `index` among the layers of its network. `squares` [ids, width] gets the sum of
 * the squares of the gradients that came for each id.
 */
export function embeddingNode(
  layer: LayerProgram<'embedding'>,
  index: number,
  squares: Float64Array,
): DifferentiableNode {
  const forward = layerForward(layer);
  const pull = layerPull(layer);
  return {
    forward({ inputs: [input] }: NodeCall): NodePass {
      const unit = { time: 1 };
      const inputs = [input.values];
      const values = forward(inputs, unit);
      return {
        values,
        time: input.time,
        pull(gradient, sums) {
          addSquares(squares, input.values, gradient, layer.rowWidth);
          return { inputs: pull({ inputs, output: values, unit }, gradient, sums.layers[index]), states: [] };
        },
      };
    },
  };
}

function addSquares(squares: Float64Array, ids: Float64Array, gradient: Float64Array, width: number): void {
  for (let i = 0; i < ids.length; i++) {
    for (let k = 0; k < width; k++) squares[ids[i] * width + k] += gradient[i * width + k] ** 2;
  }
}
