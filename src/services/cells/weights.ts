import type { Weights } from '../../domain/cell-definition.ts';
import { type FieldError, fieldProblem, Problem } from '../../domain/problems.ts';
import { type Dtype, formatShape, isFloat, type Shape, sameShape, Tensor, toFloat64 } from '../../domain/tensor.ts';
import { literalToTensor, SentTensor, type TensorLiteral } from '../../domain/tensor-literal.ts';
import type { Context } from '../context.ts';
import type { Ops } from '../ports.ts';

/**
 * Checks that weights have exactly the names and shapes of a cell.
 * @throws {Problem} wrong-shape with one error for each weight that is missing, unknown or of another shape.
 */
export function requireWeights(variables: readonly { name: string; shape: Shape }[], weights: Weights): void {
  const errors: FieldError[] = [];
  const known = new Set(variables.map(({ name }) => name));
  const names = [...known].join(', ');
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
    if (!known.has(name)) {
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
export async function tensorsOf(
  { ops }: Pick<Context, 'ops'>,
  variables: readonly { name: string; dtype: Dtype }[],
  fallback: Dtype,
  given: Readonly<Record<string, TensorLiteral | Tensor>>,
): Promise<Weights> {
  const dtypes = new Map(variables.map(({ name, dtype }) => [name, dtype]));
  const weights: [string, Tensor][] = [];
  // One after another, so that one request does not fill the queue.
  for (const [name, value] of Object.entries(given)) {
    const dtype = dtypes.get(name) ?? fallback;
    const pointer = `/weights/${name}`;
    const read = value instanceof Tensor ? castGiven(ops, value, dtype, pointer) : ops.read(value, dtype, pointer);
    weights.push([name, read instanceof Promise ? await read : read]);
  }
  return Object.fromEntries(weights);
}

/** Of more elements, a message does not say which one does not fit. */
const FEW = 2 ** 14;

function castGiven(ops: Ops, tensor: Tensor, dtype: Dtype, pointer: string): Tensor | Promise<Tensor> {
  if (tensor.dtype === dtype) return tensor;
  if (isFloat(tensor.dtype) && tensor.data.length > FEW) return ops.read(new SentTensor(tensor), dtype, pointer);
  // Keras counts in int64 or int32, whatever it computes with.
  const counts = !isFloat(dtype) && tensor.dtype !== 'bool';
  if (isFloat(tensor.dtype) || counts)
    return literalToTensor({ shape: tensor.shape, values: toFloat64(tensor) }, dtype, pointer);
  const detail = `'${pointer.slice('/weights/'.length)}' is of dtype ${tensor.dtype}; weights are floats. Send ${dtype}.`;
  throw fieldProblem('invalid-file', pointer, detail);
}
