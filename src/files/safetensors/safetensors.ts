import { type Bytes, ElementBytes, JoinedBytes } from '../../domain/bytes.ts';
import type { NamedTensors, TensorFile } from '../../domain/files.ts';
import { Tensor, type TensorData } from '../../domain/tensor.ts';
import { atOnce } from '../../threads/in-turns.ts';
import { checkedSize, DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { decodedBytes, decodeSlices, ELEMENT_TYPES, type ElementType, elementBytes, viewSlices } from '../elements.ts';
import { type Entry, type KnownHeaders, LENGTH_BYTES, METADATA, NAMES, readHeader, TYPES } from './header.ts';

const FORMAT = 'safetensors';
const ALIGNMENT = 8;

interface ReadOptions {
  /** The tensors may be views on the bytes, which then must not be changed. */
  readonly views?: boolean;
  /** Headers that were read before; this file's is added. */
  readonly headers?: KnownHeaders;
}

/**
 * Reads a safetensors file: a little-endian u64 header length, a JSON header, then the tensors' bytes without holes.
 * I8, I16, U8 and U16 come as int32, U32 as int64. Source: the format section of github.com/huggingface/safetensors.
 * @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`.
 */
export function readSafetensors(
  bytes: Uint8Array,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
  options: ReadOptions = {},
): TensorFile {
  return atOnce(safetensorsSlices(bytes, limits, options));
}

/** The same in slices. */
export function* safetensorsSlices(
  bytes: Uint8Array,
  limits: FileLimits,
  { views = false, headers }: ReadOptions = {},
): Generator<void, TensorFile> {
  requireWithin(FORMAT, 'bytes', bytes.length, limits.maxFileBytes);
  const { entries, metadata, dataStart } = readHeader(bytes, limits, headers);
  const data = bytes.subarray(dataStart);
  requireUnpacked(entries, limits);
  // Only if the bytes own their whole buffer. Otherwise a view would keep and expose foreign bytes.
  const decode = views && bytes.byteLength === bytes.buffer.byteLength ? viewSlices : decodeSlices;
  const tensors = new Map<string, Tensor>();
  for (const entry of entries) tensors.set(entry.name, yield* readTensor(entry, data, decode));
  return { tensors, metadata };
}

/** @throws {Problem} limit-exceeded */
export function requireUnpacked(entries: readonly Entry[], limits: FileLimits): void {
  const total = entries.reduce(
    (sum, entry) => sum + decodedBytes(entry.type, checkedSize(FORMAT, entry.name, entry.shape)),
    0,
  );
  requireWithin(FORMAT, 'unpacked bytes', total, limits.maxUnpackedBytes);
}

/** A safetensors file as a whole. @throws {RangeError} as safetensorsBytes */
export function writeSafetensors(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(safetensorsBytes(tensors, metadata).subarray());
}

/**
 * Writes a safetensors file, whose tensors are encoded when their bytes are asked for. The header lists metadata, then the tensors in the given order; the bytes stand in order
 * of falling element size, so that every tensor is aligned for readers that map the file. Same input, same bytes.
 * @throws {RangeError} if a tensor is named `__metadata__`, which the format keeps for itself.
 */
export function safetensorsBytes(tensors: NamedTensors, metadata: Readonly<Record<string, string>> = {}): Bytes {
  if (tensors.has(METADATA)) throw new RangeError(`a safetensors file cannot have a tensor named ${METADATA}`);
  const parts = [...tensors].map(([name, tensor]) => ({
    name,
    tensor,
    bytes: new ElementBytes(tensor, elementBytes),
    begin: 0,
  }));
  let length = 0;
  const inOrder = parts.toSorted((a, b) => widthOf(b.tensor) - widthOf(a.tensor));
  for (const part of inOrder) {
    part.begin = length;
    length += part.bytes.length;
  }
  const fields = parts.map(({ name, tensor: { dtype, shape }, begin, bytes }) => {
    const offsets = `"data_offsets":[${begin},${begin + bytes.length}]`;
    return `${JSON.stringify(name)}:{"dtype":"${NAMES[dtype]}","shape":[${shape.join(',')}],${offsets}}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"${METADATA}":${JSON.stringify(metadata)}`);
  const header = `{${fields.join(',')}}`;
  const padded = Math.ceil(Buffer.byteLength(header) / ALIGNMENT) * ALIGNMENT;
  const head = Buffer.allocUnsafe(LENGTH_BYTES + padded);
  head.writeBigUInt64LE(BigInt(padded), 0);
  head.fill(0x20, LENGTH_BYTES + head.write(header, LENGTH_BYTES));
  return new JoinedBytes([head, ...inOrder.map(({ bytes }) => bytes)]);
}

function widthOf({ dtype }: Tensor): number {
  return ELEMENT_TYPES[TYPES[NAMES[dtype]]].bytes;
}

function* readTensor(
  entry: Entry,
  data: Uint8Array,
  decode: (type: ElementType, bytes: Uint8Array) => Generator<void, TensorData>,
): Generator<void, Tensor> {
  try {
    const elements = yield* decode(entry.type, data.subarray(entry.begin, entry.end));
    return new Tensor(ELEMENT_TYPES[entry.type].dtype, entry.shape, elements);
  } catch (error) {
    throw invalidFile(FORMAT, `in '${entry.name}' ${error instanceof Error ? error.message : error}.`, error);
  }
}
