import { expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { startApp } from '../../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../../support/call.ts';

it('restores each thing once for an Idempotency-Key, also where the reply got lost on the way', async () => {
  const inner = openMemoryStore();
  const { get, list, check, close } = inner;
  let fails = false;
  const commit: Store['commit'] = async (writes) => {
    if (fails && writes.some(({ key }) => key.startsWith('checkpoint-keys/'))) {
      throw new Problem('store-unavailable', 'gone');
    }
    return inner.commit(writes);
  };
  const app = await startApp({ store: { get, list, check, close, commit } });
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  await make(app, '/v1/checkpoints', { id: 'saved', sessions: ['s'] });
  await call(app, 'DELETE', '/v1/sessions/s');

  const restore = () =>
    call(app, 'POST', '/v1/checkpoints/saved/restore', { create_missing: true }, { 'idempotency-key': 'k' });
  fails = true;
  expectProblem(await restore(), 'store-unavailable');
  fails = false;
  // It was restored all the same, and goes on.
  expect((await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[2]] })).body).toMatchObject({ step: 1 });
  const again = await restore();
  expect(again.body).toMatchObject({ restored: { sessions: [] }, created: { sessions: ['s'] } });
  expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 1, version: 2, states: [[[5]]] });
  await app.close();
});

it('says that another request came between, which the same restore gets over', async () => {
  const inner = openMemoryStore();
  const { get, list, check, close } = inner;
  let between: (() => Promise<unknown>) | undefined;
  const commit: Store['commit'] = async (writes) => {
    const task = writes.some(({ key }) => key.startsWith('variable/')) ? between : undefined;
    if (task) between = undefined;
    await task?.();
    return inner.commit(writes);
  };
  const app = await startApp({ store: { get, list, check, close, commit } });
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/variables', { id: 'v', value: 1 });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  await make(app, '/v1/checkpoints', { id: 'saved', variables: ['v'], sessions: ['s'] });
  await call(app, 'DELETE', '/v1/sessions/s');

  between = () => make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  const restore = () =>
    call(app, 'POST', '/v1/checkpoints/saved/restore', { create_missing: true }, { 'idempotency-key': 'k' });
  expectProblem(await restore(), 'conflict', /There is a session 's' already\. Restore it again\./);
  expect((await restore()).body).toMatchObject({ restored: { variables: ['v'], sessions: ['s'] } });
  expect((await call(app, 'GET', '/v1/variables/v')).body).toMatchObject({ version: 2 });
  await app.close();
});
