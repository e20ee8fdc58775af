import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { type Bytes, copySlices, JoinedBytes } from '../../domain/bytes.ts';
import { atOnce } from '../../threads/in-turns.ts';
import { PREFIX_BYTES } from './message-decoder.ts';

const { root } = protobuf.parse(readFileSync(new URL('./inference.proto', import.meta.url), 'utf8'), {
  keepCase: true,
});

export const SERVICE = 'inference.GRPCInferenceService';
/** The most bytes of a request other than ModelInferRequest (which is walked and not decoded). */
export const MAX_SMALL_BYTES = 2 ** 16;

/** A message that this service writes, from its JSON. */
function encodeMessage(name: string, value: object): Buffer {
  const type = root.lookupType(`inference.${name}`);
  const { buffer, byteOffset, byteLength } = type.encode(type.fromObject(value)).finish();
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The fields of a ModelInferResponse without its raw_output_contents, and those. */
export interface InferResponse {
  readonly fields: object;
  readonly raw: readonly Bytes[];
}

/** Fields of messages with a length before them. */
const RAW_OUTPUT_CONTENTS = 6;
const INFER_RESPONSE = 2;

/** A ModelInferResponse as it is sent, with the prefix of gRPC. In slices. */
export function frameResponse(response: InferResponse): Generator<void, Buffer> {
  return joinedFrame(partsOf(response));
}

/** The same within a ModelStreamInferResponse. */
export function frameStreamResponse(response: InferResponse): Generator<void, Buffer> {
  const message = partsOf(response);
  return joinedFrame([startOf(INFER_RESPONSE, new JoinedBytes(message).length), ...message]);
}

/** Any other message as it is sent. */
export function frameMessage(name: string, value: object): Buffer {
  return atOnce(joinedFrame([encodeMessage(name, value)]));
}

function partsOf({ fields, raw }: InferResponse): Bytes[] {
  const contents = raw.flatMap((bytes) => [startOf(RAW_OUTPUT_CONTENTS, bytes.length), bytes]);
  return [encodeMessage('ModelInferResponse', fields), ...contents];
}

/** What comes before the bytes of a field: its tag and its length. */
function startOf(field: number, length: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((field << 3) | 2)
    .uint32(length)
    .finish();
}

function joinedFrame(parts: readonly Bytes[]): Generator<void, Buffer> {
  const message = new JoinedBytes(parts);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  return copySlices(message, frame, PREFIX_BYTES);
}

/** A small message as an object with all its fields. @throws {Error} if the bytes are not such a message */
export function decodeMessage(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(`inference.${name}`);
  return type.toObject(type.decode(bytes), { defaults: true, longs: String });
}
