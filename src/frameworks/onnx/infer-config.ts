import type { NamedTensors } from '../../domain/files.ts';
import type { JsonObject } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { type Dtype, formatShape, type Shape } from '../../domain/tensor.ts';

/** By the number of gates: rows of R over hidden_size. */
const BY_GATES: ReadonlyMap<number, string> = new Map([
  [1, 'RNN'],
  [3, 'GRU'],
  [4, 'LSTM'],
]);

/**
 * The operator and the attributes that W and R tell.
 * @throws {Problem} invalid-file
 */
export function inferOnnx(
  shapes: ReadonlyMap<string, Shape>,
  dtype?: Dtype,
): { className: string; config: JsonObject } {
  const [W = [], R = []] = ['W', 'R'].map((name) => shapes.get(name));
  const [directions, rows, hidden] = R;
  const className = W.length === 3 && R.length === 3 ? BY_GATES.get(rows / hidden) : undefined;
  if (className === undefined || (directions !== 1 && directions !== 2)) {
    const sent = `'W' has shape ${formatShape(W)} and 'R' ${formatShape(R)}`;
    const expected =
      '[directions, n·hidden, input] and [directions, n·hidden, hidden], with n 1 (RNN), 3 (GRU), 4 (LSTM)';
    throw new Problem(
      'invalid-file',
      `The weights in the file do not fit an operator of ONNX: ${sent}; an operator has ${expected}.`,
    );
  }
  return { className, config: { hidden_size: hidden, ...direction(directions), ...dtypeOf(dtype) } };
}

function direction(directions: number): JsonObject {
  return directions === 2 ? { direction: 'bidirectional' } : {};
}

/** The attributes that an ONNX node takes from its weights: hidden_size (the last extent of R) and the dtype. */
export function completeAttributes(attributes: JsonObject, weights: NamedTensors): JsonObject {
  const shape = weights.get('R')?.shape ?? [];
  const hidden: JsonObject =
    shape.length === 3 && !Object.hasOwn(attributes, 'hidden_size') ? { hidden_size: shape[2] } : {};
  return { ...attributes, ...hidden, ...dtypeOf(weights.get('W')?.dtype) };
}

function dtypeOf(dtype: Dtype | undefined): JsonObject {
  return dtype === undefined || dtype === 'float32' ? {} : { dtype };
}
