import { expect, it } from 'vitest';
import { createUuidIds } from '../../src/http/uuid-id.ts';
import { Sweeper } from '../../src/services/expiry/sweep.ts';
import { startApp } from '../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory, type Served } from '../support/serve.ts';
import { dump } from '../support/stores.ts';

const SAFETENSORS = { 'content-type': 'application/x-safetensors' };

/** A cell, a session that took a step, and variables whose bits are easily lost. */
async function fill({ app }: Served): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/cells', { id: 'unbuilt', class_name: 'LSTMCell', config: { units: 2 } });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell', ttl_seconds: 600 });
  await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[2]] });
  await make(app, '/v1/variables', { id: 'v', value: ['NaN', '-Infinity', 0.1], dtype: 'float64' });
  await make(app, '/v1/variables', { id: 'i', value: ['9007199254740993'], trainable: false });
}

async function content({ app }: Served, id = 'c'): Promise<Buffer> {
  const reply = await app.inject({ method: 'GET', url: `/v1/checkpoints/${id}/content` });
  expect(reply.statusCode).toBe(200);
  expect(reply.headers['content-type']).toBe('application/x-safetensors');
  return reply.rawPayload;
}

onMemory('a checkpoint of cells of every framework', (served) => {
  it('is restored where nothing has changed, and over what has been deleted', async () => {
    const { app } = served;
    const onnx = { framework: 'onnx', class_name: 'RNN', config: { hidden_size: 1 }, precision: 'exact' };
    const layer = { module: 'keras.layers', class_name: 'GRU', config: { units: 2 } };
    const cells = [
      { id: 'no-bias', ...onnx, weights: { W: [[[1]]], R: [[[2]]] } },
      { id: 'bias', ...onnx, weights: { W: [[[1]]], R: [[[2]]], B: [[3, 4]] } },
      { id: 'both', class_name: 'Bidirectional', config: { layer }, input_shape: [null, null, 3] },
      {
        id: 'torch',
        framework: 'pytorch',
        class_name: 'LSTM',
        config: { input_size: 1, hidden_size: 2, num_layers: 2 },
      },
    ];
    for (const cell of cells) await make(app, '/v1/cells', cell);
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    const weightsOf = async (id: string) => (await call(app, 'GET', `/v1/cells/${id}/weights`)).body.weights;
    const before = await Promise.all(cells.map(({ id }) => weightsOf(id)));
    const restore = () => call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect((await restore()).body.restored.cells).toEqual(['bias', 'both', 'no-bias', 'torch']);
    for (const { id } of cells) await call(app, 'DELETE', `/v1/cells/${id}`);
    expect((await restore()).body.created.cells).toEqual(['bias', 'both', 'no-bias', 'torch']);
    expect(await Promise.all(cells.map(({ id }) => weightsOf(id)))).toEqual(before);
  });
});

