import type { Store } from '../../../src/domain/ports.ts';

/** Adds one to the number under `cell/counter`, as often as it takes against others that do the same. */
export async function increment(store: Store): Promise<void> {
  for (;;) {
    const value = await store.get('cell/counter');
    const count = value === undefined ? 0 : Number(Buffer.from(value.bytes).toString());
    const bytes = Buffer.from(`${count + 1}`);
    const outcome = await store.commit([{ key: 'cell/counter', expect: value?.revision ?? null, bytes }]);
    if (outcome === 'committed') return;
  }
}
