import { type Bytes, ElementBytes, JoinedBytes } from '../../domain/bytes.ts';
import type { NamedShape, NamedTensors, TensorFile } from '../../domain/files.ts';
import { BYTES_PER_ELEMENT, sizeOf, Tensor, type TensorData } from '../../domain/tensor.ts';
import { atOnce } from '../../threads/in-turns.ts';
import { checkedSize, DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { decodedBytes, decodeSlices, ELEMENT_TYPES, type ElementType, elementBytes, viewSlices } from '../elements.ts';
import { type Entry, type KnownHeaders, LENGTH_BYTES, METADATA, NAMES, readHeader, SLICE_ENTRIES } from './header.ts';

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
  const { entries, metadata, dataStart } = yield* readHeader(bytes, limits, headers);
  const data = bytes.subarray(dataStart);
  requireUnpacked(entries, limits);
  // Only if the bytes own their whole buffer. Otherwise a view would keep and expose foreign bytes.
  const decode = views && bytes.byteLength === bytes.buffer.byteLength ? viewSlices : decodeSlices;
  const tensors = new Map<string, Tensor>();
  for (const entry of entries) {
    tensors.set(entry.name, yield* readTensor(entry, data, decode));
    if (tensors.size % SLICE_ENTRIES === 0) yield;
  }
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
  const named = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const inOrder = [...tensors.values()].toSorted((a, b) => BYTES_PER_ELEMENT[b.dtype] - BYTES_PER_ELEMENT[a.dtype]);
  const head = safetensorsHead(named, metadata);
  return new JoinedBytes([head, ...inOrder.map((tensor) => new ElementBytes(tensor, elementBytes))]);
}

/**
 * What a safetensors file begins with, before the bytes of its tensors: those come in the order of falling element size, and else as given.
 * @throws {RangeError} as safetensorsBytes
 */
export function safetensorsHead(
  tensors: readonly NamedShape[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const parts = tensors.map((tensor) => ({ ...tensor, width: BYTES_PER_ELEMENT[tensor.dtype], begin: 0 }));
  let length = 0;
  for (const part of parts.toSorted((a, b) => b.width - a.width)) {
    part.begin = length;
    length += part.width * sizeOf(part.shape);
  }
  const fields = parts.map(({ name, dtype, shape, width, begin }) => {
    if (name === METADATA) throw new RangeError(`a safetensors file cannot have a tensor named ${METADATA}`);
    const offsets = `"data_offsets":[${begin},${begin + width * sizeOf(shape)}]`;
    return `${JSON.stringify(name)}:{"dtype":"${NAMES[dtype]}","shape":[${shape.join(',')}],${offsets}}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"${METADATA}":${JSON.stringify(metadata)}`);
  const header = `{${fields.join(',')}}`;
  const padded = Math.ceil(Buffer.byteLength(header) / ALIGNMENT) * ALIGNMENT;
  const head = Buffer.allocUnsafeSlow(LENGTH_BYTES + padded);
  head.writeBigUInt64LE(BigInt(padded), 0);
  head.fill(0x20, LENGTH_BYTES + head.write(header, LENGTH_BYTES));
  return head;
}

/** A tensor of the data of a file. @throws {Problem} invalid-file */
export function* readTensor(
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
