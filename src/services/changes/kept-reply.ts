import { decodeRecord, encodeRecord } from '../../domain/record.ts';

/** A reply as it goes out, and as it is kept beside its Idempotency-Key. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, or bytes where it is a file. */
  readonly body: string | Uint8Array;
}

interface KeptReply extends Omit<Reply, 'body'> {
  readonly body: string;
  /** How `body` has bytes; text where it is left out. */
  readonly encoding?: 'base64';
}

export function encodeReply(reply: Reply): Uint8Array {
  const { body } = reply;
  const fields: KeptReply =
    typeof body === 'string' ? { ...reply, body } : { ...reply, body: body.toBase64(), encoding: 'base64' };
  return encodeRecord({ fields, tensors: {} });
}

export function decodeReply(bytes: Uint8Array): Reply {
  const { encoding, body, ...reply } = decodeRecord<KeptReply>(bytes).fields;
  return { ...reply, body: encoding === 'base64' ? Uint8Array.fromBase64(body) : body };
}
