import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { type Dtype, formatShape } from '../../domain/tensor.ts';
import { asShape, checkedSize, type FileLimits, invalidFile, isCount, requireWithin } from '../bounds.ts';
import { ELEMENT_TYPES, type ElementType } from '../elements.ts';
import { strictJsonSlices } from '../strict-json.ts';

const FORMAT = 'safetensors';
export const METADATA = '__metadata__';
export const LENGTH_BYTES = 8;

export const TYPES: Readonly<Record<string, ElementType>> = {
  F16: 'f16',
  BF16: 'bf16',
  F32: 'f32',
  F64: 'f64',
  I8: 'i8',
  I16: 'i16',
  I32: 'i32',
  I64: 'i64',
  U8: 'u8',
  U16: 'u16',
  U32: 'u32',
  BOOL: 'bool',
};

/** How dtypes are written. */
export const NAMES: Readonly<Record<Dtype, string>> = {
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
  int32: 'I32',
  int64: 'I64',
  bool: 'BOOL',
};

/** A tensor as the header has it: its bytes are those from `begin` to `end` of the data. */
export interface Entry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order written. */
  readonly entries: readonly Entry[];
  readonly metadata: Record<string, string>;
  /** The position of the data in the file. */
  readonly dataStart: number;
}

/**
 * The header of a safetensors file, checked as far as it can be without reading the data. In slices.
 * @throws {Problem} invalid-file, limit-exceeded.
 */
export function* readHeader(
  bytes: Uint8Array,
  limits: FileLimits,
  known: KnownHeaders = new Map(),
): Generator<void, Header> {
  const dataStart = LENGTH_BYTES + headerLength(bytes, bytes.length, limits);
  const { entries, metadata } = yield* parse(bytes.subarray(LENGTH_BYTES, dataStart), limits, known);
  requireCovered(coveredBytes(inOrder(entries), limits), bytes.length - dataStart);
  return { entries, metadata, dataStart };
}

export type Parsed = Pick<Header, 'entries' | 'metadata'>;

/** The last headers by their bytes as text: a client that sends step after step sends the same header each time. */
export type KnownHeaders = Map<string, Parsed>;
const MOST_KNOWN = 64;
const LONGEST_KNOWN = 2 ** 12;
/** In a header: its dtype, its shape, its offsets, and some of the metadata. */
const VALUES_PER_TENSOR = 16;
/** Entries that are read in one slice. */
export const SLICE_ENTRIES = 256;

/** The JSON of a header. In slices. */
export function* parse(
  bytes: Uint8Array,
  limits: FileLimits,
  known: KnownHeaders = new Map(),
): Generator<void, Parsed> {
  const short = bytes.length <= LONGEST_KNOWN;
  const text = short ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') : '';
  const before = known.get(text);
  if (before) return before;
  const { names, header } = yield* parseHeader(bytes, limits);
  const metadata = readMetadata(header[METADATA]);
  const entries: Entry[] = [];
  for (const name of names) {
    if (name !== METADATA) entries.push(readEntry(name, header[name]));
    if (entries.length % SLICE_ENTRIES === 0) yield;
  }
  if (short) {
    const [oldest] = known.keys();
    if (known.size === MOST_KNOWN) known.delete(oldest);
    known.set(text, { entries, metadata });
  }
  return { entries, metadata };
}

/** The bytes of the header of a file of so many bytes, by how it begins. */
export function headerLength(beginning: Uint8Array, fileBytes: number, limits: FileLimits): number {
  if (fileBytes < LENGTH_BYTES)
    throw invalidFile(FORMAT, `it has ${fileBytes} bytes, less than its header length takes.`);
  const claimed = new DataView(beginning.buffer, beginning.byteOffset).getBigUint64(0, true);
  const room = fileBytes - LENGTH_BYTES;
  if (claimed > BigInt(room)) throw invalidFile(FORMAT, `its header claims ${claimed} bytes, but ${room} follow.`);
  requireWithin(FORMAT, 'header bytes', Number(claimed), limits.maxHeaderBytes);
  return Number(claimed);
}

