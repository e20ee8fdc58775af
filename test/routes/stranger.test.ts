import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CountedStore } from '../../src/domain/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { asyncApiDocument } from '../../src/streams/asyncapi.ts';
import { type DocumentedOperation, documentOf, operationsOf } from '../openapi/document.ts';
import { examplesOf, pathOf } from '../openapi/run-example.ts';
import { StreamClient } from '../streams/client.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, type Method, TUTORIAL_CELL } from '../support/call.ts';
import { TestKeys } from '../support/keys.ts';
import { dump } from '../support/stores.ts';

const SCOPES = '--scopes read,step,write,admin';
/** The ids of the examples, which the owner has. */
const IDS = /^(cell|v|s|t|u|ckpt)$/;
/** Paths with a parameter that is not the id of anybody's thing. */
const SHARED = new Set(['/v1/ops/{op}']);

const keys = new TestKeys();
const [owner, stranger] = [keys.make(`owner --tenant acme ${SCOPES}`), keys.make(`stranger --tenant other ${SCOPES}`)];
afterAll(() => keys.remove());

let store: CountedStore;
let app: TestApp;

async function start(): Promise<void> {
  store = openMemoryStore();
  app = await startApp({ store, gate: { keysFile: keys.file } });
  const made = [
    await as(owner, 'POST', '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] }),
    await as(owner, 'POST', '/v1/variables', { id: 'v', value: 1 }),
    ...(await Promise.all(
      ['s', 't', 'u'].map((id) => as(owner, 'POST', '/v1/sessions', { id, cell: 'cell', history: 5 })),
    )),
    await as(owner, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] }),
    await as(owner, 'POST', '/v1/checkpoints', { id: 'ckpt', all: true }),
  ];
  for (const { status, text } of made) expect(status, text).toBeLessThan(300);
}
beforeAll(start);
afterAll(() => app.close());

/** What the stranger made would be found by what it asks for next. */
afterEach(async () => {
  const traces = Object.keys(await dump(store)).some((key) => key.startsWith('@other/'));
  if (!traces && !app.server.listening) return;
  await app.close();
  await start();
});

const as = (key: string, method: Method, url: string, body?: unknown) =>
  call(app, method, url, body, { authorization: `Bearer ${key}` });

const described = await startApp();
const document = await documentOf(described);
await described.close();
const closed = operationsOf(document).filter(
  (operation) => (operation as { security?: unknown[] }).security?.length !== 0,
);
const examples = examplesOf(document);

/** What the owner has, and nothing of it may change. */
async function owned(): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await dump(store)).filter(([key]) => key.startsWith('@acme/')));
}

/** The same with another id in the place of each that the owner has. */
function absent<T>(value: T): T {
  if (typeof value === 'string') return (IDS.test(value) ? 'absent' : value) as T;
  if (Array.isArray(value)) return value.map(absent) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, absent(one)])) as T;
}

/** What is told, whatever the ids are and whenever it is. */
function told(value: unknown): unknown {
  const text = JSON.stringify(value ?? null, (name, one) => (/^(request_id|instance|.*_at)$/.test(name) ? '' : one));
  return JSON.parse(text.replaceAll(/(['"/])(cell|v|s|t|u|ckpt)(?=['"/ ])/g, '$1absent'));
}

/** The request that the document shows. */
function requestOf(operation: DocumentedOperation): { readonly url: string; readonly body: unknown } {
  const example = examples.find((one) => one.operation.operationId === operation.operationId);
  return { url: pathOf(document, operation, example?.name ?? ''), body: example?.body };
}

describe('a stranger', () => {
  it.each(closed.map((operation) => [operation.operationId, operation] as const))(
    'learns from %s what there is to learn where there is no such thing, and changes nothing of others',
    async (_name, operation) => {
      const { url, body } = requestOf(operation);
      const before = await owned();
      const found = await as(stranger, operation.method, url, body);
      expect(await owned()).toEqual(before);
      const names = operation.path.includes('{') && !SHARED.has(operation.path);
      if (names) expect(found.status, found.text).toBe(404);
      // Lists, and what is for all, has nothing of the owner in it.
      else if (operation.method === 'GET')
        expect(found.text.replaceAll('kind="cell"', '')).not.toMatch(/"(cell|v|s|t|u|ckpt)"/);
      // Where it made something of its own, the name of that is its own.
      if (found.status < 400) return;
      const missing = await as(stranger, operation.method, absentUrl(operation), absent(body));
      expect(missing.status).toBe(found.status);
      expect(told(missing.body)).toEqual(told(found.body));
    },
  );

  const absentUrl = (operation: DocumentedOperation) => requestOf(operation).url.split('/').map(absent).join('/');

  it('has lists of its own', async () => {
    const lists = closed.filter(({ method, path }) => method === 'GET' && /^\/v1\/(?!ops)\w+$/.test(path));
    for (const { path, operationId } of lists) {
      const { status, text } = await as(stranger, 'GET', path);
      expect(status === 200 || status === 426, operationId).toBe(true);
      expect(text, operationId).not.toMatch(/"(cell|s|t|u|v|ckpt)"/);
    }
    expect(lists.length).toBeGreaterThanOrEqual(5);
  });

  it('is asked for a key by every operation that is not for everybody', async () => {
    for (const operation of closed) {
      expectProblem(await call(app, operation.method, requestOf(operation).url), 'unauthorized');
    }
    expect(closed.length).toBeGreaterThan(40);
  });
});

describe('a stranger on the socket', () => {
  const { operations, components } = asyncApiDocument() as unknown as {
    operations: Record<string, { action: string; messages: { $ref: string }[] }>;
    components: { messages: Record<string, { examples?: { payload: Record<string, unknown> }[] }> };
  };
  const messages = Object.values(operations)
    .filter(({ action }) => action === 'receive')
    .flatMap(({ messages }) => messages.map(({ $ref }) => $ref.split('/').at(-1) ?? ''));

  async function connect(key: string): Promise<StreamClient> {
    const client = new StreamClient(await app.listen({ host: '127.0.0.1', port: 0 }), {
      authorization: `Bearer ${key}`,
    });
    await client.open();
    return client;
  }

  it.each(messages)('learns from %s no more than that the session does not exist', async (name) => {
    const shown = components.messages[name].examples ?? [];
    expect(shown.length, 'the document shows an example of each message').toBeGreaterThan(0);
    const client = await connect(stranger);
    const before = await owned();
    for (const [n, { payload }] of shown.entries()) {
      const found = await client.ask({ ...payload, key: undefined, id: 2 * n + 1 });
      const missing = await client.ask({ ...absent(payload), key: undefined, id: 2 * n + 2 });
      expect(told({ ...missing, id: 0 })).toEqual(told({ ...found, id: 0 }));
      if (!/Auth|Unsubscribe/.test(name)) expect(found.status).toBeGreaterThanOrEqual(400);
    }
    expect(await owned()).toEqual(before);
  });

  it('hears nothing of the sessions of others', async () => {
    const client = await connect(stranger);
    await client.ask({ op: 'subscribe', session: 's', id: 1 });
    await as(owner, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] });
    await client.ask({ op: 'unsubscribe', session: 's', id: 2 });
    expect(client.heard.map(({ id }) => id)).toEqual([1, 2]);
  });
});
