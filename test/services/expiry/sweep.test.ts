import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { Sweeper } from '../../../src/services/expiry/sweep.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { startApp, TestClock } from '../../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../../support/call.ts';
import { onEveryStore, type Served } from '../../support/serve.ts';
import { dump } from '../../support/stores.ts';

const HOUR = 3_600_000;
const key = (name: string) => ({ 'idempotency-key': name });

let sweepers = 0;
const sweeperOf = ({ store, clock }: Pick<Served, 'store' | 'clock'>) =>
  new Sweeper({ store, clock: () => clock.now, newId: (prefix) => `${prefix}_${++sweepers}` });

/** Sweeps until there is nothing left to do. */
async function sweepAll(served: Pick<Served, 'store' | 'clock'>): Promise<void> {
  const sweeper = sweeperOf(served);
  while (await sweeper.sweep());
  // A minute later nobody has the lease.
  served.clock.now += 61_000;
}

async function keysOf({ store }: Pick<Served, 'store'>, prefix: string): Promise<string[]> {
  return Object.keys(await dump(store)).filter((one) => one.startsWith(prefix));
}

async function build({ app }: Pick<Served, 'app'>): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
}

onEveryStore('what has expired', (served) => {
  it('is a session that answers 410 for a day, and is gone with all it had after it', async () => {
    const { app, clock } = served;
    await build(served);
    const before = Object.keys(await dump(served.store));
    const body = { id: 's', cell: 'cell', ttl_seconds: 60, history: 3, pin_cell_version: true };
    await make(app, '/v1/sessions', body);
    await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] }, key('a'));
    await make(app, '/v1/sessions', { id: 'stays', cell: 'cell' });
    clock.now += 60_000;
    for (const hours of [0, 23]) {
      clock.now += hours * HOUR;
      await sweepAll(served);
      const gone = await call(app, 'GET', '/v1/sessions/s');
      expect(expectProblem(gone, 'session-expired').expired_at).toBe('2030-01-01T00:01:00.000Z');
    }
    clock.now += 2 * HOUR;
    await sweepAll(served);
    expectProblem(await call(app, 'GET', '/v1/sessions/s'), 'not-found');
    expect(await keysOf(served, 'session-')).toEqual([]);
    expect(await keysOf(served, 'session/')).toEqual(['session/stays']);
    await call(app, 'DELETE', '/v1/sessions/stays');
    clock.now += 8 * 24 * HOUR;
    await sweepAll(served);
    const left = Object.keys(await dump(served.store));
    expect(left.filter((one) => !before.includes(one))).toEqual(['cell-uses/cell', 'sweep/lease']);
  });

  it('is not a session that is used, however short its time to live', async () => {
    const { app, clock } = served;
    await build(served);
    await make(app, '/v1/sessions', { id: 's', cell: 'cell', ttl_seconds: 3600 });
    for (let hours = 0; hours < 60; hours += 0.9) {
      clock.now += 0.9 * HOUR;
      expect((await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[0]] })).status).toBe(200);
      if (hours % 10 < 0.9) await sweepAll(served);
    }
    clock.now += HOUR;
    expectProblem(await call(app, 'GET', '/v1/sessions/s'), 'session-expired');
    clock.now += 25 * HOUR;
    await sweepAll(served);
    expectProblem(await call(app, 'GET', '/v1/sessions/s'), 'not-found');
    expect(await keysOf(served, 'due/')).toEqual([]);
  });

  it('lets an id be used again, and its cell be deleted', async () => {
    const { app, clock } = served;
    await build(served);
    await make(app, '/v1/sessions', { id: 's', cell: 'cell', ttl_seconds: 60 });
    clock.now += 26 * HOUR;
    expectProblem(await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'cell' }), 'already-exists');
    await sweepAll(served);
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use');
    await call(app, 'DELETE', '/v1/sessions/s');
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
    expect(await keysOf(served, 'cell')).toEqual([]);
  });

  it('is a session whose cell was deleted by force', async () => {
    const { app, clock } = served;
    await build(served);
    await make(app, '/v1/sessions', { id: 's', cell: 'cell', ttl_seconds: 60, pin_cell_version: true });
    await call(app, 'DELETE', '/v1/cells/cell?force=true');
    await build(served);
    clock.now += 26 * HOUR;
    await sweepAll(served);
    expect(await keysOf(served, 'session')).toEqual([]);
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
  });

  it('is every key with its reply after a day, whatever it was sent with', async () => {
    const { app, clock } = served;
    await build(served);
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    await call(app, 'POST', '/v1/sessions', { cell: 'cell', ttl_seconds: 60 }, key('session'));
    await call(app, 'POST', '/v1/variables', { id: 'v', value: 1 }, key('variable'));
    await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [4] }, key('bias'));
    await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[0]] }, key('step'));
    await call(app, 'POST', '/v1/checkpoints', { all: true }, key('checkpoint'));
    await call(app, 'DELETE', '/v1/variables/v', undefined, key('delete'));
    clock.now += 23 * HOUR;
    await sweepAll(served);
    const replayed = await call(app, 'DELETE', '/v1/variables/v', undefined, key('delete'));
    expect(replayed).toMatchObject({ status: 204, headers: { 'idempotency-replayed': 'true' } });
    await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [5] }, key('young'));
    clock.now += 2 * HOUR;
    await sweepAll(served);
    expect(await keysOf(served, 'claim/')).toEqual([]);
    const again = await call(app, 'PUT', '/v1/cells/cell/variables/bias', { value: [5] }, key('young'));
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect((await keysOf(served, 'cell-reply/')).length).toBe(1);
    clock.now += 8 * 24 * HOUR;
    await sweepAll(served);
    const kinds = [...new Set(Object.keys(await dump(served.store)).map((one) => one.split('/')[0]))].sort();
    expect(kinds.filter((kind) => /keys|reply|claim/.test(kind))).toEqual([]);
    // What the session without a time to live had is gone; it is not, and is looked at again.
    expect(await keysOf(served, 'due/')).toHaveLength(1);
    expect((await call(app, 'GET', '/v1/sessions/s')).body.step).toBe(1);
  });

  it('is cleared away by one of several at a time, and by another when that one is gone', async () => {
    const { app, clock } = served;
    await build(served);
    for (let i = 0; i < 600; i++) await make(app, '/v1/sessions', { id: `s${i}`, cell: 'cell', ttl_seconds: 60 });
    clock.now += 26 * HOUR;
    const [first, second] = [sweeperOf(served), sweeperOf(served)];
    expect(await first.sweep()).toBe(true);
    expect(await second.sweep()).toBe(false);
    clock.now += 61_000;
    expect(await second.sweep()).toBe(true);
    expect(await first.sweep()).toBe(false);
    while (await second.sweep());
    expect(await keysOf(served, 'session')).toEqual([]);
    expect(await keysOf(served, 'cell-session')).toEqual([]);
    expect(await keysOf(served, 'due/')).toEqual([]);
  });
});

