import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, type Method, TUTORIAL_CELL } from '../support/call.ts';
import { TestKeys } from '../support/keys.ts';
import { endless } from '../support/onnx-models.ts';
import { until } from '../support/until.ts';

const CELL = { ...TUTORIAL_CELL, input_shape: [null, 1] };
let app: TestApp;
afterEach(() => app.close());

describe('the quotas of a tenant', () => {
  it('are shown with what is in use', async () => {
    app = await startApp({ quotas: { sessions: 2 } });
    await call(app, 'POST', '/v1/cells', CELL);
    await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'cell' });
    const { status, body } = await call(app, 'GET', '/v1/usage');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      tenant: 'default',
      cells: { used: 1, quota: null },
      sessions: { used: 1, quota: 2 },
      variables: { used: 0, quota: null },
      stored_bytes: { quota: null },
    });
    expect(body.stored_bytes.used).toBeGreaterThan(100);
  });

  it('refuse more cells, sessions and variables, by every way that makes one', async () => {
    app = await startApp({ quotas: { cells: 1, sessions: 1, variables: 1 } });
    for (const [url, body] of [
      ['/v1/cells', CELL],
      ['/v1/sessions', { id: 's', cell: 'cell' }],
      ['/v1/variables', { id: 'v', value: 1 }],
    ] as const) {
      expect((await call(app, 'POST', url, body)).status).toBe(201);
      const more = await call(app, 'POST', url, { ...body, id: 'more' });
      expectProblem(more, 'quota-exceeded', /may have 1 /);
      expect(more.headers['retry-after']).toBe('60');
      expect(more.body).toMatchObject({ limit: 1, used: 1 });
    }
    expectProblem(await call(app, 'POST', '/v1/sessions/s/fork', { id: 'f' }), 'quota-exceeded', /sessions/);
    const keyed = { 'idempotency-key': 'k' };
    expectProblem(await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, keyed), 'quota-exceeded');
    await call(app, 'DELETE', '/v1/sessions/s');
    expect((await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, keyed)).status).toBe(201);
  });

  it('refuse to store more bytes, and let things be read, stepped and deleted', async () => {
    app = await startApp({ quotas: { stored_bytes: 20_000 } });
    await call(app, 'POST', '/v1/cells', CELL);
    await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'cell' });
    const large = { id: 'v', initializer: 'zeros', shape: [10_000] };
    const refused = await call(app, 'POST', '/v1/variables', large);
    expectProblem(refused, 'tenant-full', /20000 bytes/);
    expect((await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] })).status).toBe(200);
    expect((await call(app, 'DELETE', '/v1/sessions/s')).status).toBe(204);
  });

  it('refuse work until what was let in is paid off, on every way that computes', async () => {
    app = await startApp({ quotas: { work_per_second: 1_000 } });
    await call(app, 'POST', '/v1/cells', CELL);
    expect((await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[1]] })).status).toBe(200);
    for (const [url, body] of [
      ['/v1/cells/cell/steps', { inputs: [[1]] }],
      ['/v1/cells/cell/sequences', { inputs: [[[1]]] }],
      ['/v1/cells/cell/training_steps', { inputs: [[[1]]], targets: [[1]], loss: 'mse', optimizer: 'sgd' }],
      ['/v1/ops/matmul', { inputs: [[[1]], [[1]]] }],
    ] as const) {
      const refused = await call(app, 'POST', url, body);
      expectProblem(refused, 'quota-exceeded', /multiply-adds a second/);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    }
    await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'cell' });
    const { body } = await call(app, 'POST', '/v1/steps', { steps: [{ session: 's', inputs: [[1]] }] });
    expect(body.results[0]).toMatchObject({
      status: 429,
      problem: { code: 'quota-exceeded', quota: 'work_per_second' },
    });
  });

  it.each([
    ['a draw', '/v1/variables', { initializer: { class_name: 'RandomNormal', config: { seed: 1 } }, shape: [40, 50] }],
    ['integers that are drawn', '/v1/variables', { dtype: 'int32', randint: { low: 0, high: 9, size: [2_000] } }],
    ['the draws of a cell', '/v1/cells', { class_name: 'LSTMCell', config: { units: 16 }, input_shape: [null, 16] }],
    ['an element-wise operation', '/v1/ops/tanh', { inputs: [Array(2_000).fill(0.5)] }],
  ])('count %s, before it is done', async (_what, url, body) => {
    app = await startApp({ quotas: { work_per_second: 1_000 } });
    expect([200, 201]).toContain((await call(app, 'POST', url, body)).status);
    const refused = await call(app, 'POST', url, body);
    expectProblem(refused, 'quota-exceeded', /multiply-adds a second/);
    expect(refused.body).toMatchObject({ quota: 'work_per_second', limit: 1_000 });
    expect((await call(app, 'GET', '/v1/usage')).body.cells.used).toBe(url === '/v1/cells' ? 1 : 0);
  });

  it('count what the runs of a graph take, whatever its file is like', async () => {
    app = await startApp({ quotas: { work_per_second: 2e7 } });
    const type = { 'content-type': 'application/x-onnx' };
    expect((await call(app, 'POST', '/v1/cells?graph=true&id=loops', endless(), type)).status).toBe(201);
    await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'loops' });
    const runs = (rounds: number) =>
      call(app, 'POST', '/v1/sessions/s/steps', { named_inputs: { x: [[0.5, 0.5]], rounds } });
    expect((await runs(1)).status).toBe(200);
    expect((await runs(100_000)).status).toBe(200);
    const refused = await runs(1);
    expectProblem(refused, 'quota-exceeded', /multiply-adds a second/);
    const { body } = await call(app, 'POST', '/v1/steps', {
      steps: [{ session: 's', named_inputs: { x: [[0.5, 0.5]], rounds: 1 } }],
    });
    expect(body.results[0]).toMatchObject({ status: 429, problem: { quota: 'work_per_second' } });
  });

  it('refuse more connections, and end those that are refused', async () => {
    app = await startApp({ quotas: { connections: 2 } });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const agents = Array.from({ length: 3 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const read = (agent: Agent) =>
      new Promise<{ status?: number; connection?: string }>((resolve, reject) => {
        get({ port, host: '127.0.0.1', path: '/v1/usage', agent }, (reply) => {
          reply.resume().once('end', () => resolve({ status: reply.statusCode, connection: reply.headers.connection }));
        }).once('error', reject);
      });
    expect((await read(agents[0])).status).toBe(200);
    expect((await read(agents[1])).status).toBe(200);
    expect(await read(agents[2])).toEqual({ status: 429, connection: 'close' });
    expect((await read(agents[0])).status).toBe(200);
    agents[1].destroy();
    await until(async () => (await read(agents[2])).status === 200);
    for (const agent of agents) agent.destroy();
  });
});

