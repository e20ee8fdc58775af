import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { Problem } from '../../src/domain/problems.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make, type Sent, TUTORIAL_CELL } from '../support/call.ts';
import { dump } from '../support/stores.ts';

/** A memory store whose parts fail, each with what is put there. */
class FailingStore implements Store {
  private readonly inner = openMemoryStore();
  readonly failures: { get?: Error; commit?: Error; list?: Error; check?: Error } = {};

  async get(key: string) {
    if (this.failures.get) throw this.failures.get;
    return this.inner.get(key);
  }
  async commit(writes: Parameters<Store['commit']>[0]) {
    if (this.failures.commit) throw this.failures.commit;
    return this.inner.commit(writes);
  }
  async list(prefix: string, after: string | undefined, limit: number) {
    if (this.failures.list) throw this.failures.list;
    return this.inner.list(prefix, after, limit);
  }
  async check() {
    if (this.failures.check) throw this.failures.check;
  }
  async close() {
    await this.inner.close();
  }
  /** All that is in it, failing or not. */
  dump() {
    return dump(this.inner);
  }
}

const CHANGES: readonly Sent[] = [
  ['POST', '/v1/cells', { class_name: 'GRUCell', config: { units: 1 } }],
  ['POST', '/v1/cells/unbuilt/build', { input_shape: [null, 1] }],
  ['POST', '/v1/cells/unbuilt/steps', { inputs: [[1]] }],
  ['PUT', '/v1/cells/cell/weights', { weights: { kernel: [[1]], recurrent_kernel: [[1]], bias: [1] } }],
  ['PUT', '/v1/cells/cell/variables/bias', { value: [1] }],
  ['DELETE', '/v1/cells/unbuilt', undefined],
  ['POST', '/v1/variables', { value: 1 }],
  ['POST', '/v1/variables/v/assign_add', { value: 1 }],
  ['DELETE', '/v1/variables/v', undefined],
  ['POST', '/v1/sessions', { cell: 'cell' }],
  ['POST', '/v1/sessions/s/steps', { inputs: [[1]] }],
  ['PUT', '/v1/sessions/s/states', { states: [[[1]]] }],
  ['POST', '/v1/sessions/s/reset', undefined],
  ['DELETE', '/v1/sessions/s', undefined],
  ['POST', '/v1/checkpoints', { all: true }],
  ['POST', '/v1/checkpoints/c/restore', {}],
  ['DELETE', '/v1/checkpoints/c', undefined],
];

const READS = [
  '/v1/cells/cell',
  '/v1/cells/cell/weights',
  '/v1/variables/v',
  '/v1/sessions/s',
  '/v1/checkpoints/c',
  '/v1/checkpoints/c/content',
];
const LISTS = ['/v1/cells', '/v1/variables', '/v1/sessions', '/v1/checkpoints'];

async function start(): Promise<{ app: TestApp; store: FailingStore }> {
  const store = new FailingStore();
  const app = await startApp({ store });
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, id: 'unbuilt' });
  await make(app, '/v1/variables', { id: 'v', value: 1 });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  await make(app, '/v1/checkpoints', { id: 'c', sessions: ['s'] });
  return { app, store };
}

describe('when the store fails', () => {
  it.each([
    ['store-unavailable', 503],
    ['store-full', 507],
  ] as const)('every change answers %s and acknowledges nothing', async (code, status) => {
    const { app, store } = await start();
    const before = await store.dump();
    store.failures.commit = new Problem(code, 'The disk is gone.');
    for (const change of CHANGES) {
      for (const headers of [{}, { 'idempotency-key': 'k' }] as Record<string, string>[]) {
        const reply = await call(app, ...change, headers);
        expect(reply.status, `${change[0]} ${change[1]}: ${reply.text}`).toBe(status);
        expectProblem(reply, code, /disk/);
        expect(reply.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
      }
    }
    expect(await store.dump()).toEqual(before);
    // The same requests, with the same keys, go through once the store is back.
    delete store.failures.commit;
    const stepped = await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] }, { 'idempotency-key': 'k' });
    expect(stepped).toMatchObject({ status: 200, body: { step: 1 } });
    expect(stepped.headers).not.toHaveProperty('idempotency-replayed');
    await app.close();
  });

  it('every read answers 503, and is right again afterwards', async () => {
    const { app, store } = await start();
    store.failures.get = new Problem('store-unavailable', 'The disk is gone.');
    store.failures.list = store.failures.get;
    for (const url of [...READS, ...LISTS]) expectProblem(await call(app, 'GET', url), 'store-unavailable');
    for (const change of CHANGES) expectProblem(await call(app, ...change), 'store-unavailable');
    delete store.failures.get;
    delete store.failures.list;
    for (const url of [...READS, ...LISTS]) expect((await call(app, 'GET', url)).status).toBe(200);
    await app.close();
  });

  it('is not ready, but alive', async () => {
    const { app, store } = await start();
    store.failures.check = new Problem('store-unavailable', 'The disk is gone.');
    expectProblem(await call(app, 'GET', '/readyz'), 'store-unavailable', /disk/);
    store.failures.check = new Error('secret of the inside');
    const reply = await call(app, 'GET', '/readyz');
    expectProblem(reply, 'store-unavailable');
    expect(reply.text).not.toContain('secret');
    expect((await call(app, 'GET', '/healthz')).status).toBe(200);
    await app.close();
  });

  it('is not ready after a change that found no room, until a commit finds some again', async () => {
    const { app, store } = await start();
    store.failures.commit = new Problem('store-full', 'The store has no room left.');
    expect((await call(app, 'GET', '/readyz')).status).toBe(200);
    expectProblem(await call(app, 'POST', '/v1/variables', { value: 1 }), 'store-full');
    for (let times = 0; times < 2; times++) {
      expectProblem(await call(app, 'GET', '/readyz'), 'store-unavailable', /no room left/);
    }
    delete store.failures.commit;
    expect((await call(app, 'GET', '/readyz')).status).toBe(200);
    await app.close();
  });

  it('shows nothing of the inside when something unexpected breaks', async () => {
    const { app, store } = await start();
    store.failures.get = new TypeError('secret of the inside');
    store.failures.list = store.failures.get;
    for (const url of [...READS, ...LISTS]) {
      const reply = await call(app, 'GET', url);
      expectProblem(reply, 'internal-error');
      expect(reply.text).not.toMatch(/secret|TypeError/);
    }
    delete store.failures.get;
    store.failures.commit = new TypeError('secret of the inside');
    for (const change of CHANGES) {
      const reply = await call(app, ...change);
      expectProblem(reply, 'internal-error');
      expect(reply.text).not.toMatch(/secret|TypeError/);
    }
    await app.close();
  });

  it('never misreads a damaged record', async () => {
    const { app, store } = await start();
    const key = 'variable/v';
    const whole = (await store.get(key))?.bytes ?? new Uint8Array();
    for (const bytes of [
      new Uint8Array(),
      whole.subarray(0, 6),
      whole.subarray(0, whole.length - 1),
      new Uint8Array(64),
    ]) {
      await store.commit([{ key, bytes }]);
      expectProblem(await call(app, 'GET', '/v1/variables/v'), 'internal-error');
      expectProblem(await call(app, 'GET', '/v1/variables'), 'internal-error');
    }
    await app.close();
  });
});
