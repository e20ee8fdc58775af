import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../src/domain/record.ts';
import { decodeOutcome } from '../../src/services/changes/outcome.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { startApp, type TestApp, TestClock } from '../support/app.ts';
import { type Called, call, expectProblem, make, type Sent, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory, type Served } from '../support/serve.ts';
import { dump } from '../support/stores.ts';

const HOUR = 3_600_000;
const STEP = ['POST', '/v1/sessions/s/steps', { inputs: [[2]] }] as const;
const key = (name: string) => ({ 'idempotency-key': name });

async function open({ app }: Pick<Served, 'app'>): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  await make(app, '/v1/variables', { id: 'v', value: 1 });
}

/** Headers that each reply has of its own. */
const OWN = ['date', 'x-request-id', 'idempotency-replayed'];

/** The second reply is the first, byte for byte, and says that it is a replay. */
function expectReplay(first: Called, second: Called): void {
  expect(second.status).toBe(first.status);
  expect(second.text).toBe(first.text);
  expect(second.headers['idempotency-replayed']).toBe('true');
  expect(first.headers).not.toHaveProperty('idempotency-replayed');
  const steady = ({ headers }: Called) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.includes(name)));
  expect(steady(second)).toEqual(steady(first));
}

onEveryStore('an Idempotency-Key', (served) => {
  it('gives the first reply again, byte for byte, and does nothing twice', async () => {
    const { app } = served;
    await open(served);
    const first = await call(app, ...STEP, key('a'));
    await call(app, ...STEP, key('b'));
    expectReplay(first, await call(app, ...STEP, key('a')));
    expect((await call(app, 'GET', '/v1/sessions/s')).body.step).toBe(2);
  });

  it('is refused with another body, another path or another method', async () => {
    const { app } = served;
    await open(served);
    await call(app, ...STEP, key('a'));
    const body = await call(app, 'POST', STEP[1], { inputs: [[3]] }, key('a'));
    expectProblem(body, 'idempotency-key-reused', /'a'/);
    expectProblem(await call(app, 'POST', '/v1/sessions/s/reset', undefined, key('a')), 'idempotency-key-reused');
    expectProblem(await call(app, 'DELETE', '/v1/sessions/s', undefined, key('a')), 'idempotency-key-reused');
    expect((await call(app, 'GET', '/v1/sessions/s')).body.step).toBe(1);
  });

  it('executes a request that comes a hundred times at once only once', async () => {
    const { app } = served;
    await open(served);
    const replies = await Promise.all(Array.from({ length: 100 }, () => call(app, ...STEP, key('a'))));
    const done = replies.filter(({ status }) => status === 200);
    expect(done.length).toBeGreaterThan(0);
    for (const reply of replies) {
      if (reply.status === 200) expect(reply.text).toBe(done[0].text);
      else expectProblem(reply, 'in-progress', /'a'/);
    }
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 1, version: 2 });
    expectReplay({ ...done[0], headers: withoutReplay(done[0]) }, await call(app, ...STEP, key('a')));
  });

  it.each([
    ['POST', '/v1/sessions/s/rewind', { to_step: 0 }],
    ['POST', '/v1/sessions/s/fork', { at_step: 0 }],
    ['POST', '/v1/sessions/s/reset', undefined],
    ['DELETE', '/v1/sessions/s', undefined],
  ] as const)('executes %s %s that comes a hundred times at once only once', async (method, url, body) => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell', history: 3 });
    await call(app, ...STEP);
    const replies = await Promise.all(Array.from({ length: 100 }, () => call(app, method, url, body, key('a'))));
    const done = replies.filter(({ status }) => status < 300);
    expect(new Set(done.map(({ text }) => text)).size).toBe(1);
    for (const reply of replies) if (reply.status >= 300) expectProblem(reply, 'in-progress');
    expect((await call(app, method, url, body, key('a'))).headers['idempotency-replayed']).toBe('true');
    const sessions = (await call(app, 'GET', '/v1/sessions')).body.items;
    const versions = sessions.map(({ version }: { version: number }) => version);
    expect(versions.sort()).toEqual(method === 'DELETE' ? [] : url.endsWith('fork') ? [1, 2] : [3]);
  });

  it('makes one thing from a create that comes a hundred times at once', async () => {
    const { app } = served;
    await open(served);
    const body = { cell: 'cell' };
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => call(app, 'POST', '/v1/sessions', body, key('a'))),
    );
    const ids = new Set(replies.filter(({ status }) => status === 201).map(({ body: { id } }) => id));
    expect(ids.size).toBe(1);
    for (const reply of replies) if (reply.status !== 201) expectProblem(reply, 'in-progress');
    expect((await call(app, 'GET', '/v1/sessions')).body.items).toHaveLength(2);
  });

  it('keeps nothing of a request that is refused, so that a corrected one may use it', async () => {
    const { app, store } = served;
    await open(served);
    const before = await dump(store);
    const refused: readonly Sent[] = [
      ['POST', '/v1/sessions/s/steps', { inputs: [[1, 2]] }],
      ['POST', '/v1/sessions/s/steps', { inputs: 'x' }],
      ['POST', '/v1/sessions', { cell: 'none' }],
      ['POST', '/v1/cells', { class_name: 'GRUCell', config: { units: 0 } }],
      ['POST', '/v1/cells', TUTORIAL_CELL],
      ['POST', '/v1/variables', { initializer: 'foo', shape: [1] }],
      ['POST', '/v1/checkpoints', { cells: ['none'] }],
      ['PUT', '/v1/variables/v', { value: [1, 2] }],
      ['POST', '/v1/cells/cell/build', { input_shape: [null, 7] }],
      ['DELETE', '/v1/cells/cell', undefined],
    ];
    for (const request of refused) {
      const reply = await call(app, ...request, key('a'));
      expect(reply.status, `${request[1]} ${reply.text}`).toBeGreaterThanOrEqual(400);
      expect(reply.status).toBeLessThan(500);
      expect(await dump(store)).toEqual(before);
    }
    expect((await call(app, ...STEP, key('a'))).status).toBe(200);
    expect((await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, key('a'))).status).toBe(201);
  });

  it('keeps nothing of a create that is refused because the thing has seen the key', async () => {
    const { app, store } = served;
    await open(served);
    await call(app, ...STEP, key('a'));
    const before = await dump(store);
    const taken = { id: 's', cell: 'cell' };
    expectProblem(await call(app, 'POST', '/v1/sessions', taken, key('a')), 'idempotency-key-reused');
    expect(await dump(store)).toEqual(before);
    expect((await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, key('a'))).status).toBe(201);
  });

  it('is kept for a day, however many others come after it', async () => {
    const { app, store, clock } = served;
    await open(served);
    const first = await call(app, ...STEP, key('k0'));
    for (let i = 1; i < 60; i++) await call(app, ...STEP, key(`k${i}`));
    clock.now += 23.9 * HOUR;
    expectReplay(first, await call(app, ...STEP, key('k0')));
    clock.now += HOUR;
    await call(app, ...STEP, key('k60'));
    const names = Object.keys(await dump(store)).filter((name) => /^session-(reply|kept)/.test(name));
    expect(names, 'all others went with the next change').toHaveLength(2);
    const again = await call(app, ...STEP, key('k0'));
    expect(again.headers).not.toHaveProperty('idempotency-replayed');
    expect(again.body.step).toBe(62);
  });
});

