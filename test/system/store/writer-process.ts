import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { increment } from './increment.ts';

/**
 * Run by the tests as a process of its own, on the store of a directory. `hold` only holds it; `write` commits eight
 * values at a time and prints each key once its commit has resolved, until it is killed; `count` shares the store and
 * adds 200 to a counter in it.
 */
const [directory, what, run] = process.argv.slice(2);
const store = await openLmdbStore({ directory, shared: what === 'count' });
process.stdout.write('open\n');

async function write(lane: number): Promise<void> {
  for (let n = 0; ; n++) {
    const key = `cell/${run}.${lane}.${n}`;
    await store.commit([{ key, expect: null, bytes: new TextEncoder().encode(`value of ${key}`) }]);
    process.stdout.write(`${key}\n`);
  }
}

if (what === 'write') await Promise.all(Array.from({ length: 8 }, (_, lane) => write(lane)));
if (what === 'count') {
  for (let n = 0; n < 200; n++) await increment(store);
  await store.close();
} else {
  setInterval(() => {}, 60_000);
}
