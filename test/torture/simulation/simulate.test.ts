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
    const simulateAll = () => Array.fromAsync(seeds, (seed) => simulate({ seed }));
    const first = await simulateAll();
    expect(await simulateAll()).toEqual(first);
    expect(new Set(first.map(({ digest }) => digest)).size).toBe(seeds.length);
  });

  it('has the clock of the process to itself', async () => {
    const running = simulate({ seed: 1 });
    await expect(simulate({ seed: 2 })).rejects.toThrow(/one simulation at a time/);
    await running;
    const before = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(performance.now()).toBeGreaterThan(before);
  });

  it.each<Lie>(['ignores what is expected', 'drops commits that it acknowledges', 'forgets which keys were used'])(
    'finds a store that %s',
    async (lie) => {
      await expect(simulateSeeds({ seed: 1, size: 20, lie })).rejects.toThrow(/calls are explained|still waits/);
    },
  );
});
