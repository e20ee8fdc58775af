import type { OnnxValue, Tensor, TensorConstructor } from 'onnxruntime-node';
import { type Dtype, sameShape } from '../../domain/tensor.ts';
import type { SentTensors } from './messages.ts';

/** The dtypes that graphs may have at their edges, and the arrays that the runtime takes for them. */
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;
type RuntimeDtype = keyof typeof ARRAYS;

/** One of several. `Runtime` is the runtime's own class of tensors. The result may be a view of the bytes. */
export function toRuntime(Runtime: TensorConstructor, { dtype, shape, count, bytes }: SentTensors, index = 0): Tensor {
  const type = dtype as RuntimeDtype;
  const Elements = ARRAYS[type];
  const size = bytes.length / count;
  const isAligned = (bytes.byteOffset + index * size) % Elements.BYTES_PER_ELEMENT === 0;
  const own = bytes.subarray(index * size, (index + 1) * size);
  const { buffer, byteOffset } = isAligned ? own : new Uint8Array(own);
  return new Runtime(type, new Elements(buffer as ArrayBuffer, byteOffset, size / Elements.BYTES_PER_ELEMENT), shape);
}

/** @throws {Error} where it is no tensor of a dtype that cells have */
export function toSent(name: string, value: OnnxValue | undefined): SentTensors {
  if (!value || !('data' in value)) throw new Error(`the graph gave no tensor for '${name}'`);
  if (!Object.hasOwn(ARRAYS, value.type)) {
    throw new Error(`the graph gave a tensor of ${value.type} for '${name}', which cells do not have`);
  }
  const { buffer, byteOffset, byteLength } = value.data as Float32Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return { dtype: value.type as Dtype, shape: value.dims, count: 1, bytes };
}

/** The same tensors, those together that are alike and follow each other. */
export function together(tensors: readonly SentTensors[]): SentTensors[] {
  if (tensors.length < 2) return [...tensors];
  const all: SentTensors[] = [];
  for (let from = 0, to = 0; from < tensors.length; from = to) {
    while (to < tensors.length && isAlike(tensors[from], tensors[to])) to++;
    const bytes = Buffer.concat(tensors.slice(from, to).map((tensor) => tensor.bytes));
    all.push({ ...tensors[from], count: to - from, bytes });
  }
  return all;
}

function isAlike(a: SentTensors, b: SentTensors): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}
