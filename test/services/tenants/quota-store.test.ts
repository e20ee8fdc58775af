import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CountedStore } from '../../../src/domain/ports.ts';
import type { Quotas } from '../../../src/domain/quotas.ts';
import { storeWithin } from '../../../src/services/tenants/quota-store.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { runs } from '../../support/runs.ts';
import { STORES } from '../../support/stores.ts';

const bytes = (size: number) => new Uint8Array(size);

function within(store: CountedStore, quotas: Quotas, now = () => performance.now()) {
  return storeWithin(store, { tenant: 'default', quotasOf: () => quotas, counted: store, now });
}

describe.each(STORES)('a store with quotas, on $name,', ({ open }) => {
  it('takes as many things as the quota says, of any number that come at once, and no more', async () => {
    const { store, dispose } = await open();
    const limited = within(store, { sessions: 25 });
    const made = await Promise.allSettled(
      Array.from({ length: 200 }, (_, n) => limited.commit([{ key: `session/s${n}`, expect: null, bytes: bytes(10) }])),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(25);
    const refused = made.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused.every(({ code }) => code === 'quota-exceeded')).toBe(true);
    expect((await store.usageOf('default')).session).toBe(25);
    await dispose();
  });

  it('takes a new thing after one was deleted', async () => {
    const { store, dispose } = await open();
    const limited = within(store, { cells: 1 });
    const make = (id: string) => limited.commit([{ key: `cell/${id}`, expect: null, bytes: bytes(1) }]);
    await make('a');
    await expect(make('b')).rejects.toMatchObject({
      code: 'quota-exceeded',
      extra: { quota: 'cells', limit: 1, used: 1 },
    });
    await limited.commit([{ key: 'cell/a', delete: true }]);
    expect(await make('b')).toBe('committed');
    await dispose();
  });

  it('refuses bytes over the quota, but nothing that does not grow, nor what clears away', async () => {
    const { store, dispose } = await open();
    const limited = within(store, { stored_bytes: 1_000 });
    await limited.commit([{ key: 'session/s', expect: null, bytes: bytes(900) }]);
    const grow = limited.commit([{ key: 'session-step/s/1', bytes: bytes(200) }]);
    await expect(grow).rejects.toMatchObject({ code: 'tenant-full', status: 507 });
    expect(await limited.commit([{ key: 'session/s', bytes: bytes(900) }])).toBe('committed');
    expect(await limited.commit([{ key: 'due/2030010100.0/session', bytes: bytes(300) }])).toBe('committed');
    expect(
      await limited.commit([
        { key: 'session/s', delete: true },
        { key: 'session-keys/s', bytes: bytes(20) },
      ]),
    ).toBe('committed');
    await dispose();
  });
});

describe('a quota that several processes share', () => {
  it('is exceeded at most by what they commit at the same time', async () => {
    const store = openMemoryStore();
    const processes = [1, 2, 3].map(() => within(store, { variables: 30 }));
    let refused = 0;
    for (let n = 0; refused < 20; n++) {
      const commits = processes.map((process, p) =>
        process.commit([{ key: `variable/v${n}-${p}`, expect: null, bytes: bytes(1) }]),
      );
      for (const { status } of await Promise.allSettled(commits)) if (status === 'rejected') refused++;
    }
    const { variable } = await store.usageOf('default');
    expect(variable).toBeGreaterThanOrEqual(30);
    expect(variable).toBeLessThanOrEqual(30 + processes.length - 1);
  });
});

describe('the cost of a quota', () => {
  it('reads the count rarely while it is far from the limit', async () => {
    const store = openMemoryStore();
    let readings = 0;
    const counted = {
      usageOf: (tenant: string) => {
        readings++;
        return store.usageOf(tenant);
      },
    };
    const limited = storeWithin(store, {
      tenant: 'default',
      quotasOf: () => ({ sessions: 10_000 }),
      counted,
      now: () => 5,
    });
    for (let n = 0; n < 500; n++) await limited.commit([{ key: `session/s${n}`, expect: null, bytes: bytes(1) }]);
    expect(readings).toBeLessThanOrEqual(6);
  });

  it('never lets what is there pass the quota, whatever is committed and deleted', async () => {
    const act = fc.record({ id: fc.nat(6), size: fc.option(fc.nat(60), { nil: undefined }), pause: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const store = openMemoryStore();
        const limited = within(store, { cells: 4, stored_bytes: 150 });
        const running: Promise<unknown>[] = [];
        for (const { id, size, pause } of acts) {
          const write = size === undefined ? { delete: true as const } : { bytes: bytes(size) };
          running.push(limited.commit([{ key: `cell/${id}`, ...write }]).catch(({ code }) => code));
          if (pause) await delay(0);
          const { cell, bytes: stored } = await store.usageOf('default');
          expect(cell).toBeLessThanOrEqual(4);
          expect(stored).toBeLessThanOrEqual(150);
        }
        await Promise.all(running);
      }),
      { numRuns: runs(60) },
    );
  });
});