describe('the keys file', () => {
  const keys = new TestKeys();
  const [acme, other] = [keys.make('acme --tenant acme'), keys.make('other --tenant other')];
  afterAll(() => keys.remove());
  const as = (key: string, method: Method, url: string, body?: unknown) =>
    call(app, method, url, body, { authorization: `Bearer ${key}` });

  it('has quotas of one tenant, which replace the general ones, even with no limit', async () => {
    writeFileSync(
      keys.file,
      JSON.stringify({
        ...JSON.parse(readFileSync(keys.file, 'utf8')),
        quotas: { acme: { cells: 2, sessions: null, requests_per_second: 50 } },
      }),
    );
    app = await startApp({ gate: { keysFile: keys.file }, quotas: { cells: 1, sessions: 3 } });
    const { headers, body } = await as(acme, 'GET', '/v1/usage');
    expect(body).toMatchObject({ cells: { quota: 2 }, sessions: { quota: null }, requests_per_second: { quota: 50 } });
    expect(headers['ratelimit-policy']).toBe('"requests";q=50;w=1');
    const make = (key: string, id: string) => as(key, 'POST', '/v1/cells', { ...CELL, id });
    expect((await make(acme, 'a')).status).toBe(201);
    expect((await make(acme, 'b')).status).toBe(201);
    expectProblem(await make(acme, 'c'), 'quota-exceeded');
    const usage = await as(other, 'GET', '/v1/usage');
    expect(usage.body).toMatchObject({ tenant: 'other', cells: { used: 0, quota: 1 }, sessions: { quota: 3 } });
    expect(usage.headers['ratelimit-policy']).toBeUndefined();
    expect((await make(other, 'a')).status).toBe(201);
    expectProblem(await make(other, 'b'), 'quota-exceeded');
  });
});
