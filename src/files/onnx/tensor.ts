import { Tensor, type TensorData } from '../../domain/tensor.ts';
import { asShape, checkedSize, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { decodedBytes, decodeElements, ELEMENT_TYPES, type ElementType } from '../elements.ts';
import { DATA_TYPE, ENTRY, type FieldBudget, fieldsOf, TENSOR, textOf, varintsOf } from './wire.ts';

const FORMAT = 'ONNX';
const EXTERNAL = 1n;

const TYPES: ReadonlyMap<bigint, ElementType> = new Map([
  [BigInt(DATA_TYPE.float), 'f32'],
  [BigInt(DATA_TYPE.float16), 'f16'],
  [BigInt(DATA_TYPE.double), 'f64'],
  [BigInt(DATA_TYPE.bfloat16), 'bf16'],
  [BigInt(DATA_TYPE.int32), 'i32'],
  [BigInt(DATA_TYPE.int64), 'i64'],
  [BigInt(DATA_TYPE.bool), 'bool'],
]);

/** A TensorProto whose elements are still bytes of the file: only those that are asked for are decoded. */
export interface TensorRecord {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: bigint;
  /** Keys and values for data in another file: `location`, `offset`, `length`. */
  readonly external?: ReadonlyMap<string, string>;
  readonly raw?: Uint8Array;
  /** float_data and double_data: little-endian elements as they stand. */
  readonly fixed: readonly Uint8Array[];
  /** int32_data, which holds the bits of 16-bit floats too, and int64_data. */
  readonly packed: readonly Uint8Array[];
  readonly unpacked: readonly bigint[];
}

/** `of` describes the tensor if it has no name. */
export function readTensorRecord(message: Uint8Array, budget: FieldBudget, of: string): TensorRecord {
  const dims: number[] = [];
  const fixed: Uint8Array[] = [];
  const packed: Uint8Array[] = [];
  const unpacked: bigint[] = [];
  let name = of;
  let dataType = 0n;
  const external = new Map<string, string>();
  let isExternal = false;
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
    else if (number === TENSOR.int32Data || number === TENSOR.int64Data) {
      if (bytes.length > 0) packed.push(bytes);
      else unpacked.push(value);
    } else if (number === TENSOR.externalData) external.set(...readEntry(bytes, budget));
    else if (number === TENSOR.dataLocation) isExternal = value === EXTERNAL;
  }
  const elsewhere = isExternal || external.size > 0 ? { external } : {};
  return { name, dims, dataType, raw, fixed, packed, unpacked, ...elsewhere };
}

function readEntry(message: Uint8Array, budget: FieldBudget): [key: string, value: string] {
  const texts = new Map<number, string>();
  for (const { number, bytes } of fieldsOf(message, budget)) texts.set(number, textOf(bytes));
  return [texts.get(ENTRY.key) ?? '', texts.get(ENTRY.value) ?? ''];
}

/** Files that were sent with a model, by name. */
export type Beside = ReadonlyMap<string, Uint8Array>;

/** The name of the file with a tensor's data, if it was not sent. */
export function missingFile({ external }: TensorRecord, beside: Beside): string | undefined {
  const location = external?.get('location') ?? '';
  return external && !beside.has(nameOfFile(location)) ? location : undefined;
}

/** Only the last part counts: what is before it is a place on the machine that wrote the model. */
export function nameOfFile(location: string): string {
  return location.split(/[/\\]/).at(-1) ?? '';
}

function externalData(name: string, external: ReadonlyMap<string, string>, beside: Beside, length: number): Uint8Array {
  const location = external.get('location') ?? '';
  const file = beside.get(nameOfFile(location));
  if (!file) throw invalidFile(FORMAT, `the data of '${name}' is in '${location}'. ${SEND_BOTH}`);
  const begin = countOf(name, 'offset', external.get('offset') ?? '0');
  const size = countOf(name, 'length', external.get('length') ?? `${length}`);
  if (begin + size > file.length) {
    throw invalidFile(
      FORMAT,
      `'${name}' is at ${begin} to ${begin + size} of '${location}', which has ${file.length} bytes.`,
    );
  }
  return file.subarray(begin, begin + size);
}