onMemory('an Idempotency-Key', (served) => {
  it.each([
    ['POST', '/v1/cells', { class_name: 'SimpleRNNCell', config: { units: 2 }, input_shape: [null, 1] }],
    ['POST', '/v1/cells', { ...TUTORIAL_CELL, id: 'other' }],
    ['POST', '/v1/cells/cell/build', { input_shape: [null, 1] }],
    ['PUT', '/v1/cells/cell/weights', { weights: { kernel: [[1]], recurrent_kernel: [[1]], bias: [1] } }],
    ['PUT', '/v1/cells/cell/variables/bias', { value: [4] }],
    ['POST', '/v1/cells/cell/variables/bias/assign_add', { value: [4] }],
    ['POST', '/v1/variables', { randint: { low: 0, high: 1000000, size: [3] } }],
    ['PUT', '/v1/variables/v', { value: 4 }],
    ['POST', '/v1/variables/v/assign_add', { value: 4 }],
    ['POST', '/v1/variables/v/scatter_update', { indices: [[]], updates: [4] }],
    ['DELETE', '/v1/variables/v', undefined],
    ['POST', '/v1/sessions', { cell: 'cell' }],
    ['PUT', '/v1/sessions/s/states', { states: [[[5]]] }],
    ['POST', '/v1/sessions/s/reset', undefined],
    ['POST', '/v1/sessions/s/rewind', { to_step: 0 }],
    ['POST', '/v1/sessions/s/fork', undefined],
    ['POST', '/v1/sessions/s/fork', { id: 'copy', at_step: 0 }],
    ['DELETE', '/v1/sessions/s', undefined],
    ['POST', '/v1/checkpoints', { all: true }],
    ['POST', '/v1/checkpoints/saved/restore', {}],
    ['DELETE', '/v1/checkpoints/saved', undefined],
    ['DELETE', '/v1/cells/cell?force=true', undefined],
  ] as const)('holds for %s %s', async (method, url, body) => {
    const { app, store } = served;
    await open(served);
    await make(app, '/v1/checkpoints', { id: 'saved', all: true });
    const first = await call(app, method, url, body, key('once'));
    expect(first.status, first.text).toBeLessThan(300);
    const after = await dump(store);
    expectReplay(first, await call(app, method, url, body, key('once')));
    expect(await dump(store)).toEqual(after);
  });

  it('never makes a thing twice, even where its reply was let go of before its claim', async () => {
    const { app, store } = served;
    await open(served);
    const made = await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, key('make'));
    const replies = Object.keys(await dump(store)).filter((name) => name.startsWith('session-reply/'));
    for (const reply of replies) await store.commit([{ key: reply, delete: true }]);
    for (let i = 0; i < 3; i++) {
      const again = await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, key('make'));
      expectProblem(again, 'already-exists', new RegExp(made.body.id));
    }
    expect((await call(app, 'GET', '/v1/sessions')).body.items).toHaveLength(2);
  });

  it('is refused where the bytes of the others reach the bound, and none of them goes early', async () => {
    const clock = new TestClock();
    const app = await startApp({ clock, limits: { maxKeyBytes: 4000 } });
    await open({ app });
    const first = await call(app, ...STEP, key('k0'));
    let kept = 1;
    let refused = first;
    for (; kept < 10; kept++) {
      refused = await call(app, ...STEP, key(`k${kept}`));
      if (refused.status !== 200) break;
      clock.now += HOUR;
    }
    expectProblem(
      refused,
      'too-many-keys',
      /'s' keeps the answers of 6 requests .* 4000 bytes a thing .*2030-01-02T00:00/,
    );
    expect(refused.headers['retry-after']).toBe(`${19 * 3600}`);
    expectReplay(first, await call(app, ...STEP, key('k0')));
    expect((await call(app, ...STEP)).body.step).toBe(kept + 1);
    clock.now = Date.UTC(2030, 0, 2, 0, 0, 1);
    expect((await call(app, ...STEP, key(`k${kept}`))).body.step).toBe(kept + 2);
    await app.close();
  });

  it('is refused where its answer alone is over the bound', async () => {
    const app = await startApp({ limits: { maxKeyBytes: 500 } });
    await open({ app });
    const refused = await call(app, ...STEP, key('k'));
    expectProblem(refused, 'too-many-keys', /answer alone is over the limit of 500 bytes/);
    expect((await call(app, ...STEP)).body.step).toBe(1);
    await app.close();
  });

  it('that was kept before keys went by time is replayed, refused to others, and goes after a day', async () => {
    const { app, store, clock } = served;
    await open(served);
    const first = await call(app, ...STEP, key('old'));
    // As it was: a list of keys beside replies that have nothing but their own bytes.
    const entries = Object.entries(await dump(store));
    const [name] = entries.find(([one]) => one.startsWith('session-reply/'))!;
    const stored = decodeOutcome((await store.get(name))!.bytes);
    const listed = [{ key: 'old', fingerprint: stored.fingerprint, at: clock.now }];
    await store.commit([
      { key: name, bytes: stored.answer },
      { key: 'session-keys/s', bytes: encodeRecord({ fields: { keys: listed }, tensors: {} }) },
      ...entries.flatMap(([one]) => (one.startsWith('session-kept/') ? [{ key: one, delete: true as const }] : [])),
    ]);
    expectReplay(first, await call(app, ...STEP, key('old')));
    await call(app, ...STEP, key('new'));
    expectReplay(first, await call(app, ...STEP, key('old')));
    expectProblem(await call(app, 'POST', '/v1/sessions/s/reset', undefined, key('old')), 'idempotency-key-reused');
    clock.now += 25 * HOUR;
    await call(app, ...STEP, key('next'));
    expect((await call(app, ...STEP, key('old'))).body.step).toBe(4);
  });

  it('is 1 to 255 visible characters', async () => {
    const { app } = served;
    await open(served);
    for (const odd of ['', 'a b', 'x'.repeat(256), 'ü']) {
      const reply = await call(app, ...STEP, key(odd));
      expect(expectProblem(reply, 'invalid-header').errors?.[0].pointer).toBe('Idempotency-Key');
    }
    expect((await call(app, ...STEP, key('~!'.repeat(127)))).status).toBe(200);
  });

  it('replays before If-Match is looked at', async () => {
    const { app } = served;
    await open(served);
    const headers = { ...key('a'), 'if-match': '"1"' };
    const first = await call(app, ...STEP, headers);
    expect(first.status).toBe(200);
    expectReplay(first, await call(app, ...STEP, headers));
  });
});

