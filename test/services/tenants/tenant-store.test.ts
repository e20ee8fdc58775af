import { describe, expect, it } from 'vitest';
import { storeOfTenant } from '../../../src/services/tenants/tenant-store.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { storeContract } from '../../contract/store-contract.ts';
import { dump, STORES } from '../../support/stores.ts';

for (const { name, open } of STORES) {
  storeContract(`the part of a tenant with a long name, in ${name},`, async () => {
    const whole = await open();
    const store = storeOfTenant(whole.store, 'acme'.padEnd(63, '-'));
    await store.commit([{ key: 'variable/first', delete: true }]);
    return { store, cleanup: whole.dispose };
  });
}

describe('the parts of a store', () => {
  const bytes = Uint8Array.of(1);
  const list = async (store: Pick<ReturnType<typeof openMemoryStore>, 'list'>, prefix: string) =>
    (await store.list(prefix, undefined, 100)).map(({ key }) => key);

  it('show each tenant its own things alone, under the same keys', async () => {
    const whole = openMemoryStore();
    const [acme, other] = [storeOfTenant(whole, 'acme'), storeOfTenant(whole, 'acme2')];
    for (const store of [acme, other, whole]) {
      expect(await store.commit([{ key: 'cell/a', expect: null, bytes }])).toBe('committed');
    }
    await acme.commit([{ key: 'cell/b', expect: null, bytes }]);
    expect(await other.get('cell/b')).toBeUndefined();
    expect(await list(acme, 'cell/')).toEqual(['cell/a', 'cell/b']);
    expect(await list(other, 'cell/')).toEqual(['cell/a']);
    expect(await list(whole, 'cell/')).toEqual(['cell/a']);
    await other.commit([{ key: 'cell/a', delete: true }]);
    expect(await acme.get('cell/a')).toBeDefined();
    expect(Object.keys(await dump(whole)).sort()).toEqual([
      '@acme/cell/a',
      '@acme/cell/b',
      'cell/a',
      'tenant/acme',
      'tenant/acme2',
    ]);
  });

  it('write a tenant down before its first change, again where that failed', async () => {
    const whole = openMemoryStore();
    let fails = true;
    const flaky = {
      ...whole,
      get: whole.get.bind(whole),
      commit: (writes: Parameters<typeof whole.commit>[0]) =>
        fails ? Promise.reject(new Error('no room')) : whole.commit(writes),
      list: whole.list.bind(whole),
    };
    const acme = storeOfTenant(flaky, 'acme');
    await expect(acme.commit([{ key: 'cell/a', bytes }])).rejects.toThrow('no room');
    await expect(acme.commit([{ key: 'not a key', bytes }])).rejects.toThrow('malformed');
    expect(await dump(whole)).toEqual({});
    fails = false;
    const buffer = Uint8Array.of(7);
    const committed = acme.commit([{ key: 'cell/a', bytes: buffer }]);
    buffer.fill(0);
    expect(await committed).toBe('committed');
    expect(await dump(whole)).toEqual({ '@acme/cell/a': '07', 'tenant/acme': '00' });
  });
});
