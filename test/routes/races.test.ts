import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { encodeRecord } from '../../src/domain/record.ts';
import { referenceKey } from '../../src/services/keys.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp, TestClock } from '../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';

describe('a cell whose session is between its reference and its record', () => {
  const clock = new TestClock();
  let store: Store;
  let app: TestApp;

  beforeEach(async () => {
    store = openMemoryStore();
    app = await startApp({ store, clock });
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const bytes = encodeRecord({ fields: { at: clock.now }, tensors: {} });
    await store.commit([{ key: referenceKey({ cell: 'cell', id: 's', uid: 'uid_other' }), bytes }]);
  });
  afterEach(() => app.close());

  it('is in use for a minute, and can be deleted after it', async () => {
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use', /'s'/);
    clock.now += 60_000;
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
    expect(await store.list('cell', undefined, 10)).toEqual([]);
  });

  it('stays in use by a session of the same id that was opened meanwhile', async () => {
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    clock.now += 60_000;
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use', /'s'/);
    await call(app, 'DELETE', '/v1/sessions/s');
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
  });
});

describe('a request that is refused', () => {
  it('does not build a cell by gradients whose cotangent is wrong', async () => {
    const app = await startApp();
    await make(app, '/v1/cells', { id: 'gru', class_name: 'GRUCell', config: { units: 2 } });
    const body = { inputs: [[[1, 2, 3]]], cotangent: [[[1]]] };
    expectProblem(await call(app, 'POST', '/v1/cells/gru/gradients', body), 'wrong-shape', /\[1,1,1\].*\[1,1,2\]/);
    expect((await call(app, 'GET', '/v1/cells/gru')).body).toMatchObject({ built: false, version: 1 });
    const good = { ...body, cotangent: [[[1, 1]]] };
    expect((await call(app, 'POST', '/v1/cells/gru/gradients', good)).status).toBe(200);
    await app.close();
  });

  it('names build_config where it contradicts input_shape', async () => {
    const app = await startApp();
    const body = { ...TUTORIAL_CELL, input_shape: [null, 1], build_config: { input_shape: [null, 2] } };
    const reply = await call(app, 'POST', '/v1/cells', body);
    expectProblem(reply, 'invalid-request', /build_config/);
    await app.close();
  });

  it('names a name that is too long', async () => {
    const app = await startApp();
    const body = { class_name: 'GRUCell', config: { units: 1, name: 'x'.repeat(4001) } };
    const reply = await call(app, 'POST', '/v1/cells', body);
    expectProblem(reply, 'limit-exceeded', /4001 characters/);
    expect(reply.body.errors[0].pointer).toBe('/config/name');
    await app.close();
  });
});
