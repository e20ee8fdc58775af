/** A process whose helpers give way: prints the priority of each of its threads, with its name. */
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { helpersGiveWay } from '../../src/threads/give-way.ts';

const THREADS = '/proc/self/task';

helpersGiveWay();
for (const thread of readdirSync(THREADS)) {
  const name = readFileSync(`${THREADS}/${thread}/comm`, 'utf8').trim();
  console.log(`${name} ${getPriority(Number(thread))}`);
}
