import { expect, it } from 'vitest';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { startApp } from '../../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../../support/call.ts';

it('lists the kept steps of one moment, also where some are let go of while they are read', async () => {
  const store = openMemoryStore();
  const other = await startApp({ store, run: 'b' });
  const step = () => call(other, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] });
  let meanwhile = async () => {};
  const { get, commit, check, close } = store;
  const app = await startApp({
    store: {
      get,
      commit,
      check,
      close,
      async list(prefix, after, limit) {
        const now = meanwhile;
        meanwhile = async () => {};
        if (prefix.startsWith('session-step/')) await now();
        return store.list(prefix, after, limit);
      },
    },
  });
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell', history: 3 });
  for (let n = 0; n < 3; n++) await step();
  meanwhile = async () => {
    await step();
    await step();
  };
  const { items } = (await call(app, 'GET', '/v1/sessions/s/steps')).body;
  expect(items.map((item: { step: number }) => item.step)).toEqual([3, 4, 5]);
  await Promise.all([app.close(), other.close()]);
});
