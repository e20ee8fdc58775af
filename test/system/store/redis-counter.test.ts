import { describe, expect, it } from 'vitest';
import { REDIS_SERVER, startRedis } from '../../../scripts/redis-servers.ts';
import { openRateCounter } from '../../../src/store/open.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { until } from '../../support/until.ts';

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
    const long = 10 * PATIENCE_MS;
    const first = await one.count('tenant:a', long);
    expect(first.count).toBe(1);
    expect(first.left).toBeGreaterThan(0);
    expect(first.left).toBeLessThanOrEqual(long);
    expect((await other.count('tenant:a', long)).count).toBe(2);
    expect((await other.count('tenant:b', long)).count).toBe(1);
    expect((await one.count('tenant:c', 500)).count).toBe(1);
    await until(async () => (await one.count('tenant:c', 500)).count === 1);
    await server.kill();
    await expect(one.count('tenant:a', 2_000)).rejects.toThrow();
    one.close();
    other.close();
    await server.remove();
  });
});
