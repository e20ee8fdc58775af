import { afterAll, describe, expect, it } from 'vitest';
import type { CountedStore } from '../../src/domain/ports.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp, TestClock } from '../support/app.ts';
import { call, type Method, TUTORIAL_CELL } from '../support/call.ts';
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
let store: CountedStore;
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

afterAll(() => keys.remove());

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
