import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { REDIS_SERVER, startRedis } from '../../../scripts/redis-servers.ts';
import { openRateCounter } from '../../../src/store/open.ts';

it('counts nothing where the store is not shared by network', async () => {
  expect(await openRateCounter('memory:')).toBeUndefined();
  expect(await openRateCounter('lmdb:./data')).toBeUndefined();
});

describe.runIf(REDIS_SERVER)('the counter in Redis', () => {
  it('counts for all who open it, anew in each window, and fails where the server is gone', async () => {
    const server = await startRedis();
    const one = await openRateCounter(server.url);
    const other = await openRateCounter(server.url);
    if (!one || !other) throw new Error('there is no counter');
    const first = await one.count('tenant:a', 2_000);
    expect(first.count).toBe(1);
    expect(first.left).toBeGreaterThan(0);
    expect(first.left).toBeLessThanOrEqual(2_000);
    expect((await other.count('tenant:a', 2_000)).count).toBe(2);
    expect((await other.count('tenant:b', 2_000)).count).toBe(1);
    await delay(2_050);
    expect((await one.count('tenant:a', 2_000)).count).toBe(1);
    await server.kill();
    await expect(one.count('tenant:a', 2_000)).rejects.toThrow();
    one.close();
    other.close();
    await server.remove();
  });
});
