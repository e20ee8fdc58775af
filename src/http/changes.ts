import type { FastifyRequest } from 'fastify';
import { type Bytes, JoinedBytes } from '../domain/bytes.ts';
import { Problem } from '../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../domain/record.ts';
import type { Change } from '../services/changes/change.ts';
import type { OutcomeCodec } from '../services/changes/once.ts';
import { nextTurn } from '../threads/in-turns.ts';
import { fingerprintOf } from './bodies/fingerprint.ts';
import { LongText } from './json/text.ts';
import { readIfMatch } from './replies/entity-tags.ts';
import type { Reply } from './replies/replies.ts';

/** The change that a request asks for, and how to answer it. @throws {Problem} invalid-header */
export function changeOf<T>(request: FastifyRequest, answer: (result: T) => Reply): Change<T, Reply> {
  const expected = readIfMatch(request.headers['if-match']);
  const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key']);
  if (idempotencyKey === undefined) return { expected, answer };
  const once = {
    idempotencyKey,
    // Of a body that still comes it is known later.
    get fingerprint() {
      return fingerprintOf(request);
    },
    codec: KEPT_REPLY,
  };
  return { expected, answer, once };
}

function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new Problem('invalid-header', 'Idempotency-Key is not 1 to 255 visible ASCII characters.', {
    errors: [{ pointer: 'Idempotency-Key', detail: 'Send 1 to 255 visible ASCII characters, for example a UUID.' }],
  });
}

/** A reply as it is kept, without its body where that is long: then its bytes come after the record. */
interface KeptReply extends Omit<Reply, 'body'> {
  readonly body?: string;
  /** The encoding of `body`. If left out, it is text. */
  readonly encoding?: 'base64';
  /** How many bytes come after the record. */
  readonly bytes?: number;
}

/** A body of more bytes, or characters, is kept as bytes. */
const LONG_BYTES = 2 ** 16;

/** Keeps the whole reply. A repetition gets the same bytes and a header that marks it. */
export const KEPT_REPLY: OutcomeCodec<Reply> = {
  encode(reply) {
    const { body, ...head } = reply;
    if (body.length > LONG_BYTES) return encodeLong(head, body);
    const fields: KeptReply =
      typeof body === 'string' || body instanceof LongText
        ? { ...head, body: `${body}` }
        : { ...head, body: Buffer.from(body.subarray()).toString('base64'), encoding: 'base64' };
    return encodeRecord({ fields, tensors: {} });
  },
  replay(bytes) {
    const { encoding, body = '', status, headers, bytes: after } = decodeRecord<KeptReply>(bytes).fields;
    const short = encoding === 'base64' ? Uint8Array.fromBase64(body) : body;
    return {
      status,
      headers: { ...headers, 'idempotency-replayed': 'true' },
      body: after === undefined ? short : bytes.subarray(bytes.length - after),
    };
  },
};

/** Text is printed a piece in each turn of the event loop. */
async function encodeLong(head: Omit<Reply, 'body'>, body: Reply['body']): Promise<Bytes> {
  const parts: Bytes[] = [];
  if (typeof body === 'string') parts.push(Buffer.from(body));
  else if (body instanceof LongText) {
    for (const piece of body.pieces()) {
      parts.push(Buffer.from(piece));
      await nextTurn();
    }
  } else parts.push(body);
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  return new JoinedBytes([encodeRecord({ fields: { ...head, bytes }, tensors: {} }), ...parts]);
}
