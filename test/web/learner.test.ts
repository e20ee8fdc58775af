import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Learner } from '../../web/src/learn/learner.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { type ServiceApi, serviceApi } from './service-api.ts';

let app: TestApp;
let service: ServiceApi;
let kept: Record<string, unknown>;
const savedHere = () => ({
  read: <T>(name: string) => structuredClone(kept[name]) as T | undefined,
  write: (name: string, value: unknown) => {
    kept[name] = JSON.parse(JSON.stringify(value));
  },
});

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());
beforeEach(() => {
  service = serviceApi(app);
  kept = {};
});

async function trained(learner: Learner, steps: number): Promise<void> {
  const stop = learner.losses.subscribe((losses) => losses.length >= steps && learner.pause());
  await learner.train();
  stop();
}

it('teaches a GRU the echo of two steps before', async () => {
  const learner = new Learner(service.api, savedHere());
  await learner.start();
  await trained(learner, 150);
  const { value: losses } = learner.losses;
  expect(losses.at(-1)!).toBeLessThan(losses[0] / 10);
  expect(learner.check.value!.share).toBeGreaterThan(0.8);
});

it.each(['parity', 'brackets', 'sine', 'addition', 'characters'] as const)(
  'gets better at the task %s',
  async (task) => {
    const learner = new Learner(service.api, savedHere());
    await learner.start();
    await learner.reset({ ...learner.settings.value, task });
    await trained(learner, 25);
    const { value: losses } = learner.losses;
    const mean = (part: readonly number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
  },
);

it('goes on after a reload where it was, with the same network', async () => {
  const before = new Learner(service.api, savedHere());
  await before.start();
  await trained(before, 10);
  const after = new Learner(service.api, savedHere());
  await after.start();
  expect(after.own.cell.value!.id).toBe(before.own.cell.value!.id);
  expect(after.losses.value).toEqual(before.losses.value);
  expect(after.check.value!.outputs).toEqual(before.check.value!.outputs);
});

it('makes its network again, with the weights that it had, where the service has lost it', async () => {
  const before = new Learner(service.api, savedHere());
  await before.start();
  await trained(before, 10);
  await service.api.delete(`v1/cells/${before.own.cell.value!.id}`);
  const after = new Learner(service.api, savedHere());
  await after.start();
  expect(after.own.cell.value!.id).not.toBe(before.own.cell.value!.id);
  expect(after.check.value!.outputs).toEqual(before.check.value!.outputs);
});

it('keeps a run to compare with when it starts anew', async () => {
  const learner = new Learner(service.api, savedHere());
  await learner.start();
  await trained(learner, 5);
  const { value: losses } = learner.losses;
  await learner.reset({ ...learner.settings.value, optimizer: 'SGD' });
  expect(learner.runs.value).toMatchObject([{ losses, settings: { optimizer: 'Adam' } }]);
  expect(learner.losses.value).toEqual([]);
});
