import protobuf from 'protobufjs';
import { copySlices } from '../../domain/bytes.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { fieldsOf, readInt64 } from './fields.ts';

/** The field of InferTensorContents for a datatype, and the bytes of one element in raw contents. */
interface Contents {
  readonly field: number;
  readonly name: string;
  readonly width: number;
  /**
   * Copies an element that is a varint from the message to `at`, little-endian. Left out where elements of the message have the bits
   * of raw contents.
   */
  readonly move?: (from: protobuf.Reader, to: DataView, at: number) => void;
}

const CONTENTS: Readonly<Record<string, Contents>> = {
  BOOL: { field: 1, name: 'bool_contents', width: 1, move: (from, to, at) => to.setUint8(at, from.bool() ? 1 : 0) },
  INT32: { field: 2, name: 'int_contents', width: 4, move: (from, to, at) => to.setInt32(at, from.int32(), true) },
  INT64: {
    field: 3,
    name: 'int64_contents',
    width: 8,
    move(from, to, at) {
      const { low, high } = readInt64(from);
      to.setInt32(at, low, true);
      to.setInt32(at + 4, high, true);
    },
  },
  FP32: { field: 6, name: 'fp32_contents', width: 4 },
  FP64: { field: 7, name: 'fp64_contents', width: 8 },
};

/** Elements that are read in one slice: some hundred microseconds. */
const SLICE = 2 ** 11;
const COUNTED_BYTES = 2 ** 17;

/** Datatypes that the message has no field for. */
const HALVES: readonly string[] = ['FP16', 'BF16'];

/** Elements of each field, packed or not. */
interface Packed {
  readonly field: number;
  readonly bytes: Buffer;
}

/**
 * The typed contents of an input as raw contents, which may be a view of the message. In slices.
 * @throws {Problem} invalid-request where they are in another field, body-too-large where they would be over `maxBytes`
 */
export function* rawContents(
  input: { readonly name: string; readonly datatype: string; readonly pointer: string },
  message: Buffer,
  maxBytes: number,
): Generator<void, Buffer> {
  const contents = CONTENTS[input.datatype];
  // Datatypes that no cell takes are refused later, together with the other inputs.
  if (!contents && !HALVES.includes(input.datatype)) return Buffer.alloc(0);
  const { field, bytes } = yield* packedOf(message);
  if (!contents || (field !== contents.field && bytes.length > 0)) throw misplaced(input, contents);
  const size = contents.width * (yield* countOf(contents, bytes));
  if (size > maxBytes) {
    const detail = `The contents of input '${input.name}' take ${size} bytes as raw contents; the limit of a message is ${maxBytes}.`;
    throw new Problem('body-too-large', detail);
  }
  const { move, width } = contents;
  if (!move) return bytes;
  const raw = Buffer.alloc(size);
  const [reader, view] = [protobuf.Reader.create(bytes), new DataView(raw.buffer, raw.byteOffset, raw.length)];
  for (let at = 0; at < size; ) {
    const end = Math.min(size, at + SLICE * width);
    for (; at < end; at += width) move(reader, view, at);
    yield;
  }
  return raw;
}

/** Lists of numbers may come in several parts, each of one element or more. @throws {Problem} invalid-request for lists in two fields */
function* packedOf(message: Buffer): Generator<void, Packed> {
  let field = 0;
  /** A view of the first part until there is another one, then a copy of all. */
  let bytes = Buffer.alloc(0) as Buffer;
  let [length, parts] = [0, 0];
  for (const part of fieldsOf(message)) {
    if (field !== 0 && part.number !== field) {
      throw fieldProblem(
        'invalid-request',
        '/inputs',
        'An input has contents of two datatypes. Send only the contents of its own.',
      );
    }
    field = part.number;
    parts++;
    if (parts === 1) bytes = part.bytes;
    else {
      if (parts === 2) bytes = yield* copySlices(bytes, Buffer.alloc(message.length));
      yield* copySlices(part.bytes, bytes, length);
    }
    length += part.bytes.length;
    if (parts % SLICE === 0) yield;
  }
  return { field, bytes: bytes.subarray(0, length) };
}

/** Counts the elements: each varint ends with a byte below 128. @throws {RangeError} where the last one is cut off */
function* countOf({ field, width }: Contents, bytes: Buffer): Generator<void, number> {
  if (field >= 6) {
    if (bytes.length % width !== 0) throw new RangeError('a number is cut off');
    return bytes.length / width;
  }
  let count = 0;
  for (let from = 0; from < bytes.length; from += COUNTED_BYTES) {
    for (const byte of bytes.subarray(from, from + COUNTED_BYTES)) if (byte < 128) count++;
    yield;
  }
  return count;
}

function misplaced({ name, datatype, pointer }: Parameters<typeof rawContents>[0], contents?: Contents): Problem {
  const detail = contents
    ? `Input '${name}' is ${datatype}, but its contents have another datatype. Send ${contents.name}, or raw_input_contents.`
    : `Input '${name}' is ${datatype}, which has no typed contents. Send raw_input_contents.`;
  return fieldProblem('invalid-request', pointer, detail);
}
