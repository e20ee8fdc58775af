import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory, onRedis, type Served } from '../support/serve.ts';
import { dump } from '../support/stores.ts';

/** h' = h + x + bias, the bias 3 at first. */
async function build({ app }: { readonly app: TestApp }): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
}

const open = ({ app }: { readonly app: TestApp }, id: string, more: object = {}) =>
  make(app, '/v1/sessions', { id, cell: 'cell', pin_cell_version: true, ...more });

const assign = async ({ app }: { readonly app: TestApp }, bias: number) => {
  const reply = await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [bias] });
  expect(reply.status, reply.text).toBe(200);
};

/** What a step with x = 0 puts out, and the version that it used. */
const step = async ({ app }: { readonly app: TestApp }, id: string): Promise<[number, number]> => {
  const { body, text } = await call(app, 'POST', `/v1/sessions/${id}/steps`, { inputs: [[0]] });
  expect(body.output, text).toBeDefined();
  return [body.output[0][0], body.cell_version];
};

/** Names of the values of the cell's bias that the store holds, and of the versions that are pinned. */
async function held({ store }: { readonly store: Store }): Promise<{ biases: string[]; versions: string[] }> {
  const keys = Object.keys(await dump(store));
  const last = (key: string) => key.split('/').at(-1) ?? '';
  return {
    biases: keys.filter((key) => /^cell-variable\/.*\/bias\//.test(key)).map(last),
    versions: keys.filter((key) => key.startsWith('cell-version/')).map(last),
  };
}

function keepsToItsVersion(served: Served): void {
  it('goes on with the old weights, while others use the new ones', async () => {
    const { app } = served;
    await build(served);
    expect((await open(served, 'p')).body).toMatchObject({ pin_cell_version: true, cell_version: 1 });
    await make(app, '/v1/sessions', { id: 'free', cell: 'cell' });
    await assign(served, 100);
    expect(await step(served, 'p')).toEqual([3, 1]);
    expect(await step(served, 'free')).toEqual([100, 2]);
    await open(served, 'later');
    await call(app, 'PUT', '/v1/cells/cell/weights', {
      weights: { kernel: [[0]], recurrent_kernel: [[0]], bias: [7] },
    });
    expect(await step(served, 'p')).toEqual([6, 1]);
    expect(await step(served, 'later')).toEqual([100, 2]);
    expect(await step(served, 'free')).toEqual([7, 3]);
    // On another replica, and after a restart, too.
    const other = await startApp({ store: served.store, clock: served.clock, run: 'b' });
    expect(await step({ app: other }, 'p')).toEqual([9, 1]);
    expect(await step({ app: other }, 'later')).toEqual([200, 2]);
    await other.close();
    expect(await held(served)).toEqual({ biases: ['1', '2', '3'], versions: ['1', '2'] });
  });

  it('lets its version go when it ends, if it was the last one there', async () => {
    const { app } = served;
    await build(served);
    await open(served, 'a');
    await open(served, 'b');
    await assign(served, 100);
    await open(served, 'c');
    await assign(served, 200);
    await call(app, 'DELETE', '/v1/sessions/a');
    expect(await held(served)).toEqual({ biases: ['1', '2', '3'], versions: ['1', '2'] });
    expect(await step(served, 'b')).toEqual([3, 1]);
    await call(app, 'DELETE', '/v1/sessions/b');
    expect(await held(served)).toEqual({ biases: ['2', '3'], versions: ['2'] });
    // Other variables have the same value in both versions.
    expect(await step(served, 'c')).toEqual([100, 2]);
    await call(app, 'DELETE', '/v1/sessions/c');
    expect(await held(served)).toEqual({ biases: ['3'], versions: [] });
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
    expect(await served.store.list('cell', undefined, 10)).toEqual([]);
  });

  it('has forks that keep to the same version, also when it has ended', async () => {
    const { app } = served;
    await build(served);
    await open(served, 'p', { history: 5 });
    await step(served, 'p');
    await assign(served, 100);
    const fork = await call(app, 'POST', '/v1/sessions/p/fork', { id: 'f', at_step: 0 });
    expect(fork.body).toMatchObject({ pin_cell_version: true, cell_version: 1, step: 0 });
    await call(app, 'DELETE', '/v1/sessions/p');
    expect(await step(served, 'f')).toEqual([3, 1]);
    await call(app, 'DELETE', '/v1/sessions/f');
    expect(await held(served)).toEqual({ biases: ['2'], versions: [] });
  });

  it('stays there when it is rewound, reset, given a state, or restored', async () => {
    const { app } = served;
    await build(served);
    await open(served, 'p', { history: 5 });
    await step(served, 'p');
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    await assign(served, 100);
    await call(app, 'POST', '/v1/sessions/p/rewind', { to_step: 0 });
    expect(await step(served, 'p')).toEqual([3, 1]);
    await call(app, 'POST', '/v1/sessions/p/reset');
    expect(await step(served, 'p')).toEqual([3, 1]);
    await call(app, 'PUT', '/v1/sessions/p/states', { states: [[[50]]] });
    expect(await step(served, 'p')).toEqual([53, 1]);
    expect((await call(app, 'POST', '/v1/checkpoints/c/restore')).status).toBe(200);
    await assign(served, 200);
    expect(await step(served, 'p')).toEqual([6, 1]);
  });

  it('finds its cell gone when that is deleted by force, and made again under its name', async () => {
    const { app } = served;
    await build(served);
    await open(served, 'p');
    await assign(served, 100);
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use');
    expect((await call(app, 'DELETE', '/v1/cells/cell?force=true')).status).toBe(204);
    expect(await served.store.list('cell', undefined, 10)).toEqual([]);
    await build(served);
    expectProblem(await call(app, 'POST', '/v1/sessions/p/steps', { inputs: [[0]] }), 'cell-gone');
    // It is not a session of the new cell, and none of its weights.
    expect((await call(app, 'DELETE', '/v1/sessions/p')).status).toBe(204);
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
    expect(await served.store.list('cell', undefined, 10)).toEqual([]);
  });

  it('keeps to one version each, however many are opened while the weights change', async () => {
    const { app } = served;
    await build(served);
    const ids = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const opened = ids.map((id) => open(served, id));
    const assigned = Array.from({ length: 20 }, (_, i) => assign(served, i));
    await Promise.all([...opened, ...assigned]);
    const biases = new Map<number, number>();
    for (const id of ids) {
      const [bias, version] = await step(served, id);
      expect(biases.get(version) ?? bias).toBe(bias);
      biases.set(version, bias);
      expect(bias).toBe(version === 1 ? 3 : bias);
    }
    await Promise.all(ids.map((id) => call(app, 'DELETE', `/v1/sessions/${id}`)));
    expect(await held(served)).toEqual({ biases: ['21'], versions: [] });
  });
}

onEveryStore('a session that keeps to its version of the cell', keepsToItsVersion);
onRedis('a session that keeps to its version of the cell', keepsToItsVersion);

function boundsItsVersions(served: Served): void {
  const limited = async (run = 'l') =>
    startApp({ store: served.store, clock: served.clock, run, limits: { maxPinnedVersions: 2 } });
  const pin = ({ app }: { readonly app: TestApp }, id: string) =>
    call(app, 'POST', '/v1/sessions', { id, cell: 'cell', pin_cell_version: true });

  it('is bounded for a cell, by refusing to open a session on one more', async () => {
    const app = await limited();
    await build({ app });
    await open({ app }, 'a');
    await open({ app }, 'b');
    await assign({ app }, 100);
    await open({ app }, 'c');
    await assign({ app }, 200);
    const before = await dump(served.store);
    const { detail, errors } = expectProblem(await pin({ app }, 'd'), 'too-many-pinned-versions');
    expect(detail).toContain("Cell 'cell' would have 3 versions that sessions are pinned to, over the limit of 2");
    expect(errors?.[0].pointer).toBe('/pin_cell_version');
    expect(await dump(served.store)).toEqual(before);
    // Nothing else is: other cells, sessions on versions that are kept, those on none, and new weights.
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, id: 'other', input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 'o', cell: 'other', pin_cell_version: true });
    await make(app, '/v1/sessions', { id: 'free', cell: 'cell' });
    await make(app, '/v1/sessions/a/fork', { id: 'fork' });
    await assign({ app }, 300);
    expect(await step({ app }, 'fork')).toEqual([3, 1]);
    expect(await step({ app }, 'c')).toEqual([100, 2]);
    expect(await step({ app }, 'free')).toEqual([300, 4]);
    // Room is made by the last session of a version.
    for (const id of ['a', 'b']) await call(app, 'DELETE', `/v1/sessions/${id}`);
    expectProblem(await pin({ app }, 'd'), 'too-many-pinned-versions');
    await call(app, 'DELETE', '/v1/sessions/fork');
    await open({ app }, 'd');
    expect(await step({ app }, 'd')).toEqual([300, 4]);
    expect((await held(served)).versions.slice(0, 2)).toEqual(['2', '4']);
    await app.close();
  });

  it('is not passed by those who open at the same time as others and the weights change, on two replicas', async () => {
    const [one, two] = await Promise.all([limited('l'), limited('m')]);
    await build({ app: one });
    const replies: Awaited<ReturnType<typeof pin>>[] = [];
    for (let round = 0; round < 10; round++) {
      const opened = [one, two, one, two].map((app, i) => pin({ app }, `p${round}-${i}`));
      await Promise.all([...opened, assign({ app: two }, round)]);
      replies.push(...(await Promise.all(opened)));
    }
    expect((await held(served)).versions).toHaveLength(2);
    const refused = replies.filter(({ status }) => status !== 201);
    expect(refused.length).toBeGreaterThan(0);
    for (const reply of refused) expectProblem(reply, 'too-many-pinned-versions');
    await Promise.all([one.close(), two.close()]);
  });
}

