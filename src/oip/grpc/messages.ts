import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const { root } = protobuf.parse(readFileSync(new URL('./inference.proto', import.meta.url), 'utf8'), {
  keepCase: true,
});

export const SERVICE = 'inference.GRPCInferenceService';
/** The most bytes of a request other than ModelInferRequest (which is walked and not decoded). */
export const MAX_SMALL_BYTES = 2 ** 16;

/** A message that this service writes, from its JSON. */
export function encodeMessage(name: string, value: object): Buffer {
  const type = root.lookupType(`inference.${name}`);
  const { buffer, byteOffset, byteLength } = type.encode(type.fromObject(value)).finish();
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A small message as an object with all its fields. @throws {Error} if the bytes are not such a message */
export function decodeMessage(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(`inference.${name}`);
  return type.toObject(type.decode(bytes), { defaults: true, longs: String });
}
