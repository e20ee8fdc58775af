import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { type DocumentedOperation, documentOf, operationsOf } from '../openapi/document.ts';
import { examplesOf, pathOf } from '../openapi/run-example.ts';
import { startApp, type TestApp, TestClock } from '../support/app.ts';
import { call, expectProblem, type Method, TUTORIAL_CELL } from '../support/call.ts';
import { TestKeys } from '../support/keys.ts';
import { dump } from '../support/stores.ts';

const SCOPES = '--scopes read,step,write,admin';

const keys = new TestKeys();
const [owner, stranger, former] = [
  keys.make(`owner --tenant acme ${SCOPES}`),
  keys.make(`stranger --tenant other ${SCOPES}`),
  keys.make(`former --tenant default ${SCOPES}`),
];
const clock = new TestClock();
let store: Store;
let app: TestApp;

const as = (key: string, method: Method, url: string, body?: unknown, headers = {}) =>
  call(app, method, url, body, { authorization: `Bearer ${key}`, ...headers });

async function start(): Promise<void> {
  store = openMemoryStore();
  app = await startApp({ store, clock, gate: { keysFile: keys.file } });
}

/** Makes what the examples of the document work on. */
async function own(key: string): Promise<void> {
  const made = [
    await as(key, 'POST', '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] }),
    await as(key, 'POST', '/v1/variables', { id: 'v', value: 1 }),
    await as(key, 'POST', '/v1/sessions', { id: 's', cell: 'cell', history: 5 }),
    await as(key, 'POST', '/v1/checkpoints', { id: 'ckpt', all: true }),
  ];
  for (const { status, text } of made) expect(status, text).toBe(201);
}

const described = await startApp();
const document = documentOf(described);
await described.close();
const operations = operationsOf(document);
const examples = examplesOf(document);
afterAll(() => keys.remove());

describe('a stranger', () => {
  beforeAll(async () => {
    await start();
    await own(owner);
  });
  afterAll(() => app.close());

  /** The request that the document shows, with something else in the place of each id where `absent`. */
  async function request(key: string, operation: DocumentedOperation, absent = false) {
    const example = examples.find((one) => one.operation.operationId === operation.operationId);
    const path = pathOf(document, operation, example?.name ?? '');
    const url = absent ? path.replace(/^(\/v1\/\w+)\/[^/]+/, '$1/absent') : path;
    return as(key, operation.method, url, example?.body);
  }
  const things = operations.filter(({ path }) => /^\/v1\/(cells|variables|sessions|checkpoints)\/\{/.test(path));

  it.each(things.map((operation) => [operation.operationId, operation] as const))(
    'gets from %s what it gets where there is no such thing, and changes nothing',
    async (_name, operation) => {
      const before = await dump(store);
      const found = await request(stranger, operation);
      const missing = await request(stranger, operation, true);
      expectProblem(found, 'not-found');
      expectProblem(missing, 'not-found');
      const told = ({ body }: typeof found) => ({ ...body, detail: '', instance: '', request_id: '' });
      expect(told(found)).toEqual(told(missing));
      const [, id] = /^\/v1\/\w+\/([^/]+)/.exec(String(found.body.instance)) ?? [];
      expect(found.body.detail.replaceAll(`'${id}'`, "'absent'")).toBe(missing.body.detail);
      expect(await dump(store)).toEqual(before);
    },
  );

  it('has lists of its own', async () => {
    const lists = operations.filter(({ method, path }) => method === 'GET' && /^\/v1\/(?!ops)\w+$/.test(path));
    for (const { path, operationId } of lists) {
      const { status, text } = await as(stranger, 'GET', path);
      expect(status, operationId).toBe(200);
      expect(text, operationId).not.toMatch(/"(cell|s|v|ckpt)"/);
    }
    expect(lists.length).toBeGreaterThanOrEqual(4);
  });

  it('cannot name the things of another in what it makes', async () => {
    expectProblem(await as(stranger, 'POST', '/v1/sessions', { cell: 'cell' }), 'invalid-value', /no cell 'cell'/);
    expectProblem(await as(stranger, 'POST', '/v1/ops/tanh', { inputs: [{ variable: 'v' }] }), 'invalid-value');
    expect((await as(stranger, 'POST', '/v1/checkpoints', { cells: ['cell'] })).status).toBeGreaterThanOrEqual(400);
  });

  it('is asked for in every operation that is not for everybody', async () => {
    const closed = operations.filter((operation) => (operation as { security?: unknown[] }).security?.length !== 0);
    for (const operation of closed) {
      const path = pathOf(document, operation, '');
      expectProblem(await call(app, operation.method, path), 'unauthorized');
    }
    expect(closed.length).toBeGreaterThan(things.length);
  });
});

describe('two tenants', () => {
  it('have the same ids and idempotency keys side by side', async () => {
    await start();
    for (const key of [owner, stranger, former]) await own(key);
    const headers = { 'idempotency-key': 'one' };
    for (const [key, input] of [
      [owner, 1],
      [stranger, 2],
      [former, 3],
    ] as const) {
      const stepped = await as(key, 'POST', '/v1/sessions/s/steps', { inputs: [[input]] }, headers);
      expect(stepped.body).toMatchObject({ output: [[input + 3]], step: 1 });
      const created = await as(key, 'POST', '/v1/variables', { value: input }, headers);
      expect(created.headers['idempotency-replayed']).toBeUndefined();
      expect(created.status).toBe(201);
    }
    expect((await as(owner, 'DELETE', '/v1/sessions/s')).status).toBe(204);
    expect((await as(stranger, 'GET', '/v1/sessions/s')).body.step).toBe(1);
    await app.close();
  });

  it('leave the default tenant the keys that it had before there were tenants', async () => {
    await start();
    await own(former);
    expect(Object.keys(await dump(store)).filter((key) => key.startsWith('@'))).toEqual([]);
    expect(await store.get('cell/cell')).toBeDefined();
    await app.close();
  });
});
