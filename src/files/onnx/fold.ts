import { isArray, type Json } from '../../domain/json.ts';
import { type Shape, sizeOf, Tensor, type TensorData } from '../../domain/tensor.ts';
import type { Take } from './tensor.ts';

/** A node whose inputs are all constants; the empty name of an input left out is undefined. */
export interface ConstantNode {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly attributes: ReadonlyMap<string, Json>;
  /** Is told of the bytes of a result before they are made. */
  readonly take: Take;
}

/** An element at an index lies at `offset + Σ index·stride` of the data. */
interface View {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

export type Fold = (node: ConstantNode) => Tensor | undefined;

/** Axes that a list of integers may be about. */
const MAX_RANK = 64;

/** Operators that only move elements. Exporters arrange weights with them. Undefined: the operator cannot be folded. */
export const FOLDS: Readonly<Record<string, Fold>> = {
  Identity: ({ inputs: [data] }) => data,
  Transpose: (node) => node.inputs[0] && transpose(node.inputs[0], node),
  Unsqueeze: (node) => node.inputs[0] && unsqueeze(node.inputs[0], parameter(node, 1, 'axes') ?? []),
  Squeeze: (node) => node.inputs[0] && squeeze(node.inputs[0], parameter(node, 1, 'axes')),
  Slice: slice,
  Concat: concat,
};

function intsOf(value: Json | undefined): number[] | undefined {
  return isArray(value) ? value.map(Number) : undefined;
}

/** A list of integers: an input of newer versions of an operator, an attribute of older ones. */
function parameter({ inputs, attributes }: ConstantNode, place: number, name: string): number[] | undefined {
  const input = inputs[place];
  if (!input) return intsOf(attributes.get(name));
  return input.data.length > MAX_RANK ? undefined : Array.from(input.data, Number);
}

function transpose(data: Tensor, { attributes, take }: ConstantNode): Tensor | undefined {
  const { shape, strides } = viewOf(data);
  const perm = intsOf(attributes.get('perm')) ?? shape.map((_, i) => i).reverse();
  if (perm.length !== shape.length || new Set(perm).size !== perm.length) return undefined;
  if (perm.some((axis) => shape[axis] === undefined)) return undefined;
  const view = { shape: perm.map((axis) => shape[axis]), strides: perm.map((axis) => strides[axis]), offset: 0 };
  return gather(data, view, take);
}

function unsqueeze({ dtype, shape, data }: Tensor, axes: readonly number[]): Tensor | undefined {
  const rank = shape.length + axes.length;
  const places = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  if (places.size !== axes.length || [...places].some((axis) => axis < 0 || axis >= rank)) return undefined;
  const rest = [...shape];
  return new Tensor(
    dtype,
    Array.from({ length: rank }, (_, i) => (places.has(i) ? 1 : (rest.shift() ?? 1))),
    data,
  );
}

function squeeze({ dtype, shape, data }: Tensor, axes?: readonly number[]): Tensor | undefined {
  const ones = shape.flatMap((extent, i) => (extent === 1 ? [i] : []));
  const places = (axes ?? ones).map((axis) => (axis < 0 ? axis + shape.length : axis));
  if (places.some((axis) => shape[axis] !== 1)) return undefined;
  return new Tensor(
    dtype,
    shape.filter((_, i) => !places.includes(i)),
    data,
  );
}

/** onnx/defs/tensor: starts and ends are clamped; a negative one counts from the end. */
function slice(node: ConstantNode): Tensor | undefined {
  const [data] = node.inputs;
  const [starts, ends] = [parameter(node, 1, 'starts'), parameter(node, 2, 'ends')];
  if (!data || !starts || !ends || starts.length !== ends.length) return undefined;
  const axes = parameter(node, 3, 'axes') ?? starts.map((_, i) => i);
  const steps = parameter(node, 4, 'steps') ?? starts.map(() => 1);
  const { shape, strides } = viewOf(data);
  const [extents, by] = [[...shape], [...strides]];
  let offset = 0;
  for (const [i, sent] of axes.entries()) {
    const axis = sent < 0 ? sent + shape.length : sent;
    const extent = shape[axis];
    const step = steps[i];
    if (extent === undefined || step === undefined || step === 0 || starts[i] === undefined) return undefined;
    const from = clamp(starts[i], extent, step > 0 ? [0, extent] : [0, extent - 1]);
    const to = clamp(ends[i], extent, step > 0 ? [0, extent] : [-1, extent - 1]);
    extents[axis] = Math.max(0, Math.ceil((to - from) / step));
    by[axis] = strides[axis] * step;
    offset += from * strides[axis];
  }
  return gather(data, { shape: extents, strides: by, offset }, node.take);
}

function clamp(index: number, extent: number, [least, most]: readonly [number, number]): number {
  return Math.min(Math.max(index < 0 ? index + extent : index, least), most);
}

function concat({ inputs, attributes, take }: ConstantNode): Tensor | undefined {
  const sent = Number(attributes.get('axis') ?? 0);
  const parts = inputs.filter((one) => one !== undefined);
  const [first] = parts;
  if (!first || parts.length !== inputs.length) return undefined;
  const axis = sent < 0 ? sent + first.shape.length : sent;
  const others = (shape: Shape) => shape.with(axis, 0).join();
  if (first.shape[axis] === undefined) return undefined;
  const alike = ({ dtype, shape }: Tensor) =>
    dtype === first.dtype && shape.length === first.shape.length && others(shape) === others(first.shape);
  if (!parts.every(alike)) return undefined;
  const shape = first.shape.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis], 0),
  );
  const data = emptyLike(first.data, sizeOf(shape), take);
  const rows = sizeOf(first.shape.slice(0, axis));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const part of parts) {
      const length = part.data.length / rows;
      for (let k = 0; k < length; k++) data[at++] = part.data[row * length + k];
    }
  }
  return new Tensor(first.dtype, shape, data);
}

function viewOf({ shape }: Tensor): View {
  return { shape, strides: shape.map((_, i) => sizeOf(shape.slice(i + 1))), offset: 0 };
}

function gather({ dtype, data }: Tensor, { shape, strides, offset }: View, take: Take): Tensor {
  const result = emptyLike(data, sizeOf(shape), take);
  const index = shape.map(() => 0);
  for (let to = 0; to < result.length; to++) {
    let from = offset;
    for (let axis = 0; axis < shape.length; axis++) from += index[axis] * strides[axis];
    result[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return new Tensor(dtype, shape, result);
}

/** @throws {Problem} as `take` */
export function emptyLike(data: TensorData, length: number, take: Take): TensorData {
  take(length * data.BYTES_PER_ELEMENT);
  const Data = data.constructor as new (length: number) => TensorData;
  return new Data(length);
}
