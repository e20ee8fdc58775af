import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { sendTogether } from '../../../src/http/replies/replies.ts';
import { slicesOfText, TEXT_SLICE } from '../../../src/http/replies/sliced-reply.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';

it('is cut between characters', () => {
  for (const text of ['', 'a', 'x'.repeat(TEXT_SLICE), '𝄞'.repeat(TEXT_SLICE), `a${'𝄞'.repeat(TEXT_SLICE)}`]) {
    const slices = [...slicesOfText(text)];
    expect(slices.join('')).toBe(text);
    for (const slice of slices) expect(Buffer.from(slice).toString()).toBe(slice);
    expect(Math.max(0, ...slices.map(({ length }) => length))).toBeLessThanOrEqual(TEXT_SLICE + 1);
  }
});

it('goes out in turns of the event loop, with its length', async () => {
  const app = Fastify({ exposeHeadRoutes: true });
  app.decorateRequest('identity', { getter: () => ({ tenant: 't' }) as never });
  sendTogether(app);
  const text = `a${'𝄞€'.repeat(TEXT_SLICE)}`;
  app.get('/long', async () => text);
  app.get('/short', async () => 'short');
  slowClock();
  const length = `${Buffer.byteLength(text)}`;
  const { turns } = await countTurns(async () => {
    const reply = await app.inject('/long');
    expect([reply.headers['content-length'], reply.payload === text]).toEqual([length, true]);
  });
  expect(turns).toBeGreaterThan(text.length / TEXT_SLICE);
  const head = await app.inject({ method: 'HEAD', url: '/long' });
  expect([head.statusCode, head.headers['content-length'], head.payload]).toEqual([200, length, '']);
  const short = await Promise.all(Array.from({ length: 40 }, () => app.inject('/short')));
  expect(new Set(short.map(({ payload }) => payload))).toEqual(new Set(['short']));
  await app.close();
});
