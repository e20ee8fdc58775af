import type { JsonObject } from '../../domain/json.ts';
import type { Limits } from '../../domain/limits.ts';
import { type Dtype, isFloat, sizeOf, type Tensor } from '../../domain/tensor.ts';
import { isReference, literalToTensor, type TensorInput } from '../../domain/tensor-literal.ts';
import type { Context } from '../context.ts';
import { bytesOf, requireBytes, requireElements, requireWork, type WorkContext } from '../limits.ts';
import { resolveReference } from './resolve-tensor.ts';

export interface OpRequest {
  readonly inputs: readonly TensorInput[];
  readonly params: JsonObject;
}

/**
 * One operation on tensors. A literal without a dtype takes the widest dtype of the other inputs, as a Python number does.
 * If no input has a dtype, it is float32.
 * @throws {Problem} not-found for an unknown op; wrong-shape, invalid-value
 */
export async function applyOp(
  context: Pick<Context, 'store' | 'limits' | 'spendWork' | 'caller' | 'ops'>,
  op: string,
  { inputs, params }: OpRequest,
): Promise<Tensor> {
  const given: (Tensor | undefined)[] = [];
  const read = new Set<Tensor>();
  for (const [i, input] of inputs.entries()) {
    const pointer = `/inputs/${i}`;
    if (isReference(input)) {
      const value = await resolveReference(context, input.variable, pointer);
      given.push(value);
      read.add(value);
    } else {
      requireElements(input.shape, context.limits, pointer);
      const own = input.dtype ?? (input.integers ? 'int64' : undefined);
      given.push(own && literalToTensor(input, own, pointer));
    }
  }
  const dtype = commonDtype(
    given.flatMap((tensor) => tensor?.dtype ?? []),
    inputs,
  );
  const tensors = await Promise.all(
    inputs.map((input, i) => {
      const tensor = given[i];
      return tensor ? context.ops.cast(tensor, dtype) : literalToTensor(input as never, dtype, `/inputs/${i}`);
    }),
  );
  const elements = requireOpWork(op, tensors, context);
  context.caller().holdResult(bytesOf([{ shape: [elements], dtype }]));
  return context.ops.apply(op, tensors, params, read);
}

const BY_WIDTH: readonly Dtype[] = ['bool', 'int32', 'int64', 'bfloat16', 'float16', 'float32', 'float64'];

function commonDtype(dtypes: readonly Dtype[], inputs: readonly TensorInput[]): Dtype {
  if (dtypes.length === 0) return 'float32';
  const widest = dtypes.reduce((a, b) => (BY_WIDTH.indexOf(b) > BY_WIDTH.indexOf(a) ? b : a));
  const mixedHalves = dtypes.includes('float16') && dtypes.includes('bfloat16') && widest === 'float16';
  if (isFloat(widest)) return mixedHalves ? 'float32' : widest;
  const untyped = inputs.filter((input) => !isReference(input) && !input.dtype);
  const whole = untyped.every((input) => !isReference(input) && input.values.every(Number.isInteger));
  if (!whole) return 'float32';
  return widest === 'bool' && untyped.length > 0 ? 'int32' : widest;
}

/**
 * Two inputs may give a far larger result: at most one element for each pair of their elements. Returns about how many it has.
 * @throws {Problem} limit-exceeded, quota-exceeded
 */
function requireOpWork(op: string, inputs: readonly Tensor[], context: WorkContext & Pick<Context, 'ops'>): number {
  const { limits } = context;
  for (const { shape } of inputs) requireScratch(sizeOf(shape), limits);
  if (op !== 'matmul') context.spendWork(context.ops.workOf(op, inputs));
  if (inputs.length !== 2) return sizeOf(inputs[0].shape);
  const [a, b] = inputs.map(({ shape }) => shape);
  const rank = Math.max(a.length, b.length);
  const extent = (shape: readonly number[], back: number) => Math.max(shape.at(-back) ?? 1, 1);
  const size = (from: number) => {
    let product = 1;
    for (let back = from; back <= rank; back++) product *= Math.max(extent(a, back), extent(b, back));
    return product;
  };
  const result = op === 'matmul' ? size(3) * extent(a, 2) * extent(b, 1) : size(1);
  requireElements([result], limits, '/inputs');
  requireScratch(result, limits);
  if (op === 'matmul') requireWork(result * extent(a, 1), context, '/inputs');
  return result;
}

/** Float64 numbers that are in memory for each element while it is computed, in the operation and its thread. */
const SCRATCH = 4;

/** @throws {Problem} limit-exceeded */
function requireScratch(elements: number, limits: Limits): void {
  requireBytes(() => 'This operation', [{ shape: [elements, SCRATCH], dtype: 'float64' }], limits, '/inputs');
}
