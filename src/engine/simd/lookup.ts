import { tokenId } from '../../cells/layers/embedding.ts';
import type { LayerProgram } from '../../domain/layers.ts';
import { allocate, type FloatArray } from '../../domain/tensor.ts';
import type { PreparedLayer } from '../networks/layer.ts';

/** An Embedding: its rows are copied as they are, which are the bits that its formula gives. */
export function prepareLookup({ arrays, rowWidth: width, computeDtype }: LayerProgram<'embedding'>): PreparedLayer {
  const rows = arrays.embeddings;
  const ids = rows.length / width;
  return {
    run([x]) {
      const after = allocate(computeDtype, x.length * width) as FloatArray;
      for (let i = 0; i < x.length; i++) {
        const from = tokenId(x[i], ids) * width;
        for (let k = 0; k < width; k++) after[i * width + k] = rows[from + k];
      }
      return { after };
    },
  };
}
