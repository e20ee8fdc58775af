import { tokenId } from '../../cells/layers/embedding.ts';
import type { LayerProgram } from '../../domain/layers.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import type { DifferentiableNode, NodeCall, NodePass } from '../gradients/node.ts';

/**
 * An embedding of all ids of a batch at once, `index` among the layers of its network. `squares` [ids, width] gets the sum of
 * the squares of the gradients that came for each id. Each of these is clipped to ±`most`.
 */
export function embeddingNode(
  { arrays, rowWidth: width }: LayerProgram<'embedding'>,
  index: number,
  squares: Float64Array,
  most: number,
): DifferentiableNode {
  const { embeddings } = arrays;
  const count = embeddings.length / width;
  return {
    forward({ inputs: [input] }: NodeCall): NodePass {
      const ids = input.values;
      const rows = Int32Array.from(ids, (value) => width * tokenId(value, count));
      const values = like(embeddings, ids.length * width);
      for (let i = 0; i < rows.length; i++) values.set(embeddings.subarray(rows[i], rows[i] + width), i * width);
      return {
        values,
        time: input.time,
        pull(gradient, sums) {
          const sum = sums.layers[index].embeddings;
          for (let i = 0; i < rows.length; i++) {
            for (let k = 0; k < width; k++) {
              const d = Math.min(Math.max(gradient[i * width + k], -most), most);
              sum[rows[i] + k] += d;
              squares[rows[i] + k] += d * d;
            }
          }
          // An id has no gradient.
          return { inputs: [new Float64Array(ids.length)], states: [] };
        },
      };
    },
  };
}

function like(array: FloatArray, length: number): FloatArray {
  return array instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
}
