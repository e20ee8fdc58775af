import { fieldProblem } from './problems.ts';
import { allocate, formatShape, rounder, type Shape, sameShape, sizeOf, Tensor, type TensorData } from './tensor.ts';

/**
 * How a variable's value changes. Each takes the present value and tensors of the variable's own dtype and gives the new
 * value, of the same shape. tf.Variable.assign, assign_add, assign_sub, scatter_nd_update.
 */
export function assign(current: Tensor, value: Tensor): Tensor {
  requireSameShape(current, value);
  return value;
}

export function assignAdd(current: Tensor, value: Tensor): Tensor {
  return combine(current, value, 1);
}

export function assignSub(current: Tensor, value: Tensor): Tensor {
  return combine(current, value, -1);
}

/** Floats are rounded once; integers wrap around, as two's complement does. */
function combine(current: Tensor, value: Tensor, sign: 1 | -1): Tensor {
  requireSameShape(current, value);
  const { dtype, shape } = current;
  if (dtype === 'bool') throw fieldProblem('invalid-value', '/value', 'A bool variable can be assigned, not added to.');
  const data = allocate(dtype, sizeOf(shape));
  if (data instanceof BigInt64Array) {
    const [a, b] = [current.data as BigInt64Array, value.data as BigInt64Array];
    // A BigInt64Array keeps the low 64 bits of what is put in.
    for (let i = 0; i < data.length; i++) data[i] = a[i] + BigInt(sign) * b[i];
  } else {
    const [a, b] = [current.data as Float64Array, value.data as Float64Array];
    const round = dtype === 'int32' ? (sum: number) => sum | 0 : rounder(dtype);
    for (let i = 0; i < data.length; i++) data[i] = round(sign > 0 ? a[i] + b[i] : a[i] - b[i]);
  }
  return new Tensor(dtype, shape, data);
}

/**
 * `indices` [n, k] address the first k axes; updates [n, …rest] replace what they address. Of two updates of one place the
 * later one stays. `data` is a copy of the present elements, which become the new ones.
 * @throws {Problem} wrong-shape, or invalid-value for an index outside the variable.
 */
export function scatterUpdate(
  current: Tensor,
  indices: readonly (readonly number[])[],
  updates: Tensor,
  data: TensorData,
): Tensor {
  const { shape, dtype } = current;
  const depth = indices[0]?.length ?? 0;
  if (depth > shape.length) {
    const detail = `Indices of length ${depth} address more axes than shape ${formatShape(shape)} has.`;
    throw fieldProblem('wrong-shape', '/indices', detail);
  }
  const rest = shape.slice(depth);
  const expected = [indices.length, ...rest];
  if (!sameShape(updates.shape, expected)) {
    const detail = `'updates' has shape ${formatShape(updates.shape)}; these indices take ${formatShape(expected)}.`;
    throw fieldProblem('wrong-shape', '/updates', detail);
  }
  const size = sizeOf(rest);
  indices.forEach((index, i) => {
    const start = offsetOf(index, shape, i) * size;
    data.set(updates.data.subarray(i * size, (i + 1) * size) as never, start);
  });
  return new Tensor(dtype, shape, data);
}

function offsetOf(index: readonly number[], shape: Shape, at: number): number {
  return index.reduce((offset, position, axis) => {
    if (position < shape[axis]) return offset * shape[axis] + position;
    const detail = `Index [${index.join(',')}] is outside of shape ${formatShape(shape)}.`;
    throw fieldProblem('invalid-value', `/indices/${at}/${axis}`, detail);
  }, 0);
}

function requireSameShape(current: Tensor, value: Tensor): void {
  if (sameShape(current.shape, value.shape)) return;
  const sent = formatShape(value.shape);
  const own = formatShape(current.shape);
  throw fieldProblem(
    'wrong-shape',
    '/value',
    `'value' has shape ${sent}; this variable has shape ${own}. Send shape ${own}.`,
  );
}