describe('an Idempotency-Key on lmdb', () => {
  it('replays after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-test-'));
    const run = async <T>(name: string, work: (app: TestApp) => Promise<T>): Promise<T> => {
      const store = await openLmdbStore({ directory });
      const app = await startApp({ store, run: name });
      try {
        return await work(app);
      } finally {
        await app.close();
        await store.close();
      }
    };
    try {
      const changes: readonly Sent[] = [
        ['POST', '/v1/sessions/s/rewind', { to_step: 1 }],
        ['POST', '/v1/sessions/s/fork', {}],
        ['PUT', '/v1/sessions/s/states', { states: [[[9]]] }],
        ['POST', '/v1/sessions/s/reset', undefined],
        ['DELETE', '/v1/sessions/s', undefined],
      ];
      const [made, stepped, ...changed] = await run('a', async (app) => {
        await open({ app });
        const session = await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, key('make'));
        const replies = [session, await call(app, ...STEP, key('step'))];
        for (const [i, change] of changes.entries()) replies.push(await call(app, ...change, key(`change-${i}`)));
        return replies;
      });
      await run('b', async (app) => {
        expectReplay(made, await call(app, 'POST', '/v1/sessions', { cell: 'cell' }, key('make')));
        expectReplay(stepped, await call(app, ...STEP, key('step')));
        for (const [i, change] of changes.entries()) {
          expectReplay(changed[i], await call(app, ...change, key(`change-${i}`)));
        }
        // The one that was made, and the fork.
        expect((await call(app, 'GET', '/v1/sessions')).body.items).toHaveLength(2);
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

function withoutReplay({ headers }: Called): Called['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'idempotency-replayed'));
}
