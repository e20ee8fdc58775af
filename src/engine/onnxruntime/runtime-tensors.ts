import type { OnnxValue, Tensor, TensorConstructor } from 'onnxruntime-node';
import type { Dtype } from '../../domain/tensor.ts';
import type { SentTensor } from './messages.ts';

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

/** `Runtime` is the runtime's own class of tensors. */
export function toRuntime(Runtime: TensorConstructor, { dtype, shape, bytes }: SentTensor): Tensor {
  const type = dtype as RuntimeDtype;
  // A copy of their own, because messages are not aligned.
  const { buffer } = new Uint8Array(bytes);
  return new Runtime(type, new ARRAYS[type](buffer) as never, shape);
}

/** @throws {Error} where it is no tensor of a dtype that cells have */
export function toSent(name: string, value: OnnxValue | undefined): SentTensor {
  if (!value || !('data' in value)) throw new Error(`the graph gave no tensor for '${name}'`);
  if (!Object.hasOwn(ARRAYS, value.type)) {
    throw new Error(`the graph gave a tensor of ${value.type} for '${name}', which cells do not have`);
  }
  const { buffer, byteOffset, byteLength } = value.data as Float32Array;
  return { dtype: value.type as Dtype, shape: value.dims, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}