onEveryStore('the number of versions that sessions are pinned to', boundsItsVersions);
onRedis('the number of versions that sessions are pinned to', boundsItsVersions);

onMemory('a session that keeps to its version of the cell', (served) => {
  const SAFETENSORS = { 'content-type': 'application/x-safetensors' };

  /** Sessions of every kind, and their checkpoint as a file. */
  async function saved(): Promise<Buffer> {
    const { app } = served;
    await build(served);
    await open(served, 'p', { history: 4 });
    await open(served, 'q');
    await step(served, 'p');
    await assign(served, 100);
    await open(served, 'r');
    await assign(served, 200);
    await make(app, '/v1/sessions', { id: 'free', cell: 'cell', history: 2, ttl_seconds: 60 });
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    return (await app.inject({ url: '/v1/checkpoints/c/content' })).rawPayload;
  }

  it('travels in a checkpoint with the weights of its version', async () => {
    const file = await saved();
    const store = openMemoryStore();
    const other = { app: await startApp({ store }), store };
    expect((await call(other.app, 'POST', '/v1/checkpoints?id=c', file, SAFETENSORS)).status).toBe(201);
    const restored = await call(other.app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect(restored.body.created.sessions).toEqual(['free', 'p', 'q', 'r']);
    expect((await call(other.app, 'GET', '/v1/sessions/p')).body).toMatchObject({
      pin_cell_version: true,
      cell_version: 1,
      step: 1,
      states: [[[3]]],
      history: 4,
      oldest_step: 1,
    });
    expect((await call(other.app, 'GET', '/v1/sessions/free')).body).toMatchObject({ history: 2, ttl_seconds: 60 });
    await assign(other, 1000);
    expect(await step(other, 'p')).toEqual([6, 1]);
    expect(await step(other, 'q')).toEqual([3, 1]);
    expect(await step(other, 'r')).toEqual([100, 2]);
    expect(await step(other, 'free')).toEqual([1000, 2]);
    // Sessions with the same weights share them.
    expect((await held(other)).versions).toHaveLength(2);
    for (const id of ['p', 'q', 'r']) await call(other.app, 'DELETE', `/v1/sessions/${id}`);
    expect(await held(other)).toEqual({ biases: ['2'], versions: [] });
    await other.app.close();
  });

  it('is made again by a restore on the service where it was', async () => {
    await saved();
    await call(served.app, 'DELETE', '/v1/sessions/p');
    await call(served.app, 'DELETE', '/v1/sessions/q');
    expect((await held(served)).versions).toEqual(['2']);
    const restored = await call(served.app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect(restored.body.created.sessions).toEqual(['p', 'q']);
    expect(await step(served, 'p')).toEqual([6, 1]);
    expect(await step(served, 'r')).toEqual([100, 2]);
  });

  it('is not made by a restore that would keep too many versions, of which nothing is restored', async () => {
    const file = await saved();
    const restore = async (maxPinnedVersions: number) => {
      const app = await startApp({ limits: { maxPinnedVersions } });
      await call(app, 'POST', '/v1/checkpoints?id=c', file, SAFETENSORS);
      const reply = await call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
      const { items } = (await call(app, 'GET', '/v1/cells')).body;
      await app.close();
      return { reply, cells: items.length };
    };
    const refused = await restore(1);
    const { errors } = expectProblem(refused.reply, 'checkpoint-mismatch', /2 versions .* over the limit of 1/);
    expect(errors?.map(({ pointer }) => pointer)).toEqual(['/sessions/r']);
    expect(refused.cells).toBe(0);
    expect((await restore(2)).reply.body.created.sessions).toEqual(['free', 'p', 'q', 'r']);
    // On the service where it was, beside what is kept there already.
    for (const id of ['p', 'q']) await call(served.app, 'DELETE', `/v1/sessions/${id}`);
    const app = await startApp({ store: served.store, clock: served.clock, limits: { maxPinnedVersions: 1 } });
    const beside = await call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expectProblem(beside, 'checkpoint-mismatch', /2 versions .* over the limit of 1/);
    await app.close();
  });

  it("is refused with weights that are not its cell's", async () => {
    const { tensors, metadata } = readSafetensors(await saved());
    const wrong = new Map(tensors).set('pinned/cell/1/bias', new Tensor('float32', [2], new Float32Array(2)));
    const target = await startApp();
    const brought = writeSafetensors(wrong, metadata);
    expect((await call(target, 'POST', '/v1/checkpoints?id=w', brought, SAFETENSORS)).status).toBe(201);
    const refused = await call(target, 'POST', '/v1/checkpoints/w/restore', { create_missing: true });
    expectProblem(refused, 'checkpoint-mismatch', /'bias' is float32 \[1\]; the checkpoint has float32 \[2\]/);
    expect((await call(target, 'GET', '/v1/cells')).body.items).toEqual([]);
    await target.close();
  });
});

onMemory('a session that is to keep to its version of the cell', (served) => {
  it('is not opened before there is one with weights', async () => {
    await make(served.app, '/v1/cells', TUTORIAL_CELL);
    const body = { id: 's', cell: 'cell', pin_cell_version: true };
    const reply = await call(served.app, 'POST', '/v1/sessions', body);
    expect(expectProblem(reply, 'not-built', /'cell' is not built.*Build it first/).errors?.[0].pointer).toBe(
      '/pin_cell_version',
    );
  });
});

describe('a session as the first release wrote it', () => {
  it('is read, stepped and ended as one without a history that follows its cell', async () => {
    const store = openMemoryStore();
    const app = await startApp({ store });
    await build({ app });
    const cell = (await dump(store))['cell/cell'];
    const uid = /"uid":"([^"]+)"/.exec(Buffer.from(cell, 'hex').toString())?.[1];
    const header = Buffer.from(
      JSON.stringify({
        fields: {
          format: 1,
          id: 's',
          uid: 'uid_old',
          cell: 'cell',
          cell_uid: uid,
          cell_version: 1,
          batch_size: 1,
          step: 4,
          ttl_seconds: 60,
          version: 5,
          created_at: Date.UTC(2030, 0, 1),
          updated_at: Date.UTC(2030, 0, 1),
        },
        tensors: [{ name: 'states.0', dtype: 'float32', shape: [1, 1] }],
      }),
    );
    const start = Buffer.alloc(8);
    start.write('CSR1');
    start.writeUInt32LE(header.length, 4);
    const state = Buffer.alloc(4);
    state.writeFloatLE(12);
    await store.commit([{ key: 'session/s', bytes: Buffer.concat([start, header, state]) }]);
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toEqual({
      id: 's',
      cell: 'cell',
      cell_version: 1,
      pin_cell_version: false,
      batch_size: 1,
      step: 4,
      states: [[[12]]],
      history: 0,
      oldest_step: 4,
      ttl_seconds: 60,
      expires_at: '2030-01-01T00:01:00.000Z',
      version: 5,
      created_at: '2030-01-01T00:00:00.000Z',
      updated_at: '2030-01-01T00:00:00.000Z',
    });
    await assign({ app }, 100);
    expect(await step({ app }, 's')).toEqual([112, 2]);
    expect((await call(app, 'POST', '/v1/sessions/s/fork', { id: 'f' })).body).toMatchObject({ step: 5, history: 0 });
    expect((await call(app, 'DELETE', '/v1/sessions/s')).status).toBe(204);
    await app.close();
  });
});
