import { expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore } from '../support/serve.ts';

onEveryStore('two services on one store', (served) => {
  it('add up all that both were sent, and carry steps out one after another', async () => {
    const { app, store, clock } = served;
    const other = await startApp({ store, clock, run: 'b' });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/variables', { id: 'v', value: 0 });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    const both = [app, other];
    const adds = both.flatMap((one) =>
      Array.from({ length: 20 }, () => call(one, 'POST', '/v1/variables/v/assign_add', { value: 1 })),
    );
    const steps = both.flatMap((one) =>
      Array.from({ length: 20 }, () => call(one, 'POST', '/v1/sessions/s/steps', { inputs: [[0]] })),
    );
    for (const { status, text } of await Promise.all([...adds, ...steps])) expect(status, text).toBe(200);
    expect((await call(app, 'GET', '/v1/variables/v')).body).toMatchObject({ value: 40, version: 41 });
    expect((await call(other, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 40, states: [[[120]]] });
    await other.close();
  });

  it('execute a request with one key once, whichever of them gets it', async () => {
    const { app, store, clock } = served;
    const other = await startApp({ store, clock, run: 'b' });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    const key = { 'idempotency-key': 'k' };
    const send = (url: string, body: object) =>
      Promise.all([app, other].map((one) => call(one, 'POST', url, body, key)));
    const stepped = await send('/v1/sessions/s/steps', { inputs: [[2]] });
    const made = await send('/v1/variables', { initializer: 'random_normal', shape: [2] });
    for (const [a, b] of [stepped, made]) {
      expect(b.text).toBe(a.text);
      const replayed = [a, b].filter(({ headers }) => headers['idempotency-replayed'] === 'true');
      expect(replayed).toHaveLength(1);
    }
    expect((await call(app, 'GET', '/v1/sessions/s')).body.step).toBe(1);
    expect((await call(app, 'GET', '/v1/variables')).body.items).toHaveLength(1);
    await other.close();
  });

  it('see the weights that the other has put, at once', async () => {
    const { app, store, clock } = served;
    const other = await startApp({ store, clock, run: 'b' });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const step = async (one: typeof app) =>
      (await call(one, 'POST', '/v1/cells/cell/steps', { inputs: [[0]] })).body.output[0][0];
    for (let bias = 0; bias < 5; bias++) {
      await call(bias % 2 ? app : other, 'PUT', '/v1/cells/cell/variables/bias', { value: [bias] });
      expect([await step(app), await step(other)]).toEqual([bias, bias]);
    }
    await other.close();
  });
});