describe('clearing away', () => {
  async function expired(count: number): Promise<Served> {
    const served = { store: openMemoryStore(), clock: new TestClock() } as Partial<Served> as Served;
    served.app = await startApp(served);
    await build(served);
    for (let i = 0; i < count; i++)
      await make(served.app, '/v1/sessions', { id: `s${i}`, cell: 'cell', ttl_seconds: 60, history: 2 });
    served.clock.now += 26 * HOUR;
    return served;
  }

  it('goes on, after the store has failed at any commit, until nothing is left', async () => {
    for (let fails = 0; ; fails++) {
      const served = await expired(3);
      const { store, clock } = served;
      let commits = 0;
      const { get, list, check, close } = store;
      const commit: Store['commit'] = async (writes) => {
        if (commits++ === fails) throw new Problem('store-unavailable', 'gone');
        return store.commit(writes);
      };
      const broken = { store: { get, list, check, close, commit }, clock };
      const failed = await sweepAll(broken).then(
        () => false,
        () => true,
      );
      clock.now += 61_000;
      await sweepAll(served);
      expect(await keysOf(served, 'session'), `after a failure at commit ${fails}`).toEqual([]);
      expect(await keysOf(served, 'cell-session')).toEqual([]);
      expect(await keysOf(served, 'due/')).toEqual([]);
      await served.app.close();
      if (!failed) break;
    }
  });

  it('puts off what it cannot read, and clears away the rest', async () => {
    const served = await expired(3);
    await served.store.commit([{ key: 'session/s1', bytes: Buffer.from('damaged') }]);
    await sweepAll(served);
    expect(await keysOf(served, 'session/')).toEqual(['session/s1']);
    expect(await keysOf(served, 'due/')).toHaveLength(1);
    await served.app.close();
  });

  it('takes away no session that is used while it is looked at', async () => {
    const served = await expired(1);
    const { store, clock } = served;
    // Between the read and the commit another process, whose clock is behind, takes a step.
    const { get, list, check, close } = store;
    let stepped = false;
    const commit: Store['commit'] = async (writes) => {
      if (!stepped && writes.some((one) => one.key === 'session/s0')) {
        stepped = true;
        const late = new TestClock();
        late.now = clock.now - 26 * HOUR;
        const other = await startApp({ store, clock: late, run: 'b' });
        expect((await call(other, 'POST', '/v1/sessions/s0/steps', { inputs: [[0]] })).status).toBe(200);
        await other.close();
      }
      return store.commit(writes);
    };
    await sweepAll({ store: { get, list, check, close, commit }, clock });
    expect(stepped).toBe(true);
    expect(await keysOf(served, 'session/')).toEqual(['session/s0']);
    expect(await keysOf(served, 'cell-session')).toHaveLength(1);
    await served.app.close();
  });
});

describe('a list of sessions', () => {
  it('leaves out those that have expired, and goes on behind them', async () => {
    const clock = new TestClock();
    const app = await startApp({ clock });
    await build({ app });
    for (let i = 10; i < 60; i++) await make(app, '/v1/sessions', { id: `a${i}`, cell: 'cell', ttl_seconds: 60 });
    for (const id of ['a30x', 'z1', 'z2']) await make(app, '/v1/sessions', { id, cell: 'cell' });
    clock.now += HOUR;
    const ids: string[] = [];
    let pages = 0;
    for (let cursor = ''; ; pages++) {
      const { body } = await call(app, 'GET', `/v1/sessions?limit=2${cursor}`);
      ids.push(...body.items.map(({ id }: { id: string }) => id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(ids).toEqual(['a30x', 'z1', 'z2']);
    expect(pages).toBeLessThan(6);
    await app.close();
  });
});