function countOf(name: string, key: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidFile(FORMAT, `the ${key} of the data of '${name}' is '${text.slice(0, 40)}', which is not a count.`);
}

/** The data of a tensor that is in a file sent with the model. @throws {Problem} invalid-file where it is not there */
export function dataBeside(record: TensorRecord, beside: Beside): Uint8Array | undefined {
  const { name, dims, dataType, external } = record;
  const type = TYPES.get(dataType);
  if (!external || !type || missingFile(record, beside) !== undefined) return undefined;
  return externalData(name, external, beside, checkedSize(FORMAT, name, dims) * ELEMENT_TYPES[type].bytes);
}

/** The advice for a model with data in another file. */
export const SEND_BOTH =
  'Send the model and that file as two parts of one multipart/form-data body, each with its filename.';

/** Counts what is unpacked of a file. @throws {Problem} limit-exceeded */
export type Take = (bytes: number) => void;

export function unpacking({ maxUnpackedBytes }: Pick<FileLimits, 'maxUnpackedBytes'>): Take {
  let taken = 0;
  return (bytes) => {
    taken += bytes;
    requireWithin(FORMAT, 'unpacked bytes', taken, maxUnpackedBytes);
  };
}

/**
 * `take` is told of its bytes before they are unpacked.
 * @throws {Problem} invalid-file if its type is not read, its data is not there or not what its shape takes; as `take`
 */
export function decodeRecord(record: TensorRecord, beside: Beside, take: Take): Tensor {
  const { name, dims, dataType, external, raw, fixed } = record;
  const type = TYPES.get(dataType);
  if (!type)
    throw invalidFile(
      FORMAT,
      `'${name}' has the data type ${dataType}; weights are FLOAT, FLOAT16, DOUBLE or BFLOAT16.`,
    );
  const size = checkedSize(FORMAT, name, dims);
  const { bytes: width, dtype } = ELEMENT_TYPES[type];
  const isFixed = type === 'f32' || type === 'f64';
  const inside = () => raw ?? (isFixed ? concatenated(fixed) : integers(record, size, width, take));
  const data = external ? externalData(name, external, beside, size * width) : inside();
  if (data.length !== size * width) {
    throw invalidFile(
      FORMAT,
      `'${name}' has ${data.length} bytes of data, but its shape [${dims.join(',')}] takes ${size * width}.`,
    );
  }
  take(decodedBytes(type, size));
  if (type === 'bool' && data.some((byte) => byte > 1))
    throw invalidFile(FORMAT, `'${name}' has a BOOL that is neither 0 nor 1.`);
  const elements: TensorData = decodeElements(type, data);
  return new Tensor(dtype, asShape(dims), elements);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** Elements that stand as varints: the bits of 16-bit floats, int32 and int64. */
function integers({ name, packed, unpacked }: TensorRecord, size: number, width: number, take: Take): Uint8Array {
  const room = packed.reduce((sum, part) => sum + part.length, unpacked.length);
  if (size > room)
    throw invalidFile(FORMAT, `'${name}' has data for at most ${room} elements, but its shape takes ${size}.`);
  take(width * size);
  const result = new DataView(new ArrayBuffer(width * size));
  let at = 0;
  for (const part of [unpacked, ...packed.map(varintsOf)]) {
    for (const bits of part) {
      if (at === size || (width === 2 && (bits < 0n || bits > 0xffffn)))
        throw invalidFile(FORMAT, `element ${at} of '${name}' is beyond its shape or 16 bits.`);
      if (width === 1) result.setUint8(at++, Number(bits & 0xffn));
      else if (width === 2) result.setUint16(2 * at++, Number(bits), true);
      else if (width === 4) result.setInt32(4 * at++, Number(BigInt.asIntN(32, bits)), true);
      else result.setBigInt64(8 * at++, bits, true);
    }
  }
  return new Uint8Array(result.buffer, 0, width * at);
}
