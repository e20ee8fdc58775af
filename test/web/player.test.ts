import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Player } from '../../web/src/play/player.ts';
import { FIRST_SPEC, type Spec, specFrom, specQuery } from '../../web/src/play/spec.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { type ServiceApi, serviceApi } from './service-api.ts';

let app: TestApp;
let service: ServiceApi;
let player: Player;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());
beforeEach(() => {
  service = serviceApi(app);
  player = new Player(service.api);
});

const SPECS: readonly Partial<Spec>[] = [
  { kind: 'simple' },
  { kind: 'gru' },
  { kind: 'lstm' },
  { kind: 'gru', layers: 3 },
  { kind: 'lstm', layers: 2 },
];

it.each(SPECS)('sees the same steps one at a time and many in one call: %o', async (options) => {
  await player.make({ ...FIRST_SPEC, ...options });
  await player.advance(12);
  const together = structuredClone(player.moments);
  player.reset();
  for (let i = 0; i < 12; i++) await player.advance(1);
  expect(together).toHaveLength(12);
  together.forEach((moment, i) => {
    const alone = player.moments[i];
    expect(moment.output).toEqual(alone.output);
    expect(moment.gates).toEqual(alone.gates);
    moment.states.forEach((state, s) => {
      state.forEach((value, j) => {
        expect(Math.fround(value)).toBe(Math.fround(alone.states[s][j]));
      });
    });
  });
});

it('begins the signal again at its end', async () => {
  await player.make(FIRST_SPEC);
  player.choose('drawn', [[1], [2], [3]]);
  await player.advance(5);
  expect(player.moments.map(({ x }) => x[0])).toEqual([1, 2, 3, 1, 2]);
});

it('takes weights back and puts them there again, each as a new version of the cell', async () => {
  await player.make({ ...FIRST_SPEC, kind: 'simple', units: 1 });
  const first = player.own.weights.value;
  await player.edit('kernel', [[5]], true);
  await player.edit('kernel', [[6]], true);
  await player.undo();
  expect(player.own.weights.value.kernel).toEqual([[5]]);
  await player.undo();
  expect(player.own.weights.value).toEqual(first);
  await player.undo();
  await player.redo();
  const cell = player.own.cell.value!.id;
  expect((await service.api.get<{ weights: unknown }>(`v1/cells/${cell}/weights`)).weights).toMatchObject({
    kernel: [[5]],
  });
  expect((await service.api.get<{ version: number }>(`v1/cells/${cell}`)).version).toBe(6);
});

it('shows a dragged weight at once and sends the last one alone', async () => {
  await player.make({ ...FIRST_SPEC, kind: 'simple', units: 1 });
  await player.edit('kernel', [[5]], false);
  expect(player.own.weights.value.kernel).toEqual([[5]]);
  const cell = player.own.cell.value!.id;
  expect((await service.api.get<{ version: number }>(`v1/cells/${cell}`)).version).toBe(1);
});

it('sees both futures of a fork, whose input or weights are changed', async () => {
  await player.make(FIRST_SPEC);
  await player.advance(20);
  player.at.value = 10;
  await player.startFork();
  expect(player.fork.moments).toHaveLength(10);
  expect(player.fork.moments.map(({ output }) => output)).toEqual(player.moments.slice(10).map(({ output }) => output));
  await player.fork.putInput([0.75], player.moments);
  expect(player.fork.moments[0].x).toEqual([0.75]);
  expect(player.fork.moments[0].output).not.toEqual(player.moments[10].output);
  const own = player.own.weights.value;
  await player.edit(
    'bias',
    [0, 1].map(() => Array.from({ length: 18 }, () => 0.5)),
    true,
  );
  expect(player.own.weights.value).toBe(own);
  await player.advance(3);
  expect(player.fork.moments).toHaveLength(13);
  expect(player.moments).toHaveLength(23);
});

it('goes on where the service has lost its cell', async () => {
  await player.make(FIRST_SPEC);
  await player.edit('kernel', [Array.from({ length: 18 }, (_, i) => i / 10)], true);
  await player.advance(2);
  const before = player.own.cell.value!.id;
  await service.api.delete(`v1/cells/${before}`);
  await player.advance(2);
  expect(player.moments).toHaveLength(4);
  const after = player.own.cell.value!.id;
  expect(after).not.toBe(before);
  const { weights } = await service.api.get<{ weights: unknown }>(`v1/cells/${after}/weights`);
  expect(weights).toEqual(player.own.weights.value);
});

it('is the same after a reload', async () => {
  await player.make({ ...FIRST_SPEC, kind: 'lstm' });
  await player.advance(30);
  player.at.value = 12;
  const snapshot = JSON.parse(JSON.stringify(player.snapshot(1e6)));
  player.forget();
  const again = new Player(service.api);
  await again.restore(snapshot);
  expect(again.moments).toEqual(player.moments);
  expect(again.at.value).toBe(12);
  await again.advance(1);
  expect(again.moments).toHaveLength(31);
});

it('leaves no cell behind', async () => {
  await player.make(FIRST_SPEC);
  await player.make({ ...FIRST_SPEC, units: 3 });
  player.forget();
  await expect
    .poll(async () => {
      const { items } = await service.api.get<{ items: { id: string }[] }>('v1/cells');
      return items.filter(({ id }) => service.calls.some(({ path }) => path.includes(id)));
    })
    .toEqual([]);
});

it.each(SPECS)('puts its options into the address and back: %o', (options) => {
  const spec = { ...FIRST_SPEC, ...options, useBias: false, resetAfter: options.kind !== 'gru', features: 3 };
  const query = Object.fromEntries(Object.entries(specQuery(spec)).map(([name, value]) => [name, String(value)]));
  expect(specFrom(query)).toEqual({ ...spec, resetAfter: options.kind === 'gru' ? false : spec.resetAfter });
});
