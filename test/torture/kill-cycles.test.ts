import { expect, it } from 'vitest';
import { killCycles } from './kill-cycles.ts';
import { chooseSeed } from './random.ts';

it('loses and repeats no step of a process that is killed, with its store in LMDB', async () => {
  const report = await killCycles('lmdb', { seed: chooseSeed(), size: 10 });
  console.log(JSON.stringify(report));
  expect(report.retried).toBeGreaterThan(0);
});
