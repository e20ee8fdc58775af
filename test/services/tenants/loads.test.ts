import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bus } from '../../../src/domain/ports.ts';
import type { Quotas } from '../../../src/domain/quotas.ts';
import { TenantLoads } from '../../../src/services/tenants/loads.ts';
import { TestClock } from '../../support/app.ts';

/** Processes that hear each other. */
function processes(count: number, clock: TestClock, quotas: Quotas): TenantLoads[] {
  const all: ((message: Uint8Array) => void)[] = [];
  return Array.from({ length: count }, () => {
    const own: ((message: Uint8Array) => void)[] = [];
    const bus: Bus = {
      async broadcast(message) {
        const others = all.filter((hear) => !own.includes(hear));
        for (const hear of others) hear(message);
        return others.length;
      },
      listen(heard) {
        own.push(heard);
        all.push(heard);
      },
      close: async () => undefined,
    };
    return new TenantLoads({ clock: () => clock.now, quotasOf: () => quotas, bus });
  });
}

const spends = (loads: TenantLoads, work: number) => {
  try {
    loads.spend('acme', work);
    return 'let in';
  } catch (error) {
    return (error as { retryAfterSeconds: number }).retryAfterSeconds;
  }
};

describe('the work of a tenant', () => {
  const clock = new TestClock();
  it('is accepted while less than the quota is unpaid, and the excess is paid off first', () => {
    const [loads] = processes(1, clock, { work_per_second: 100 });
    expect([60, 39, 350, 1].map((work) => spends(loads, work))).toEqual(['let in', 'let in', 'let in', 4]);
    clock.now += 3_000;
    expect(spends(loads, 1)).toBe(1);
    clock.now += 500;
    expect(spends(loads, 1)).toBe('let in');
    loads.close();
  });

  it('is counted once it is done too, however much is unpaid', () => {
    const [loads] = processes(1, clock, { work_per_second: 100 });
    expect(spends(loads, 0)).toBe('let in');
    for (let n = 0; n < 3; n++) loads.add('acme', 100);
    expect(spends(loads, 0)).toBe(2);
    clock.now += 2_010;
    expect(spends(loads, 0)).toBe('let in');
    loads.close();
  });

  it('has no bound without a quota, and is shown for the last full second', () => {
    const [loads] = processes(1, clock, {});
    clock.now = Math.ceil(clock.now / 1_000) * 1_000;
    for (let n = 0; n < 10; n++) loads.spend('acme', 1e12);
    clock.now += 1_000;
    expect(loads.of('acme').work).toBe(1e13);
    clock.now += 1_000;
    expect(loads.of('acme').work).toBe(0);
  });
});

describe('several processes', () => {
  afterEach(() => vi.useRealTimers());

  it('share work and connections, and forget a process that died', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const clock = new TestClock();
    const [one, two] = processes(2, clock, { work_per_second: 100, connections: 3 });
    for (let n = 0; n < 2; n++) one.connect('acme');
    expect(spends(one, 500)).toBe('let in');
    vi.advanceTimersByTime(250);
    expect(spends(two, 1)).toBe(4);
    expect(two.of('acme').connections).toBe(2);
    const end = two.connect('acme');
    expect(() => two.connect('acme')).toThrow(/may have 3 connections at a time/);
    end();
    two.connect('acme');
    expect(() => two.connect('acme')).toThrow(/connections/);
    one.close();
    clock.now += 1_001;
    expect(two.of('acme').connections).toBe(1);
    for (let n = 0; n < 2; n++) two.connect('acme');
    expect(() => two.connect('acme')).toThrow(/connections/);
    two.close();
  });
});
