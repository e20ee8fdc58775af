import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startReplicas } from './in-process.ts';
import { type KillCycles, killCycles, underStrikes } from './kill-cycles.ts';
import { chooseSeed } from './random.ts';
import type { DoorName } from './stream-doors.ts';

const DOORS: readonly DoorName[] = ['socket', 'lines', 'bulk'];

/** Replicas in this process, whose streams are cut for a time. */
async function cut(options: Partial<KillCycles>) {
  const { urls, stop } = await startReplicas(openMemoryStore());
  const strike = async () => {
    await delay(300);
    return 'pause';
  };
  const topology = { services: [], urls: () => urls, strike, stop };
  return underStrikes({ topology, strike }, { seed: chooseSeed(), size: 10, sessions: 8, clients: 1, ...options });
}

it('loses and repeats no step of streams that are cut, while their process is killed', async () => {
  const report = await killCycles('lmdb', { seed: chooseSeed(), size: 10, clients: 1, doors: DOORS });
  console.log(JSON.stringify(report));
  expect(report.cuts).toBeGreaterThan(0);
  expect(report.retried).toBeGreaterThan(0);
  expect(report.replayed).toBeGreaterThan(0);
});

it('loses and repeats no step of streams that are cut, over three replicas', async () => {
  const report = await cut({ doors: DOORS });
  console.log(JSON.stringify(report));
  expect(report.cuts).toBeGreaterThan(0);
  expect(report.replayed).toBeGreaterThan(0);
});

it.each(DOORS)('would find a client of %s that sends again under other keys', async (door) => {
  await expect(cut({ doors: [door], clients: 0, forgetsKeys: true })).rejects.toThrow(/applied twice|was answered/);
});
