import { expect, it } from 'vitest';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory, type Served } from '../support/serve.ts';

const step = (inputs: unknown, more: object = {}) => ['POST', '/v1/sessions/s/steps', { inputs, ...more }] as const;

async function open({ app }: Served, more: object = {}): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell', ...more });
}

onEveryStore('sessions', (served) => {
  it('keeps the hidden state from step to step', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const opened = await make(app, '/v1/sessions', { id: 's', cell: 'cell', initial_state: [[[1]]] });
    expect(opened.headers).toMatchObject({ location: '/v1/sessions/s', etag: '"1"' });
    expect(opened.body).toEqual({
      id: 's',
      cell: 'cell',
      cell_version: 1,
      pin_cell_version: false,
      batch_size: 1,
      step: 0,
      states: [[[1]]],
      history: 0,
      oldest_step: 0,
      ttl_seconds: null,
      expires_at: null,
      version: 1,
      created_at: '2030-01-01T00:00:00.000Z',
      updated_at: '2030-01-01T00:00:00.000Z',
    });
    // The cell is built by the session's first step.
    const first = await call(app, ...step([[2]]));
    expect(first.text).toBe('{"output":[[6]],"step":1,"cell_version":2}');
    expect(first.headers.etag).toBe('"2"');
    const second = await call(app, ...step([[2]], { return_states: true, trace: true, tensor_format: 'flat' }));
    const tensor = { shape: [1, 1], dtype: 'float32', data: [11] };
    expect(second.body).toMatchObject({ output: tensor, step: 2, states: [tensor] });
    expect(Object.values(second.body.trace)).toEqual([{ before: tensor, after: tensor }]);
    const shown = await call(app, 'GET', '/v1/sessions/s');
    expect(shown.body).toMatchObject({ step: 2, states: [[[11]]], version: 3, cell_version: 2 });
    const same = await call(app, 'GET', '/v1/sessions/s', undefined, { 'if-none-match': '"3"' });
    expect(same).toMatchObject({ status: 304, text: '' });
    expect((await call(app, 'DELETE', '/v1/sessions/s')).status).toBe(204);
    for (const gone of [
      await call(app, 'GET', '/v1/sessions/s'),
      await call(app, ...step([[2]])),
      await call(app, 'PUT', '/v1/sessions/s/states', { states: [[[1]]] }),
      await call(app, 'POST', '/v1/sessions/s/reset'),
      await call(app, 'DELETE', '/v1/sessions/s'),
    ]) {
      expectProblem(gone, 'not-found', /'s'/);
    }
  });

  it('takes many steps in one request, all or none', async () => {
    const { app } = served;
    await open(served, { batch_size: 2 });
    const many = await call(
      app,
      ...step([
        [[1], [2]],
        [[10], [20]],
      ]),
    );
    expect(many.body).toMatchObject({
      output: [
        [[4], [9]],
        [[13], [36]],
      ],
      step: 2,
    });
    expectProblem(
      await call(
        app,
        ...step([
          [[1], [2]],
          [[10], [1e39]],
        ]),
      ),
      'value-out-of-range',
    );
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 2, states: [[[9], [36]]] });
  });

  it('puts states in, and goes back to zeros', async () => {
    const { app } = served;
    await open(served);
    await call(app, ...step([[2]]));
    const put = await call(app, 'PUT', '/v1/sessions/s/states', { states: [[-7]], tensor_format: 'base64' });
    const states = [{ shape: [1, 1], dtype: 'float32', base64: 'AADgwA==' }];
    expect(put).toMatchObject({ status: 200, body: { states, step: 1, version: 3 } });
    expect((await call(app, ...step([[2]]))).body.output).toEqual([[-2]]);
    const reset = await call(app, 'POST', '/v1/sessions/s/reset', { tensor_format: 'flat' });
    expect(reset.body).toMatchObject({ step: 0, version: 5, states: [{ shape: [1, 1], data: [0] }] });
    expect((await call(app, 'POST', '/v1/sessions/s/reset')).body).toMatchObject({ states: [[[0]]], version: 6 });
    const unknown = await call(app, 'POST', '/v1/sessions/s/reset', { to: 1 });
    expect(expectProblem(unknown, 'invalid-request').errors?.[0].pointer).toBe('/to');
    const unfit = await call(app, 'PUT', '/v1/sessions/s/states', { states: [[[1, 2]]] });
    expect(expectProblem(unfit, 'wrong-shape', /\[1,2\].*\[1,1\]/).errors?.[0].pointer).toBe('/states/0');
  });

  it('answers 410 to every call once it has been idle too long', async () => {
    const { app, clock } = served;
    await open(served, { ttl_seconds: 60 });
    expect((await call(app, 'GET', '/v1/sessions/s')).body.expires_at).toBe('2030-01-01T00:01:00.000Z');
    clock.now += 59_999;
    expect((await call(app, ...step([[2]]))).status).toBe(200);
    expect((await call(app, 'GET', '/v1/sessions/s')).body.expires_at).toBe('2030-01-01T00:01:59.999Z');
    clock.now += 60_000;
    const calls = [
      ['GET', '/v1/sessions/s'],
      step([[2]]),
      ['PUT', '/v1/sessions/s/states', { states: [[[1]]] }],
      ['POST', '/v1/sessions/s/reset'],
      ['POST', '/v1/sessions/s/rewind', { to_step: 0 }],
      ['POST', '/v1/sessions/s/fork'],
      ['GET', '/v1/sessions/s/steps'],
      ['DELETE', '/v1/sessions/s'],
    ] as const;
    for (const wait of [0, 24 * 3_600_000]) {
      clock.now += wait;
      for (const [method, url, body] of calls) {
        const gone = expectProblem(await call(app, method, url, body), 'session-expired', /60 idle seconds/);
        expect(gone.expired_at).toBe('2030-01-01T00:01:59.999Z');
      }
      const again = await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'cell' });
      expectProblem(again, 'already-exists', /its id stays taken for a day/);
    }
  });

  it('carries fifty parallel steps out one after another', async () => {
    const { app } = served;
    await open(served);
    const replies = await Promise.all(Array.from({ length: 50 }, () => call(app, ...step([[0]]))));
    // Each step adds 3 to what the former left.
    expect(replies.map(({ body }) => body.output[0][0]).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => 3 * (i + 1)),
    );
    for (const { body } of replies) expect(body.output[0][0]).toBe(3 * body.step);
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 50, version: 51 });
  });

  it('lets exactly one of many steps with the same If-Match win', async () => {
    const { app } = served;
    await open(served);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => call(app, ...step([[2]]), { 'if-match': '"1"' })),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expectProblem(reply, 'version-mismatch', /version 2.*"1"/);
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 1, states: [[[5]]] });
  });
});