onEveryStore('checkpoints', (served) => {
  it('save, list, show, restore and delete', async () => {
    const { app } = served;
    await fill(served);
    const saved = await make(app, '/v1/checkpoints', { id: 'c', all: true });
    expect(saved.headers).toMatchObject({ location: '/v1/checkpoints/c', etag: '"1"' });
    expect(saved.body).toMatchObject({
      id: 'c',
      cells: ['cell', 'unbuilt'],
      variables: ['i', 'v'],
      sessions: ['s'],
      version: 1,
    });
    expect((await call(app, 'GET', '/v1/checkpoints')).body).toEqual({ items: [saved.body], next_cursor: null });
    expect((await call(app, 'GET', '/v1/checkpoints/c')).body).toEqual(saved.body);
    expect((await content(served)).length).toBe(saved.body.bytes);

    const weights = { kernel: [[9]], recurrent_kernel: [[9]], bias: [9] };
    await call(app, 'PUT', '/v1/cells/cell/weights', { weights });
    await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[2]] });
    await call(app, 'PUT', '/v1/variables/v', { value: [1, 2, 3] });
    const restored = await call(app, 'POST', '/v1/checkpoints/c/restore', {});
    const all = { cells: ['cell', 'unbuilt'], variables: ['i', 'v'], sessions: ['s'] };
    const none = { cells: [], variables: [], sessions: [] };
    expect(restored.body).toEqual({ checkpoint: 'c', restored: all, created: none });
    expect((await call(app, 'GET', '/v1/cells/cell/weights')).body.weights.bias).toEqual([3]);
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 1, states: [[[5]]] });
    const value = ['NaN', '-Infinity', 0.1];
    expect((await call(app, 'GET', '/v1/variables/v')).body).toMatchObject({ value, version: 3 });

    expect((await call(app, 'DELETE', '/v1/checkpoints/c')).status).toBe(204);
    expectProblem(await call(app, 'GET', '/v1/checkpoints/c'), 'not-found', /'c'/);
    expectProblem(await call(app, 'GET', '/v1/checkpoints/c/content'), 'not-found');
    expectProblem(await call(app, 'POST', '/v1/checkpoints/c/restore', {}), 'not-found');
    expectProblem(await call(app, 'DELETE', '/v1/checkpoints/c'), 'not-found');
  });

  it('travel as a file to another service, and make there what is missing', async () => {
    const { app } = served;
    await fill(served);
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    const file = await content(served);
    const other = await startApp();
    const brought = await call(other, 'POST', '/v1/checkpoints?id=c', file, SAFETENSORS);
    expect(brought).toMatchObject({ status: 201, body: { id: 'c', cells: ['cell', 'unbuilt'] } });
    expectProblem(await call(other, 'POST', '/v1/checkpoints/c/restore', {}), 'checkpoint-mismatch', /create_missing/);
    const made = await call(other, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect(made.body.created).toEqual({ cells: ['cell', 'unbuilt'], variables: ['i', 'v'], sessions: ['s'] });
    for (const url of ['/v1/cells/cell/weights', '/v1/cells/cell/config', '/v1/cells/unbuilt/config']) {
      const [here, there] = [await call(app, 'GET', url), await call(other, 'GET', url)];
      expect({ ...there.body, cell_version: 0 }).toEqual({ ...here.body, cell_version: 0 });
    }
    expect((await call(other, 'GET', '/v1/variables/i')).body).toMatchObject({
      value: ['9007199254740993'],
      trainable: false,
    });
    expect((await call(other, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 1, states: [[[5]]] });
    expect((await call(other, 'POST', '/v1/sessions/s/steps', { inputs: [[2]] })).body.output).toEqual([[10]]);
    await other.close();
  });

  it('restore nothing where one thing does not fit', async () => {
    const { app, store } = served;
    await fill(served);
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    await call(app, 'DELETE', '/v1/variables/v');
    await make(app, '/v1/variables', { id: 'v', value: [1, 2], dtype: 'float64' });
    await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [77] });
    await call(app, 'DELETE', '/v1/variables/i');
    const before = await dump(store);
    const reply = await call(app, 'POST', '/v1/checkpoints/c/restore', {});
    const { errors = [] } = expectProblem(reply, 'checkpoint-mismatch');
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/variables/i', '/variables/v']);
    expect(errors[1].detail).toMatch(/float64 \[2\].*float64 \[3\]/);
    expect(await dump(store)).toEqual(before);
  });
});

