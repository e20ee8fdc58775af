/**
 * `npm run torture [-- <suite>…] [--seed=N] [--bounded] [--scale=F]`: the long runs that show that sessions survive
 * anything. Without a suite all of them; `--bounded` is what CI runs; `--scale` multiplies the size of a run. Each
 * suite prints its seed, and ends with a line of JSON; the exit code is 1 where one has found a fault.
 */
import { parseArgs } from 'node:util';
import { chooseSeed } from './random.ts';
import { SUITES } from './suites.ts';

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { seed: { type: 'string' }, bounded: { type: 'boolean' }, scale: { type: 'string', default: '1' } },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const { values, positionals } = readArguments();
const unknown = positionals.filter((name) => !Object.hasOwn(SUITES, name));
if (unknown.length > 0)
  refuse(`There is no suite ${unknown.join(', ')}. There are: ${Object.keys(SUITES).join(', ')}.`);
const scale = Number(values.scale);
if (!(scale > 0 && Number.isFinite(scale))) refuse(`--scale=${values.scale} is not a number above 0.`);
if (!/^[0-9]*$/.test(values.seed ?? '')) refuse(`--seed=${values.seed} is not a whole number.`);

let failed = 0;
for (const name of positionals.length > 0 ? positionals : Object.keys(SUITES)) {
  const suite = SUITES[name];
  const size = Math.max(1, Math.round((values.bounded ? suite.bounded : suite.whole) * scale));
  console.log(`\n${name}: ${size} ${suite.unit}`);
  const seed = chooseSeed(values.seed);
  const from = performance.now();
  const seconds = () => Math.round((performance.now() - from) / 1000);
  try {
    const progress = (line: string) => console.log(`  ${seconds()} s: ${line}`);
    const report = await suite.run({ seed, size, bounded: values.bounded, progress });
    console.log(JSON.stringify({ suite: name, seed, size, seconds: seconds(), ...report }));
  } catch (error) {
    failed += 1;
    console.error(error);
    console.log(JSON.stringify({ suite: name, seed, size, seconds: seconds(), failed: true }));
  }
}
process.exit(failed > 0 ? 1 : 0);
