import { Problem } from '../domain/problems.ts';
import {
  allocate,
  cast,
  type FloatArray,
  formatShape,
  isFloat,
  rounder,
  type Shape,
  sizeOf,
  Tensor,
  toFloat64,
} from '../domain/tensor.ts';

interface BinaryOp {
  readonly sign: string;
  readonly float: (a: number, b: number) => number;
  readonly integer?: (a: bigint, b: bigint) => bigint;
}

/** Element-wise operations of two tensors; floats are computed in float64 and rounded once, integers wrap around. */
export const BINARY_OPS = {
  add: { sign: '+', float: (a, b) => a + b, integer: (a, b) => a + b },
  subtract: { sign: '-', float: (a, b) => a - b, integer: (a, b) => a - b },
  multiply: { sign: '*', float: (a, b) => a * b, integer: (a, b) => a * b },
  // True division, as in Keras and NumPy: integers give floats.
  divide: { sign: '/', float: (a, b) => a / b },
} as const satisfies Record<string, BinaryOp>;

/** a ∘ b with NumPy broadcasting, both of one dtype. @throws {Problem} wrong-shape where the shapes do not broadcast. */
export function broadcastBinary(op: keyof typeof BINARY_OPS, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(op, a.shape, b.shape);
  const { float, integer }: BinaryOp = BINARY_OPS[op];
  const whole = a.dtype === 'bool' ? 'int32' : a.dtype;
  const exact = !isFloat(whole) && integer !== undefined;
  const dtype = isFloat(whole) || exact ? whole : 'float32';
  const size = sizeOf(shape);
  const [left, right] = [indexer(a.shape, shape), indexer(b.shape, shape)];
  const data = allocate(dtype, size);
  if (exact) {
    const [x, y] = [cast(a, 'int64').data as BigInt64Array, cast(b, 'int64').data as BigInt64Array];
    for (let i = 0; i < size; i++) {
      const value = integer(x[left(i)], y[right(i)]);
      if (data instanceof BigInt64Array) data[i] = value;
      else data[i] = Number(BigInt.asIntN(32, value));
    }
  } else {
    const [x, y, round] = [toFloat64(a), toFloat64(b), rounder(dtype)];
    for (let i = 0; i < size; i++) (data as FloatArray)[i] = round(float(x[left(i)], y[right(i)]));
  }
  return new Tensor(dtype, shape, data);
}

/** Shape of a ∘ b: aligned at the last axis, extents equal or 1. */
function broadcastShape(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      const detail = `${op} cannot broadcast shapes ${formatShape(a)} and ${formatShape(b)}: extents must be equal or 1.`;
      throw new Problem('wrong-shape', detail, { errors: [{ pointer: '/inputs', detail }] });
    }
    return x === 1 ? y : x;
  });
}

/** Position in an operand of `own` shape for each position in the broadcast result. */
function indexer(own: Shape, result: Shape): (position: number) => number {
  const lead = result.length - own.length;
  const strides = own.map((extent, axis) => (extent === 1 ? 0 : sizeOf(own.slice(axis + 1))));
  if (strides.every((stride, axis) => stride === sizeOf(result.slice(lead + axis + 1))) && lead === 0) return (i) => i;
  if (sizeOf(own) === 1) return () => 0;
  return (position) => {
    let rest = position;
    let index = 0;
    for (let axis = result.length - 1; axis >= lead; axis--) {
      index += (rest % result[axis]) * strides[axis - lead];
      rest = Math.floor(rest / result[axis]);
    }
    return index;
  };
}

/**
 * a @ b as NumPy's matmul: [..., n, k] · [..., k, m] → [..., n, m], leading axes broadcast; a vector is a row on the left and
 * a column on the right, and that axis is dropped again. Sums in float64, rounded once.
 * @throws {Problem} wrong-shape
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [n, k] = left.slice(-2);
  const m = right.at(-1) ?? 0;
  if (left.length < 2 || right.length < 2 || right.at(-2) !== k) {
    const shapes = `${formatShape(a.shape)} and ${formatShape(b.shape)}`;
    const detail = `matmul cannot multiply shapes ${shapes}: send [..., n, k] and [..., k, m].`;
    throw new Problem('wrong-shape', detail, { errors: [{ pointer: '/inputs', detail }] });
  }
  const lead = broadcastShape('matmul', left.slice(0, -2), right.slice(0, -2));
  const dtype = isFloat(a.dtype) ? a.dtype : 'float32';
  const [x, y, round] = [toFloat64(a), toFloat64(b), rounder(dtype)];
  const [xAt, yAt] = [indexer(left.slice(0, -2), lead), indexer(right.slice(0, -2), lead)];
  const data = allocate(dtype, sizeOf(lead) * n * m) as FloatArray;
  for (let stack = 0; stack < sizeOf(lead); stack++) {
    const [x0, y0, out] = [xAt(stack) * n * k, yAt(stack) * k * m, stack * n * m];
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < m; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) sum += x[x0 + row * k + i] * y[y0 + i * m + column];
        data[out + row * m + column] = round(sum);
      }
    }
  }
  const shape = [...lead, ...(a.shape.length === 1 ? [] : [n]), ...(b.shape.length === 1 ? [] : [m])];
  return new Tensor(dtype, shape, data);
}