function* parseHeader(
  bytes: Uint8Array,
  { maxTensors }: FileLimits,
): Generator<void, { names: string[]; header: JsonObject }> {
  if (bytes[0] !== 0x7b) throw invalidFile(FORMAT, "its header does not start with '{'.");
  try {
    const { value, keys } = yield* strictJsonSlices(bytes, VALUES_PER_TENSOR * (maxTensors + 1));
    if (!isJsonObject(value)) throw new SyntaxError('it is not an object');
    return { names: keys, header: value };
  } catch (error) {
    throw invalidFile(
      FORMAT,
      `its header is not a JSON object: ${error instanceof Error ? error.message : error}.`,
      error,
    );
  }
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw invalidFile(FORMAT, `${METADATA} is not an object of strings.`);
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') throw invalidFile(FORMAT, `the value of '${key}' in ${METADATA} is not a string.`);
    return [key, text];
  });
  return Object.fromEntries(entries);
}

function readEntry(name: string, value: unknown): Entry {
  if (!name.isWellFormed()) throw invalidFile(FORMAT, 'the name of a tensor is not well-formed Unicode.');
  if (!isJsonObject(value)) throw invalidFile(FORMAT, `the header entry of '${name}' is not an object.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(TYPES, dtype)) {
    throw invalidFile(
      FORMAT,
      `'${name}' has the dtype ${JSON.stringify(dtype)}; those read are ${Object.keys(TYPES).join(', ')}.`,
    );
  }
  if (!Array.isArray(shape)) throw invalidFile(FORMAT, `the shape of '${name}' is not a list of extents.`);
  const size = checkedSize(FORMAT, name, shape);
  if (!Array.isArray(offsets) || offsets.length !== 2)
    throw invalidFile(FORMAT, `the data_offsets of '${name}' are not a pair.`);
  const [begin, end] = offsets;
  if (!isCount(begin) || !isCount(end) || begin > end) {
    throw invalidFile(FORMAT, `the data_offsets ${JSON.stringify(offsets)} of '${name}' are not in order.`);
  }
  const needed = size * ELEMENT_TYPES[TYPES[dtype]].bytes;
  if (end - begin !== needed) {
    const claim = `${dtype} of shape ${formatShape(asShape(shape))} takes ${needed}`;
    throw invalidFile(FORMAT, `the data_offsets of '${name}' hold ${end - begin} bytes, but ${claim}.`);
  }
  return { name, type: TYPES[dtype], shape: asShape(shape), begin, end };
}

/** The tensors must cover the data, which has `length` bytes, to its end. @throws {Problem} invalid-file */
export function requireCovered(covered: number, length: number): void {
  if (covered !== length)
    throw invalidFile(FORMAT, `its tensors take ${covered} bytes, but ${length} follow the header.`);
}

/**
 * The bytes that the tensors cover, which must be in the order of their places, without overlap or hole.
 * @throws {Problem} invalid-file, limit-exceeded
 */
export function coveredBytes(entries: readonly Entry[], limits: FileLimits): number {
  requireWithin(FORMAT, 'tensors', entries.length, limits.maxTensors);
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin < covered)
      throw invalidFile(FORMAT, `'${name}' starts at byte ${begin}, inside another tensor that ends at ${covered}.`);
    if (begin > covered)
      throw invalidFile(FORMAT, `no tensor has the bytes from ${covered} to ${begin}, where '${name}' starts.`);
    covered = end;
  }
  return covered;
}

/** In the order of their places. */
export function inOrder(entries: readonly Entry[]): readonly Entry[] {
  const ordered = entries.every(({ begin }, k) => k === 0 || entries[k - 1].end <= begin);
  return ordered ? entries : entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
}
