import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import { watchStore } from '../../src/services/changes/watched-store.ts';
import { Sweeper } from '../../src/services/expiry/sweep.ts';
import { KEY_FAMILIES } from '../../src/services/keys.ts';
import { storeOfTenant } from '../../src/services/tenants/tenant-store.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, TestClock } from '../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../support/call.ts';
import { checkpointFile, SAFETENSORS } from '../support/checkpoint-files.ts';
import { accumulator } from '../support/onnx-models.ts';
import { dump } from '../support/stores.ts';
import { eventually } from '../support/until.ts';

/** What may stand for a part in braces: the last part of a key may have slashes of its own. */
const PART: Readonly<Record<string, string>> = {
  kind: '(?:cell|variable|session|checkpoint)',
  digest: '[0-9a-f]{64}',
  hour: '[0-9]{10}',
  shard: '[0-9a-f]',
  thing: '.+',
};

function patternOf(key: string): RegExp {
  const pattern = key.replaceAll('.', '[.]').replaceAll(/\{(\w+)\}/g, (_, part) => PART[part] ?? '[^/]+');
  return new RegExp(`^${pattern}$`);
}

it('names one family for every key that the service writes, and writes keys of every family that is named', async () => {
  const store = openMemoryStore();
  const clock = new TestClock();
  const app = await startApp({ store, clock });
  const key = { 'idempotency-key': 'k' };
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  const batch = { inputs: [[[1]]], targets: [[[1]]], loss: 'mse', optimizer: 'sgd' };
  expect((await call(app, 'POST', '/v1/cells/cell/training_steps', batch)).status).toBe(200);
  const graph = await call(app, 'POST', '/v1/cells?graph=true&id=graph', accumulator(), {
    'content-type': 'application/x-onnx',
  });
  expect(graph.status, graph.text).toBe(201);
  await call(app, 'POST', '/v1/variables', { value: 1 }, key);
  await make(app, '/v1/sessions', { id: 's', cell: 'cell', history: 2, pin_cell_version: true });
  await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] }, key);
  await make(app, '/v1/checkpoints', { id: 'saved', all: true });
  const file = checkpointFile(2 ** 19);
  const stalled = new PassThrough();
  stalled.write(file.subarray(0, -10));
  const headers = { ...SAFETENSORS, 'content-length': `${file.length}` };
  const upload = app.inject({ method: 'POST', url: '/v1/checkpoints?id=new', headers, payload: stalled });
  await eventually(async () => expect(Object.keys(await dump(store)).join()).toContain('checkpoint-unfinished/'));
  const refuse = async () => {
    throw new Problem('store-full', 'full');
  };
  let fails = true;
  const full = watchStore(
    { ...store, commit: (writes) => (fails ? refuse() : store.commit(writes)) },
    { commits: () => undefined },
  );
  await expect(full.commit([{ key: 'cell/x', bytes: new Uint8Array(1) }])).rejects.toMatchObject({
    code: 'store-full',
  });
  fails = false;
  await full.check();
  await storeOfTenant(store, 'acme').commit([{ key: 'variable/theirs', bytes: new Uint8Array(1) }]);
  const before = Object.keys(await dump(store));
  stalled.end(file.subarray(-10));
  expect((await upload).statusCode).toBe(201);
  await new Sweeper({ store, clock: () => clock.now + 24 * 3_600_000, newId: String }).sweep();
  const all = new Set([...before, ...Object.keys(await dump(store))]);
  expect(all).toContain('@acme/variable/theirs');
  const keys = [...all].map((one) => one.replace('@acme/', ''));
  const families = KEY_FAMILIES.map((family) => ({ ...family, pattern: patternOf(family.key) }));
  for (const one of keys) {
    expect(
      families.filter(({ pattern }) => pattern.test(one)).map((family) => family.key),
      one,
    ).toHaveLength(1);
  }
  for (const { key: family, pattern } of families)
    expect(
      keys.some((one) => pattern.test(one)),
      family,
    ).toBe(true);
  await app.close();
});
