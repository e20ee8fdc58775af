import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { REDIS_SERVER, type RedisProcess, startRedis } from '../../../scripts/redis-servers.ts';
import type { Store } from '../../../src/domain/ports.ts';
import { BUCKET_NAMES, bucketOf, slotOf } from '../../../src/store/redis/keys.ts';
import { openRedisStore } from '../../../src/store/redis/redis.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

describe('the buckets of the Redis store', () => {
  it('never move: they are part of the format', () => {
    expect(['cell/a', 'cell-variable/a/x', 'session/a', 'claim/cell-0123'].map(bucketOf)).toEqual([
      '0c',
      '0c',
      '2d',
      '1a',
    ]);
  });

  it('share owners evenly', () => {
    const counts = Map.groupBy(
      Array.from({ length: 6_400 }, (_, n) => bucketOf(`session/session_0198f0c2-${n.toString(16).padStart(4, '0')}`)),
      (bucket) => bucket,
    );
    expect(counts.size).toBe(64);
    for (const owners of counts.values()) expect(Math.abs(owners.length - 100)).toBeLessThan(50);
  });

  it.each([3, 4, 6, 8])('are shared evenly by %i nodes', (nodes) => {
    const shares = Map.groupBy(BUCKET_NAMES, (bucket) => Math.floor((slotOf(bucket) * nodes) / 16_384));
    for (const share of shares.values()) expect(share.length).toBeGreaterThanOrEqual(Math.floor((0.7 * 64) / nodes));
  });
});

describe.runIf(REDIS_SERVER)('listing in the Redis store', () => {
  let server: RedisProcess;
  let store: Store;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.admin.flushall();
    store = await openRedisStore(server.url, { timeoutMilliseconds: PATIENCE_MS });
    return () => store.close();
  });
  afterAll(() => server?.remove());

  it('merges the buckets into one order, whatever the page and wherever it begins', async () => {
    const keys = Array.from({ length: 1_500 }, (_, n) => `cell/${((n * 7_919) % 1_500).toString(36)}`).sort();
    await Promise.all(keys.map((key) => store.commit([{ key, bytes: Buffer.from(key) }])));
    for (const limit of [37, 400, 2_000]) {
      const seen: string[] = [];
      for (;;) {
        const page = await store.list('cell/', seen.at(-1), limit);
        for (const { key, bytes } of page) expect(Buffer.from(bytes).toString()).toBe(key);
        seen.push(...page.map(({ key }) => key));
        if (page.length < limit) break;
      }
      expect(seen).toEqual(keys);
    }
    const places = fc.record({ after: fc.constantFrom(...keys), limit: fc.integer({ min: 1, max: 300 }) });
    await fc.assert(
      fc.asyncProperty(places, async ({ after, limit }) => {
        const from = keys.indexOf(after) + 1;
        const listed = await store.list('cell/', after, limit);
        expect(listed.map(({ key }) => key)).toEqual(keys.slice(from, from + limit));
      }),
      { numRuns: 60 },
    );
  });

  it('fills a page that begins in one bucket alone', async () => {
    const bucket = bucketOf('cell/0');
    const crowded = Array.from({ length: 8_000 }, (_, n) => `cell/${n}`).filter((key) => bucketOf(key) === bucket);
    await Promise.all([...crowded, 'cell/z'].map((key) => store.commit([{ key, bytes: Buffer.of(1) }])));
    const listed = await store.list('cell/', undefined, 1_000);
    expect(listed.map(({ key }) => key)).toEqual([...crowded, 'cell/z'].sort());
  });

  it('leaves out keys that go while it reads, and takes the next ones', async () => {
    const keys = Array.from({ length: 300 }, (_, n) => `session/${1_000 + n}`);
    await Promise.all(keys.map((key) => store.commit([{ key, bytes: Buffer.of(1) }])));
    const [listed] = await Promise.all([
      store.list('session/', undefined, 100),
      ...keys.slice(0, 150).map((key) => store.commit([{ key, delete: true }])),
    ]);
    expect(listed).toHaveLength(100);
    const numbers = listed.map(({ key }) => key);
    expect(numbers).toEqual(numbers.toSorted());
    expect(await store.list('session/', undefined, 1_000)).toHaveLength(150);
    expect(await server.admin.keys('*session*')).toHaveLength(150);
  });

  it('keeps values of 32 MB byte for byte', async () => {
    const bytes = Buffer.alloc(32 * 2 ** 20, Buffer.from('\r\n\0\xff$-1*', 'latin1'));
    expect(await store.commit([{ key: 'cell/a', bytes }])).toBe('committed');
    expect(Buffer.compare((await store.get('cell/a'))!.bytes, bytes)).toBe(0);
    const [listed] = await store.list('cell/', undefined, 1);
    expect(Buffer.compare(listed.bytes, bytes)).toBe(0);
  });
});
