import { describe, expect, it } from 'vitest';
import { chooseSeed } from '../random.ts';
import { simulate, simulateSeeds } from './simulate.ts';
import type { Lie } from './simulated-store.ts';

describe('a simulation', () => {
  it('finds every session right, whatever the store and the network lose, repeat and delay, and whoever dies', async () => {
    const report = await simulateSeeds({ seed: chooseSeed(), size: 200 });
    console.log(JSON.stringify(report));
    expect(report.deaths).toBeGreaterThan(50);
    expect(report.unknown).toBeGreaterThan(50);
  });

  it('is repeated by its seed, event by event', async () => {
    const seeds = [1, 2, 3, 4, 5];
    const first = await Promise.all(seeds.map((seed) => simulate({ seed })));
    for (const [n, seed] of seeds.entries()) expect(await simulate({ seed })).toEqual(first[n]);
    expect(new Set(first.map(({ digest }) => digest)).size).toBe(seeds.length);
  });

  it.each<Lie>(['ignores what is expected', 'drops commits that it acknowledges', 'forgets which keys were used'])(
    'finds a store that %s',
    async (lie) => {
      await expect(simulateSeeds({ seed: 1, size: 20, lie })).rejects.toThrow(/calls are explained|still waits/);
    },
  );
});
