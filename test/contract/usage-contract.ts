import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CountedStore } from '../../src/domain/ports.ts';
import { NO_USAGE } from '../../src/domain/usage.ts';
import { runs } from '../support/runs.ts';

export interface CountedStoreUnderTest {
  readonly store: CountedStore;
  readonly cleanup: () => Promise<void>;
}

/** What every store does that the service runs on. */
export function usageContract(name: string, open: () => Promise<CountedStoreUnderTest>): void {
  describe(`${name} counts what tenants keep`, () => {
    let store: CountedStore;
    let cleanup: () => Promise<void>;

    beforeEach(async () => {
      ({ store, cleanup } = await open());
    });
    afterEach(() => cleanup());

    /** The same by looking through everything. */
    async function lookThrough() {
      const usages = new Map<string, Record<string, number>>();
      for (const { key, bytes } of await store.list('', undefined, 100_000)) {
        const [, tenant = 'default', own] = /^(?:@([^/]+)\/)?(.*)$/.exec(key)!;
        const usage = usages.get(tenant) ?? { ...NO_USAGE };
        usage.keys++;
        usage.bytes += own.length + bytes.length;
        const [, kind] = /^(cell|session|variable)\/[^/]+$/.exec(own) ?? [];
        if (kind) usage[kind]++;
        usages.set(tenant, usage);
      }
      return usages;
    }

    it('is what looking through everything gives, after any commits', async () => {
      const owner = fc.constantFrom(
        'cell/a',
        'cell/b',
        'session/a',
        'variable/v',
        'due/2030',
        '@acme/cell/a',
        '@acme/session/s',
      );
      const rest = fc.constantFrom('', '', '/x', '/y');
      const bytes = fc.option(
        fc.nat(40).map((size) => new Uint8Array(size)),
        { nil: undefined },
      );
      const write = fc.record({ rest, bytes, expect: fc.constantFrom(undefined, undefined, null) });
      const commit = fc.record({
        owner,
        writes: fc.uniqueArray(write, { selector: (one) => one.rest, maxLength: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(commit, { maxLength: 12 }), async (commits) => {
          await Promise.all(
            commits.map(({ owner, writes }) =>
              store.commit(
                writes.map(({ rest, bytes, expect }) => {
                  const key =
                    rest === '' ? owner : `${owner.replace(/(cell|session|variable|due)\//, '$1-part/')}${rest}`;
                  return {
                    key,
                    ...(expect === null ? { expect } : {}),
                    ...(bytes ? { bytes } : { delete: true as const }),
                  };
                }),
              ),
            ),
          );
          const expected = await lookThrough();
          expect(await store.usages()).toEqual(expected);
          for (const tenant of ['default', 'acme', 'nobody']) {
            expect(await store.usageOf(tenant)).toEqual(expected.get(tenant) ?? NO_USAGE);
          }
        }),
        { numRuns: runs(30) },
      );
    });

    it('changes by a session in place of another key, as long as both are', async () => {
      await store.commit([{ key: 'session-part/a/x', bytes: new Uint8Array(3) }]);
      await store.commit([
        { key: 'session-part/a/x', delete: true },
        { key: 'session/a', bytes: new Uint8Array(10) },
      ]);
      expect(await store.usageOf('default')).toEqual({ ...NO_USAGE, session: 1, keys: 1, bytes: 19 });
    });

    it('does not change by a commit that conflicts', async () => {
      await store.commit([{ key: 'cell/a', bytes: new Uint8Array(3) }]);
      const before = await store.usages();
      expect(await store.commit([{ key: 'cell/a', expect: null, bytes: new Uint8Array(5) }])).toBe('conflict');
      expect(await store.usages()).toEqual(before);
    });
  });
}
