import { afterEach, beforeEach, expect, it } from 'vitest';
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

beforeEach(async () => {
  app = await startApp();
  service = serviceApi(app);
  kept = {};
});

afterEach(() => app.close());

/** The ids of all cells and checkpoints of the service. */
async function ownThings(): Promise<string[]> {
  const lists = ['cells', 'checkpoints'].map((kind) => service.api.get<{ items: { id: string }[] }>(`v1/${kind}`));
  return (await Promise.all(lists)).flatMap(({ items }) => items.map(({ id }) => id));
}

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

it.each([
  ['parity', 100],
  ['brackets', 25],
  ['sine', 25],
  ['addition', 25],
  ['characters', 25],
] as const)('gets better at the task %s in %d steps', async (task, steps) => {
  const learner = new Learner(service.api, savedHere());
  await learner.start(task);
  await trained(learner, steps);
  const { value: losses } = learner.losses;
  const mean = (part: readonly number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
  expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
});

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

it('learns after a reload as if there had been none: the optimizer goes on, too', async () => {
  const unbroken = new Learner(service.api, savedHere());
  await unbroken.start();
  for (let i = 0; i < 6; i++) await unbroken.step();
  kept = {};
  const before = new Learner(service.api, savedHere());
  await before.start();
  for (let i = 0; i < 3; i++) await before.step();
  before.forget();
  await expect.poll(ownThings).toEqual([unbroken.own.cell.value!.id]);
  const after = new Learner(service.api, savedHere());
  await after.start();
  for (let i = 0; i < 3; i++) await after.step();
  expect(after.losses.value).toEqual(unbroken.losses.value);
  expect(after.own.weights.value).toEqual(unbroken.own.weights.value);
});

it('does not set back a network that a copy of the tab still trains', async () => {
  const first = new Learner(service.api, savedHere());
  await first.start();
  await first.step();
  const copied = structuredClone(kept);
  await first.step();
  kept = copied;
  const second = new Learner(service.api, savedHere());
  await second.start();
  expect(second.own.weights.value).toEqual(first.own.weights.value);
});

it('keeps only steps that are committed when it is paused', async () => {
  const learner = new Learner(service.api, savedHere());
  await learner.start();
  await trained(learner, 7);
  const { iteration } = await service.api.get<{ iteration: number }>(
    `v1/cells/${learner.own.cell.value!.id}/optimizer`,
  );
  expect(learner.losses.value).toHaveLength(iteration);
});

it('makes one network for the task that is asked for, and leaves nothing behind', async () => {
  const learner = new Learner(service.api, savedHere());
  await learner.start('sine');
  await learner.step();
  expect(service.calls.filter(({ method, path }) => method === 'POST' && path === 'v1/cells')).toHaveLength(1);
  learner.forget();
  await expect.poll(ownThings).toEqual([]);
});

it('makes its network again, with the weights that it had, where the service refuses the file of the optimizer', async () => {
  const before = new Learner(service.api, savedHere());
  await before.start();
  await trained(before, 10);
  await service.api.delete(`v1/cells/${before.own.cell.value!.id}`);
  kept.learn = { ...(kept.learn as object), packed: btoa('not a file') };
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
