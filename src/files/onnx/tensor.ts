import { Tensor, type TensorData } from '../../domain/tensor.ts';
import { asShape, checkedSize, invalidFile } from '../bounds.ts';
import { decodeElements, ELEMENT_TYPES, type ElementType } from '../elements.ts';
import { DATA_TYPE, type FieldBudget, fieldsOf, TENSOR, textOf, varintsOf } from './wire.ts';

const FORMAT = 'ONNX';
const EXTERNAL = 1n;

const TYPES: ReadonlyMap<bigint, ElementType> = new Map([
  [BigInt(DATA_TYPE.float), 'f32'],
  [BigInt(DATA_TYPE.float16), 'f16'],
  [BigInt(DATA_TYPE.double), 'f64'],
  [BigInt(DATA_TYPE.bfloat16), 'bf16'],
]);

/** A TensorProto whose elements are still bytes of the file: only those that are asked for are decoded. */
export interface TensorRecord {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: bigint;
  readonly external: boolean;
  readonly raw?: Uint8Array;
  /** float_data and double_data: little-endian elements as they stand. */
  readonly fixed: readonly Uint8Array[];
  /** int32_data, which holds the bits of 16-bit floats. */
  readonly packed: readonly Uint8Array[];
  readonly unpacked: readonly bigint[];
}

/** `of` says what the tensor is, where it has no name. */
export function readTensorRecord(message: Uint8Array, budget: FieldBudget, of: string): TensorRecord {
  const dims: number[] = [];
  const fixed: Uint8Array[] = [];
  const packed: Uint8Array[] = [];
  const unpacked: bigint[] = [];
  let name = of;
  let dataType = 0n;
  let external = false;
  let raw: Uint8Array | undefined;
  for (const { number, bytes, value } of fieldsOf(message, budget)) {
    if (number === TENSOR.dims) {
      for (const dim of bytes.length > 0 ? varintsOf(bytes) : [value]) {
        budget.take();
        dims.push(Number(dim));
      }
    } else if (number === TENSOR.dataType) dataType = value;
    else if (number === TENSOR.name) name = textOf(bytes);
    else if (number === TENSOR.rawData) raw = bytes;
    else if (number === TENSOR.floatData || number === TENSOR.doubleData) fixed.push(bytes);
    else if (number === TENSOR.int32Data && bytes.length > 0) packed.push(bytes);
    else if (number === TENSOR.int32Data) unpacked.push(value);
    else if (number === TENSOR.externalData) external = true;
    else if (number === TENSOR.dataLocation) external ||= value === EXTERNAL;
  }
  return { name, dims, dataType, external, raw, fixed, packed, unpacked };
}

/** @throws {Problem} invalid-file if it is no float tensor, is kept elsewhere or has not what its shape takes. */
export function decodeRecord(record: TensorRecord): Tensor {
  const { name, dims, dataType, external, raw, fixed } = record;
  if (external)
    throw invalidFile(FORMAT, `the data of '${name}' is in another file; send a model with its data inside.`);
  const type = TYPES.get(dataType);
  if (!type)
    throw invalidFile(
      FORMAT,
      `'${name}' has the data type ${dataType}; weights are FLOAT, FLOAT16, DOUBLE or BFLOAT16.`,
    );
  const size = checkedSize(FORMAT, name, dims);
  const { bytes: width, dtype } = ELEMENT_TYPES[type];
  const data = raw ?? (width === 2 ? halves(record, size) : concatenated(fixed));
  if (data.length !== size * width) {
    throw invalidFile(
      FORMAT,
      `'${name}' has ${data.length} bytes of data, but its shape [${dims.join(',')}] takes ${size * width}.`,
    );
  }
  const elements: TensorData = decodeElements(type, data);
  return new Tensor(dtype, asShape(dims), elements);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

function halves({ name, packed, unpacked }: TensorRecord, size: number): Uint8Array {
  const room = packed.reduce((sum, part) => sum + part.length, unpacked.length);
  if (size > room)
    throw invalidFile(FORMAT, `'${name}' has data for at most ${room} elements, but its shape takes ${size}.`);
  const result = new DataView(new ArrayBuffer(2 * size));
  let at = 0;
  for (const part of [unpacked, ...packed.map(varintsOf)]) {
    for (const bits of part) {
      if (at === size || bits < 0n || bits > 0xffffn)
        throw invalidFile(FORMAT, `element ${at} of '${name}' is beyond its shape or 16 bits.`);
      result.setUint16(2 * at++, Number(bits), true);
    }
  }
  return new Uint8Array(result.buffer, 0, 2 * at);
}
