import { fieldProblem } from '../../domain/problems.ts';
import type { Dtype, Tensor } from '../../domain/tensor.ts';
import { isReference, type TensorInput } from '../../domain/tensor-literal.ts';
import type { Context } from '../context.ts';
import { requireElements } from '../limits.ts';
import { findVariable } from '../variables/stand-alone-variables.ts';

/**
 * The tensor of a request, converted to `dtype`: the values that were sent, or the current value of a variable.
 * @throws {Problem} invalid-value if the variable is missing, value-out-of-range if a value does not fit
 */
export function resolveTensor(
  { store, limits, ops }: Pick<Context, 'store' | 'limits' | 'ops'>,
  input: TensorInput,
  dtype: Dtype,
  pointer: string,
): Tensor | Promise<Tensor> {
  if (isReference(input)) {
    return resolveReference({ store }, input.variable, pointer).then((value) => ops.cast(value, dtype));
  }
  requireElements(input.shape, limits, pointer);
  return ops.read(input, dtype, pointer);
}

/** @throws {Problem} invalid-value if the stand-alone variable does not exist */
export async function resolveReference(
  { store }: Pick<Context, 'store'>,
  id: string,
  pointer: string,
): Promise<Tensor> {
  const found = await findVariable(store, id);
  if (!found) throw fieldProblem('invalid-value', `${pointer}/variable`, `There is no variable '${id}'.`);
  return found.value;
}
