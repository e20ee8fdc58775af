import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { Cellstep } from '../../clients/typescript/src/index.ts';
import { type Alarm, FAULTS, faulty, learnVibration, vibration, watch } from '../../examples/anomaly-detection.ts';
import { startApp } from '../support/app.ts';

async function alarmsOf(alarms: AsyncIterable<Alarm>): Promise<Alarm[]> {
  const all: Alarm[] = [];
  for await (const alarm of alarms) all.push(alarm);
  return all;
}
const stream = (valueAt: (step: number) => number) => Array.from({ length: 600 }, (_, step) => valueAt(step));

it('learns the vibration, and raises one alarm for each fault, at its first step, and no other', async () => {
  const app = await startApp();
  onTestFinished(() => app.close());
  const cellstep = new Cellstep({ url: await app.listen({ host: '127.0.0.1', port: 0 }) });
  const losses: number[] = [];
  const cell = await learnVibration(cellstep, (loss) => losses.push(loss));
  expect(losses[losses.length - 1]).toBeLessThan(losses[0] / 100);
  expect((await alarmsOf(watch(cell, stream(faulty)))).map(({ step }) => step)).toEqual(FAULTS.map(({ from }) => from));
  expect(await alarmsOf(watch(cell, stream(vibration)))).toEqual([]);
  const left: string[] = [];
  for await (const session of cellstep.sessions()) left.push(session.id);
  expect(left).toEqual([]);
});

it('prints its alarms as a program of its own', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/anomaly-detection.ts']);
  for (const { from, name } of FAULTS) expect(stdout).toMatch(new RegExp(`^step ${from}: ALARM, .*: ${name}$`, 'm'));
  expect(stdout.match(/ALARM/g)).toHaveLength(FAULTS.length);
});
