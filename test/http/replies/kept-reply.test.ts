import { describe, expect, it } from 'vitest';
import { TensorReply } from '../../../schemas/tensor.ts';
import { encodeRecord } from '../../../src/domain/record.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
import { KEPT_REPLY } from '../../../src/http/changes.ts';
import { LongText, replyText } from '../../../src/http/json/text.ts';
import type { Reply } from '../../../src/http/replies/replies.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';

const HEAD = { status: 201, headers: { 'content-type': 'text/x', etag: '"1"' } };
const data = Float32Array.from({ length: 2 ** 18 }, (_, k) => k / 3);
const long = replyText({ value: new TensorReply(new Tensor('float32', [2 ** 18], data), 'nested') }) as LongText;

async function replayed(body: Reply['body']): Promise<Reply> {
  const kept = await KEPT_REPLY.encode({ ...HEAD, body });
  return KEPT_REPLY.replay(new Uint8Array(kept.subarray()));
}

function bytesOf(body: Reply['body']): Buffer {
  return Buffer.from(typeof body === 'string' || body instanceof LongText ? `${body}` : body.subarray());
}

describe('a reply that is kept for a key', () => {
  it.each<[string, Reply['body']]>([
    ['short text', '{"a":"ä"}'],
    ['a short file', Uint8Array.of(1, 0, 255)],
    ['long text', 'ä'.repeat(2 ** 17)],
    ['a long file', new Uint8Array(2 ** 20).fill(7)],
    ['text that is printed while it is sent', long],
    ['nothing', ''],
  ])('is the same when it is replayed: %s', async (_, body) => {
    const reply = await replayed(body);
    expect(reply.status).toBe(201);
    expect(reply.headers).toEqual({ ...HEAD.headers, 'idempotency-replayed': 'true' });
    expect(Buffer.compare(bytesOf(reply.body), bytesOf(body))).toBe(0);
  });

  it('is printed a piece in each turn of the event loop', async () => {
    slowClock();
    const { turns } = await countTurns(async () => KEPT_REPLY.encode({ ...HEAD, body: long }));
    expect(turns).toBeGreaterThanOrEqual(2 ** 18 / 2 ** 16);
  });

  it('of a former version, whose long text is within the record, is replayed too', () => {
    const body = 'x'.repeat(2 ** 18);
    expect(KEPT_REPLY.replay(encodeRecord({ fields: { ...HEAD, body }, tensors: {} })).body).toBe(body);
  });
});
