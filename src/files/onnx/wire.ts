import protobuf from 'protobufjs/minimal.js';
import { type FileLimits, invalidFile, requireWithin } from '../bounds.ts';

/*
 * The part of onnx.proto (ONNX 1.23, proto2) that a recurrent node needs, by field number. Messages are walked field by
 * field rather than decoded whole: two bytes of a file could otherwise become an object each, and a gigabyte in all.
 */
export const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, functions: 25 } as const;
export const OPSET = { version: 2 } as const;
export const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12, sparseInitializer: 15 } as const;
export const FUNCTION = { node: 7, domain: 10 } as const;
export const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const;
export const ATTRIBUTE = {
  name: 1,
  f: 2,
  i: 3,
  s: 4,
  t: 5,
  g: 6,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  type: 20,
  sparseTensor: 22,
  sparseTensors: 23,
} as const;
export const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;
export const SPARSE_TENSOR = { values: 1, indices: 2 } as const;
export const TENSOR = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  externalData: 13,
  dataLocation: 14,
} as const;
/** An entry of externalData. */
export const ENTRY = { key: 1, value: 2 } as const;
export const VALUE_INFO = { name: 1, type: 2 } as const;
export const TYPE = { tensorType: 1 } as const;
export const TENSOR_TYPE = { elemType: 1, shape: 2 } as const;
export const SHAPE = { dim: 1 } as const;
export const DIMENSION = { value: 1, param: 2 } as const;
export const DATA_TYPE = { float: 1, int32: 6, int64: 7, bool: 9, float16: 10, double: 11, bfloat16: 16 } as const;

const FORMAT = 'ONNX';
/** Wire types of protobuf. */
export const [VARINT, BYTES, FIXED32] = [0, 2, 5];
/** Fields read for each tensor that a file may have. */
const FIELDS_PER_TENSOR = 100;

const NO_BYTES = new Uint8Array(0);

/** One field of a message. Views of its bytes are made when they are asked for: a file may have a million fields. */
export class WireField {
  readonly number: number;
  /** The value of a varint as a signed 64-bit integer; 0 for other fields. */
  readonly value: bigint;
  private readonly message: Uint8Array;
  private readonly first: number;
  /** Where its bytes begin; for a varint, which has none, where it ends. */
  private readonly from: number;
  private readonly end: number;

  constructor(message: Uint8Array, number: number, value: bigint, first: number, from: number, end: number) {
    this.message = message;
    this.number = number;
    this.value = value;
    this.first = first;
    this.from = from;
    this.end = end;
  }

  /** Its bytes; none for a varint. */
  get bytes(): Uint8Array {
    return this.from === this.end ? NO_BYTES : this.message.subarray(this.from, this.end);
  }

  /** The field as it stands in the message, its tag included. */
  get whole(): Uint8Array {
    return this.message.subarray(this.first, this.end);
  }
}

/** Counts the fields of one file, so that what is made of them is bounded. */
export class FieldBudget {
  readonly #limit: number;
  #taken = 0;

  constructor(limits: FileLimits) {
    this.#limit = limits.maxTensors * FIELDS_PER_TENSOR;
  }

  take(): void {
    this.#taken += 1;
    requireWithin(FORMAT, 'fields', this.#taken, this.#limit);
  }
}

/**
 * The fields of a message in their order, without descending.
 * @throws {Problem} invalid-file for bytes that are not a message, limit-exceeded over the budget.
 */
export function* fieldsOf(message: Uint8Array, budget: FieldBudget): Generator<WireField> {
  const reader = new protobuf.Reader(message);
  while (reader.pos < reader.len) {
    budget.take();
    yield nextField(reader, message);
  }
}

function nextField(reader: protobuf.Reader, message: Uint8Array): WireField {
  try {
    const first = reader.pos;
    const tag = reader.tag();
    const [number, type] = [tag >>> 3, tag & 7];
    if (number === 0) throw new RangeError('a field has the number 0');
    let from = reader.pos;
    let value = 0n;
    if (type === VARINT) {
      value = varint(reader);
      from = reader.pos;
    } else if (type === BYTES) {
      const length = reader.uint32();
      from = reader.pos;
      reader.skip(length);
    } else reader.skipType(type);
    return new WireField(message, number, value, first, from, reader.pos);
  } catch (error) {
    throw invalidFile(
      FORMAT,
      `it is not a protobuf message, or it is cut off (${error instanceof Error ? error.message : error}).`,
      error,
    );
  }
}

/** The varints of a packed field. */
export function* varintsOf(packed: Uint8Array): Generator<bigint> {
  const reader = new protobuf.Reader(packed);
  while (reader.pos < reader.len) {
    try {
      yield varint(reader);
    } catch (error) {
      throw invalidFile(FORMAT, 'a list of integers is cut off.', error);
    }
  }
}

function varint(reader: protobuf.Reader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (reader.pos >= reader.len) throw new RangeError('index out of range');
    const byte = reader.buf[reader.pos++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value);
  }
  throw new RangeError('a varint is longer than 10 bytes');
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    throw invalidFile(FORMAT, 'a text in it is not UTF-8.', error);
  }
}
