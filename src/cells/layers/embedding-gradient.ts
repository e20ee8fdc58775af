import type { LayerGradient } from './layer-formula.ts';

/** d embeddings[id] += dy; an id has no gradient. */
export const embeddingGradient: LayerGradient<'embedding'> = ({ rowWidth: width }) => {
  return ({ inputs: [x] }, dy, sums) => {
    for (let i = 0; i < x.length; i++) {
      const row = Math.trunc(x[i]) * width;
      for (let k = 0; k < width; k++) sums.embeddings[row + k] += dy[i * width + k];
    }
    return [new Float64Array(x.length)];
  };
};
