import protobuf from 'protobufjs';

const LENGTH_DELIMITED = 2;
/** The beginning and the end of a group, which messages of this protocol do not have: to skip it would look at all that is in it. */
const GROUPS: readonly number[] = [3, 4];

/** One field of a message of protobuf: its number, and its bytes without tag and length. */
export interface Field {
  readonly number: number;
  readonly bytes: Buffer;
}

/**
 * The fields of a message in their order, without descending. Messages are walked and not decoded whole. Otherwise every two
 * bytes could become an object, and a message a gigabyte.
 * @throws {RangeError} if the bytes are not a message
 */
export function* fieldsOf(message: Buffer): Generator<Field> {
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [number, type] = [tag >>> 3, tag & 7];
    if (number === 0) throw new RangeError('a field has the number 0');
    if (GROUPS.includes(type)) throw new RangeError('a field is a group');
    const length = type === LENGTH_DELIMITED ? reader.uint32() : undefined;
    const start = reader.pos;
    if (length === undefined) reader.skipType(type);
    else reader.skip(length);
    yield { number, bytes: message.subarray(start, reader.pos) };
  }
}

/** @throws {TypeError} where it is not UTF-8 */
export function textOf({ bytes }: Field): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** A signed integer of 64 bits. */
export function int64Of({ bytes }: Field): bigint {
  const { low, high } = readInt64(protobuf.Reader.create(bytes));
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** The two halves of an int64, both signed. */
export function readInt64(reader: protobuf.Reader): { readonly low: number; readonly high: number } {
  // protobufjs gives a Long here, because the package `long` is installed.
  return reader.int64() as unknown as { low: number; high: number };
}
