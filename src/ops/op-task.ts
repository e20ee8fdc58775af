import type { JsonObject } from '../domain/json.ts';
import { cast, type Dtype, sizeOf, type Tensor } from '../domain/tensor.ts';
import { literalToTensor, SentTensor } from '../domain/tensor-literal.ts';
import { assignAdd, assignSub } from '../domain/updates.ts';
import { applyOp } from './ops.ts';

export type Arithmetic = 'assign_add' | 'assign_sub';

/** What is computed of tensors: an operation of the API, another dtype, what was sent in another dtype, or the new value of a variable. */
export type OpTask<T = Tensor> = { readonly inputs: readonly T[] } & (
  | { readonly kind: 'op'; readonly name: string; readonly params: JsonObject }
  | { readonly kind: 'cast'; readonly dtype: Dtype }
  | { readonly kind: 'literal'; readonly dtype: Dtype; readonly pointer: string; readonly field: SentTensor['field'] }
  | { readonly kind: Arithmetic }
);

/** @throws {Problem} as applyOp, cast, literalToTensor, assignAdd and assignSub */
export function carryOut(task: OpTask): Tensor {
  const [a, b] = task.inputs;
  switch (task.kind) {
    case 'op':
      return applyOp(task.name, task.inputs, task.params);
    case 'cast':
      return cast(a, task.dtype);
    case 'literal':
      return literalToTensor(new SentTensor(a, task.field), task.dtype, task.pointer);
    case 'assign_add':
      return assignAdd(a, b);
    case 'assign_sub':
      return assignSub(a, b);
  }
}

/** What an element costs in an operation, at most, in multiply-adds of a matrix product: sparsemax sorts. */
const ELEMENT_WORK = 32;
/** The same of what only rounds or adds, and where that goes by bits or by BigInt. */
const ROUNDING_WORK = { plain: 1, slow: 16 };
const SLOW: readonly Dtype[] = ['float16', 'bfloat16', 'int64'];

/** At most what a task costs, in multiply-adds of a matrix product; its inputs need not fit it. */
export function workOf(task: OpTask<Pick<Tensor, 'shape' | 'dtype'>>): number {
  const { inputs, kind } = task;
  if (kind !== 'op') {
    const slow = SLOW.includes(inputs[0].dtype) || ('dtype' in task && SLOW.includes(task.dtype));
    return sizeOf(inputs[0].shape) * (slow ? ROUNDING_WORK.slow : ROUNDING_WORK.plain);
  }
  if (task.name === 'matmul' && inputs.length === 2) {
    const [a, b] = inputs.map(({ shape }) => shape);
    return (sizeOf(a) * sizeOf(b)) / Math.max(a.at(-1) ?? 1, 1);
  }
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  let size = 1;
  for (let back = 1; back <= rank; back++) size *= Math.max(...inputs.map(({ shape }) => shape.at(-back) ?? 1));
  return size * ELEMENT_WORK;
}
