import type { Weights } from '../../domain/cell-definition.ts';
import { type FieldError, fieldProblem, Problem } from '../../domain/problems.ts';
import { type Dtype, formatShape, isFloat, type Shape, sameShape, Tensor, toFloat64 } from '../../domain/tensor.ts';
import { literalToTensor, type TensorLiteral } from '../../domain/tensor-literal.ts';

/**
 * Checks that weights have exactly the names and shapes of a cell.
 * @throws {Problem} wrong-shape with one error for each weight that is missing, unknown or of another shape.
 */
export function requireWeights(variables: readonly { name: string; shape: Shape }[], weights: Weights): void {
  const errors: FieldError[] = [];
  const names = variables.map(({ name }) => name).join(', ');
  for (const { name, shape } of variables) {
    const given = weights[name];
    if (!given) {
      errors.push({ pointer: '/weights', detail: `'${name}' is missing. Send all of ${names}.` });
    } else if (!sameShape(given.shape, shape)) {
      const detail = `'${name}' has shape ${formatShape(given.shape)}. Send shape ${formatShape(shape)}.`;
      errors.push({ pointer: `/weights/${name}`, detail });
    }
  }
  for (const name of Object.keys(weights)) {
    if (!variables.some((variable) => variable.name === name)) {
      errors.push({ pointer: `/weights/${name}`, detail: `This cell has no '${name}'. Send ${names}.` });
    }
  }
  if (errors.length > 0) throw new Problem('wrong-shape', errors[0].detail, { errors });
}

/**
 * Weights of a request or a file as tensors in the dtype of their variable (`fallback` for unknown names). Values of a file
 * that already have this dtype keep their bits.
 * @throws {Problem} value-out-of-range; invalid-file for integers in a file
 */
export function tensorsOf(
  variables: readonly { name: string; dtype: Dtype }[],
  fallback: Dtype,
  given: Readonly<Record<string, TensorLiteral | Tensor>>,
): Weights {
  const dtypes = new Map(variables.map(({ name, dtype }) => [name, dtype]));
  const read = ([name, value]: [string, TensorLiteral | Tensor]) => {
    const dtype = dtypes.get(name) ?? fallback;
    const pointer = `/weights/${name}`;
    return [name, value instanceof Tensor ? castGiven(value, dtype, pointer) : literalToTensor(value, dtype, pointer)];
  };
  return Object.fromEntries(Object.entries(given).map(read));
}

function castGiven(tensor: Tensor, dtype: Dtype, pointer: string): Tensor {
  if (tensor.dtype === dtype) return tensor;
  // Keras counts in int64 or int32, whatever it computes with.
  const counts = !isFloat(dtype) && tensor.dtype !== 'bool';
  if (isFloat(tensor.dtype) || counts)
    return literalToTensor({ shape: tensor.shape, values: toFloat64(tensor) }, dtype, pointer);
  const detail = `'${pointer.slice('/weights/'.length)}' is of dtype ${tensor.dtype}; weights are floats. Send ${dtype}.`;
  throw fieldProblem('invalid-file', pointer, detail);
}
