/** Element types of tensors, by the service's names, and the typed arrays that hold them here. */
const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

export type Dtype = keyof typeof ARRAYS;
export type TensorData = InstanceType<(typeof ARRAYS)[Dtype]>;
/** Numbers in nested lists, one level an axis; a bare number is a scalar. */
export type Nested = number | bigint | boolean | readonly Nested[];

/** What may be sent where a tensor is asked for. Typed arrays are one axis; nested numbers become float32. */
export type TensorLike = Tensor | TensorData | Nested;

/** An array of numbers of one type: row-major `data` of `shape`. */
export class Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;

  /** @throws {RangeError} where `data` has not as many elements as `shape` */
  constructor(data: TensorData, shape: readonly number[] = [data.length], dtype: Dtype = dtypeOf(data)) {
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (size !== data.length)
      throw new RangeError(`Shape [${shape}] has ${size} elements; the data has ${data.length}.`);
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** @throws {RangeError} for ragged lists */
  static from(value: TensorLike): Tensor {
    if (value instanceof Tensor) return value;
    if (ArrayBuffer.isView(value)) return new Tensor(value as TensorData);
    const shape = shapeOf(value as Nested);
    const flat: number[] = [];
    flatten(value as Nested, shape, 0, flat);
    return new Tensor(Float32Array.from(flat), shape);
  }

  /** One number. @throws {RangeError} where there are more */
  item(): number | bigint {
    if (this.data.length !== 1) throw new RangeError(`A tensor of shape [${this.shape}] is not one number.`);
    return this.data[0];
  }

  /** Nested lists, as JSON would have them. */
  toNested(): Nested {
    const nest = (axis: number, start: number, size: number): Nested => {
      if (axis === this.shape.length) return this.data[start];
      const extent = this.shape[axis];
      const inner = extent === 0 ? 0 : size / extent;
      return Array.from({ length: extent }, (_, i) => nest(axis + 1, start + i * inner, inner));
    };
    return nest(0, 0, this.data.length);
  }
}

/** An array of `length` zeros that holds elements of `dtype`. */
export function allocate(dtype: Dtype, length: number): TensorData {
  return new ARRAYS[dtype](length);
}

function dtypeOf(data: TensorData): Dtype {
  const found = Object.entries(ARRAYS).find(([, type]) => data instanceof type);
  if (!found)
    throw new TypeError(`${data.constructor.name} does not hold tensors. Use ${Object.keys(ARRAYS).join(', ')}.`);
  return found[0] as Dtype;
}

function shapeOf(value: Nested): number[] {
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

function flatten(value: Nested, shape: readonly number[], axis: number, into: number[]): void {
  if (axis === shape.length && !Array.isArray(value)) {
    into.push(Number(value));
    return;
  }
  if (!Array.isArray(value) || value.length !== shape[axis]) {
    throw new RangeError(
      `The lists are ragged: axis ${axis} has length ${shape[axis] ?? 'none'} at first, then another.`,
    );
  }
  for (const item of value) flatten(item, shape, axis + 1, into);
}