onMemory('checkpoints', (served) => {
  it('take a session that has expired since for one that is missing', async () => {
    const { app, store, clock } = served;
    await fill(served);
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [77] });
    clock.now += 601_000;
    const before = await dump(store);
    const reply = await call(app, 'POST', '/v1/checkpoints/c/restore', {});
    const { errors = [] } = expectProblem(reply, 'checkpoint-mismatch', /create_missing/);
    expect(errors.map(({ pointer }) => pointer)).toEqual(['/sessions/s']);
    expect(await dump(store)).toEqual(before);
  });

  it('make a session anew that has expired since, pinned and with a history of its own', async () => {
    const { app, store, clock } = served;
    const sweeper = new Sweeper({ store, clock: () => clock.now, newId: createUuidIds() });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const session = { id: 's', cell: 'cell', ttl_seconds: 600, history: 5, pin_cell_version: true };
    await make(app, '/v1/sessions', session);
    const step = () => call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[2]] });
    await step();
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    await step();
    await step();
    const taken = expectProblem(await call(app, 'POST', '/v1/sessions', session), 'already-exists');
    expect(taken.detail).toMatch(/'s'/);
    clock.now += 601_000;
    expectProblem(await step(), 'session-expired');
    const { body } = await call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect(body).toMatchObject({ restored: { cells: ['cell'], sessions: [] }, created: { sessions: ['s'] } });
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 1, states: [[[5]]], version: 1 });
    expect((await call(app, 'GET', '/v1/sessions/s/steps')).body.items).toEqual([]);
    expect((await step()).body).toMatchObject({ step: 2, output: [[10]] });
    // What is cleared away of the one that expired takes nothing from the new one.
    const end = clock.now + 27 * 3_600_000;
    while (clock.now < end) {
      clock.now += 599_000;
      expect((await step()).status).toBe(200);
      await sweeper.sweep();
    }
    const references = await store.list('cell-session/cell/', undefined, 10);
    expect(references.map(({ key }) => key.split('/')[2])).toEqual(['s']);
    const versions = await store.list('cell-version/cell/', undefined, 10);
    expect(versions.map(({ key }) => key.split('/')[3])).toEqual([expect.stringMatching(/^w/)]);
  });

  it('save what is named, and page through it', async () => {
    const { app } = served;
    await fill(served);
    for (const id of ['c', 'a', 'b']) await make(app, '/v1/checkpoints', { id, variables: ['v'] });
    const made = await make(app, '/v1/checkpoints', { cells: ['cell'] });
    expect(made.body).toMatchObject({ cells: ['cell'], variables: [], sessions: [] });
    expect(made.body.id).toMatch(/^ckp_/);
    const page = await call(app, 'GET', '/v1/checkpoints?limit=2');
    expect(page.body.items.map(({ id }: { id: string }) => id)).toEqual(['a', 'b']);
    expect(page.body.next_cursor).toEqual(expect.any(String));
    const fresh = await call(app, 'GET', '/v1/checkpoints/a', undefined, { 'if-none-match': '"1"' });
    expect(fresh).toMatchObject({ status: 304, text: '' });
  });

  it('change only at the version that If-Match asks for', async () => {
    const { app } = served;
    await fill(served);
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    const stale = { 'if-match': '"2"' };
    expectProblem(await call(app, 'POST', '/v1/checkpoints/c/restore', {}, stale), 'version-mismatch');
    expectProblem(await call(app, 'DELETE', '/v1/checkpoints/c', undefined, stale), 'version-mismatch');
    const current = { 'if-match': '"1"' };
    expect((await call(app, 'POST', '/v1/checkpoints/c/restore', {}, current)).status).toBe(200);
    expect((await call(app, 'DELETE', '/v1/checkpoints/c', undefined, current)).status).toBe(204);
  });

  it.each([
    ['an id that is taken', { id: 'c', all: true }, 'already-exists', undefined],
    ['nothing', {}, 'invalid-request', ''],
    ['all, and names', { all: true, cells: ['cell'] }, 'invalid-request', ''],
    ['a thing that is not there', { variables: ['v', 'none'] }, 'invalid-value', '/variables/1'],
    ['an unknown field', { all: true, foo: 1 }, 'invalid-request', '/foo'],
  ] as const)('refuse %s', async (_, body, code, pointer) => {
    const { app } = served;
    await fill(served);
    await make(app, '/v1/checkpoints', { id: 'c', variables: ['v'] });
    const { errors } = expectProblem(await call(app, 'POST', '/v1/checkpoints', body), code);
    expect(errors?.[0].pointer).toBe(pointer);
    expect((await call(app, 'GET', '/v1/checkpoints')).body.items).toHaveLength(1);
  });

  it('refuse every truncation of a file, and any other file', async () => {
    const { app, store } = served;
    await fill(served);
    await make(app, '/v1/checkpoints', { id: 'c', variables: ['v'] });
    const file = await content(served);
    const before = await dump(store);
    for (let length = 0; length < file.length; length += 7) {
      const reply = await call(app, 'POST', '/v1/checkpoints', file.subarray(0, length), SAFETENSORS);
      expectProblem(reply, 'invalid-file');
    }
    const foreign = Buffer.from('\x02\0\0\0\0\0\0\0{}', 'latin1');
    expectProblem(await call(app, 'POST', '/v1/checkpoints', foreign, SAFETENSORS), 'invalid-file', /no checkpoint/);
    expect(await dump(store)).toEqual(before);
  });

  it('take an id beside a file only in the query, beside JSON only in the body', async () => {
    const { app } = served;
    await fill(served);
    const reply = await call(app, 'POST', '/v1/checkpoints?id=c', { all: true });
    expect(expectProblem(reply, 'invalid-request').errors?.[0].pointer).toBe('?id');
  });
});
