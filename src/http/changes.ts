import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../domain/record.ts';
import type { Change } from '../services/changes/change.ts';
import type { OutcomeCodec } from '../services/changes/once.ts';
import { readIfMatch } from './entity-tags.ts';
import { fingerprintOf } from './fingerprint.ts';
import { LongText } from './json-text.ts';
import type { Reply } from './replies.ts';

/** The change that a request asks for, and how to answer it. @throws {Problem} invalid-header */
export function changeOf<T>(request: FastifyRequest, answer: (result: T) => Reply): Change<T, Reply> {
  const expected = readIfMatch(request.headers['if-match']);
  const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key']);
  if (idempotencyKey === undefined) return { expected, answer };
  return { expected, answer, once: { idempotencyKey, fingerprint: fingerprintOf(request), codec: KEPT_REPLY } };
}

function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new Problem('invalid-header', 'Idempotency-Key is not 1 to 255 visible ASCII characters.', {
    errors: [{ pointer: 'Idempotency-Key', detail: 'Send 1 to 255 visible ASCII characters, for example a UUID.' }],
  });
}

/** A reply as it is kept. */
interface KeptReply extends Omit<Reply, 'body'> {
  readonly body: string;
  /** The encoding of `body`. If left out, it is text. */
  readonly encoding?: 'base64';
}

/** Keeps the whole reply. A repetition gets the same bytes and a header that marks it. */
export const KEPT_REPLY: OutcomeCodec<Reply> = {
  encode(reply) {
    const { body } = reply;
    const fields: KeptReply =
      typeof body === 'string' || body instanceof LongText
        ? { ...reply, body: `${body}` }
        : { ...reply, body: Buffer.from(body.subarray()).toString('base64'), encoding: 'base64' };
    return encodeRecord({ fields, tensors: {} });
  },
  replay(bytes) {
    const { encoding, body, status, headers } = decodeRecord<KeptReply>(bytes).fields;
    return {
      status,
      headers: { ...headers, 'idempotency-replayed': 'true' },
      body: encoding === 'base64' ? Uint8Array.fromBase64(body) : body,
    };
  },
};
