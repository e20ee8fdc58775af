import { fieldProblem } from '../../domain/problems.ts';
import { float64 } from '../cell-row.ts';
import type { LayerFormula } from './layer-formula.ts';

/** y = rows `x` of the embeddings [ids, width]. Keras Embedding.call. @throws {Problem} as tokenId */
export const embedding: LayerFormula<'embedding'> = ({ arrays, rowWidth: width }) => {
  const rows = float64(arrays.embeddings);
  const ids = rows.length / width;
  return ([x]) => {
    const y = new Float64Array(x.length * width);
    for (let i = 0; i < x.length; i++) {
      const id = tokenId(x[i], ids);
      y.set(rows.subarray(id * width, (id + 1) * width), i * width);
    }
    return y;
  };
};

/** An input as a row of the embeddings. @throws {Problem} invalid-value */
export function tokenId(value: number, ids: number): number {
  if (Number.isInteger(value) && value >= 0 && value < ids) return value;
  const wrong = Number.isInteger(value) ? 'is out of range' : 'is not a whole number';
  const detail = `Token id ${value} ${wrong}: the Embedding has ${ids} rows. Send ids from 0 to ${ids - 1}.`;
  throw fieldProblem('invalid-value', '/inputs', detail);
}