onMemory('sessions', (served) => {
  it('changes only at the version that If-Match asks for', async () => {
    const { app } = served;
    await open(served);
    const requests = [
      step([[2]]),
      ['PUT', '/v1/sessions/s/states', { states: [[[1]]] }],
      ['POST', '/v1/sessions/s/reset'],
      ['DELETE', '/v1/sessions/s'],
    ] as const;
    for (const [i, [method, url, body]] of requests.entries()) {
      const stale = await call(app, method, url, body, { 'if-match': '"99"' });
      expectProblem(stale, 'version-mismatch', /"99"/);
      expect(stale.headers.etag).toBe(`"${i + 1}"`);
      expect((await call(app, method, url, body, { 'if-match': `"${i + 1}"` })).status).toBeLessThan(300);
    }
  });

  it('keeps a state that is not finite, and goes on from it', async () => {
    const { app } = served;
    await open(served, { initial_state: [[['Infinity']]] });
    expect((await call(app, ...step([['-Infinity']]))).body.output).toEqual([['NaN']]);
    expect((await call(app, 'GET', '/v1/sessions/s')).body.states).toEqual([[['NaN']]]);
    expect((await call(app, ...step([[1]]))).body.output).toEqual([['NaN']]);
  });

  it('uses the newest version of its cell', async () => {
    const { app } = served;
    await open(served);
    await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [100] });
    expect((await call(app, ...step([[2]]))).body).toEqual({ output: [[102]], step: 1, cell_version: 2 });
  });

  it('pages through sessions', async () => {
    const { app } = served;
    await open(served);
    for (const id of ['c', 'a', 'b']) await make(app, '/v1/sessions', { id, cell: 'cell' });
    const first = await call(app, 'GET', '/v1/sessions?limit=3');
    expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(['a', 'b', 'c']);
    const rest = await call(app, 'GET', `/v1/sessions?cursor=${first.body.next_cursor}`);
    expect(rest.body).toMatchObject({ items: [{ id: 's' }], next_cursor: null });
    expectProblem(await call(app, 'GET', '/v1/sessions?cursor=!!!'), 'invalid-request', /!!!/);
  });

  it('lists sessions of one cell, by the beginning of their ids, with states where they are asked for', async () => {
    const { app } = served;
    await open(served);
    await make(app, '/v1/cells', { id: 'other', class_name: 'GRUCell', config: { units: 1 }, input_shape: [null, 1] });
    for (const id of ['x-1', 'x-2', 'y']) await make(app, '/v1/sessions', { id, cell: 'other' });
    const ids = async (query: string) =>
      (await call(app, 'GET', `/v1/sessions?${query}`)).body.items.map(({ id }: { id: string }) => id);
    expect(await ids('cell=other')).toEqual(['x-1', 'x-2', 'y']);
    expect(await ids('prefix=x-')).toEqual(['x-1', 'x-2']);
    expect(await ids('prefix=x-&cell=cell')).toEqual([]);
    expectProblem(await call(app, 'GET', '/v1/sessions?prefix=a/b'), 'invalid-request', /ids/);
    const [listed] = (await call(app, 'GET', '/v1/sessions?prefix=s')).body.items;
    expect(listed).not.toHaveProperty('states');
    const [whole] = (await call(app, 'GET', '/v1/sessions?prefix=s&values=true')).body.items;
    expect(whole).toEqual({ ...listed, states: (await call(app, 'GET', '/v1/sessions/s')).body.states });
  });

  it('ends a page early where sessions are large, and goes on after it', async () => {
    const { app } = served;
    await open(served);
    const large = { cell: 'cell', batch_size: 1_000_000 };
    for (const id of ['a', 'b', 'c', 'd']) await make(app, '/v1/sessions', { id, ...large });
    const first = (await call(app, 'GET', '/v1/sessions')).body;
    expect(first.items.map(({ id }: { id: string }) => id)).toEqual(['a', 'b', 'c']);
    const rest = (await call(app, 'GET', `/v1/sessions?cursor=${first.next_cursor}`)).body;
    expect(rest.items.map(({ id }: { id: string }) => id)).toEqual(['d', 's']);
    expect(rest.next_cursor).toBeNull();
  });

  it.each([
    ['an id that is taken', { id: 's' }, 'already-exists', undefined],
    ['a cell that is not there', { cell: 'none' }, 'invalid-value', '/cell'],
    ['no cell', { cell: undefined }, 'invalid-request', '/cell'],
    ['an empty batch', { batch_size: 0 }, 'invalid-request', '/batch_size'],
    ['a huge batch', { batch_size: 2 ** 31 }, 'invalid-request', '/batch_size'],
    ['a state of another batch', { batch_size: 2, initial_state: [[[1]]] }, 'wrong-shape', '/initial_state/0'],
    ['no time to live', { ttl_seconds: 0 }, 'invalid-request', '/ttl_seconds'],
    ['an unknown field', { ttl: 5 }, 'invalid-request', '/ttl'],
  ] as const)('refuses a session with %s', async (_, change, code, pointer) => {
    await open(served);
    const reply = await call(served.app, 'POST', '/v1/sessions', { cell: 'cell', ...change });
    expect(expectProblem(reply, code).errors?.[0].pointer).toBe(pointer);
    expect((await call(served.app, 'GET', '/v1/sessions')).body.items).toHaveLength(1);
  });

  it.each([
    ['another batch', [[1], [2]], 'wrong-shape', /batch of 2.*batch size 1/],
    ['another feature count', [[1, 2]], 'wrong-shape', /2 features.*1 features/],
    ['a vector', [1], 'wrong-shape', /\[1\]/],
  ] as const)('refuses a step with %s', async (_, inputs, code, detail) => {
    await open(served);
    expectProblem(await call(served.app, ...step(inputs)), code, detail);
    expect((await call(served.app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 0, version: 1 });
  });
});
