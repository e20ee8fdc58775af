import { describe, expect, it } from 'vitest';
import { REDIS_SERVER } from '../../scripts/redis-servers.ts';
import { failover } from './failover.ts';
import { chooseSeed } from './random.ts';

describe.runIf(REDIS_SERVER)('a primary of a cluster that dies with replicas that are behind', () => {
  it('takes no acknowledged step with it where commits wait for a replica', async () => {
    const [report] = Object.values(await failover({ seed: chooseSeed(), size: 1, wait: 1, lagMilliseconds: 200 }));
    console.log(JSON.stringify(report));
    expect(report).toMatchObject({ killed: 1, lost: 0 });
  });

  it('takes those with it that its replica did not have, where commits do not wait', async () => {
    const [report] = Object.values(await failover({ seed: chooseSeed(), size: 1, wait: 0, lagMilliseconds: 200 }));
    console.log(JSON.stringify(report));
    expect(report.lost).toBeGreaterThan(0);
    expect(report.windowMilliseconds).toBeGreaterThan(0);
  });
});
