/** Makes 100 buffers of 12 MiB beside a heap of some MB, of which a few live at a time, and prints how many major collections that took. */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { countBuffersInHeap } from '../../src/external-memory.ts';

const BYTES = 12 * 2 ** 20;

if (process.argv[2] === 'as-shipped') countBuffersInHeap();
let majors = 0;
new PerformanceObserver((list) => {
  const kinds = (list.getEntries() as unknown as { detail: { kind: number } }[]).map(({ detail }) => detail.kind);
  majors += kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MAJOR).length;
}).observe({ entryTypes: ['gc'] });
const heap = Array.from({ length: 300_000 }, (_, k) => ({ k }));
const living: Uint8Array[] = [];
for (let made = 0; made < 100; made++) {
  living.push(new Uint8Array(BYTES));
  if (living.length > 4) living.shift();
  // V8 marks in steps, between which the loop runs.
  for (let turns = 0; turns < 30; turns++) await turn();
}
process.stdout.write(`${heap.length > 0 ? majors : 0}`);
