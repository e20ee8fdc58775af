import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Store } from '../../src/domain/ports.ts';
import { createUuidIds } from '../../src/http/uuid-id.ts';
import { Sweeper } from '../../src/services/expiry/sweep.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { duration, type Suite } from '../report.ts';

/** SESSIONS=1000000 shows the million; it takes some minutes to open them. */
const SESSIONS = Number(process.env.SESSIONS ?? 20_000);
const AT_ONCE = 64;
const HOUR = 3_600_000;

interface Swept {
  /** For each session. */
  readonly ns: number;
  readonly cpuNs: number;
  /** Of the event loop, while it was swept without a rest. */
  readonly p99Ns: number;
}

async function sweep(store: Store, now: number): Promise<Swept> {
  const sweeper = new Sweeper({ store, clock: () => now, newId: createUuidIds() });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  while (await sweeper.sweep());
  const [ms, used] = [performance.now() - start, process.cpuUsage(cpu)];
  delay.disable();
  return {
    ns: (ms * 1e6) / SESSIONS,
    cpuNs: ((used.user + used.system) * 1e3) / SESSIONS,
    p99Ns: delay.percentile(99),
  };
}

/** Nanoseconds for each key that a listing of all of them takes. */
async function scan(store: Store, prefix: string): Promise<number> {
  const start = performance.now();
  let keys = 0;
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, after, 1000);
    keys += page.length;
    after = page.at(-1)?.key;
    if (page.length < 1000) return ((performance.now() - start) * 1e6) / keys;
    await new Promise(setImmediate);
  }
}

export const suite: Suite = {
  about: `${SESSIONS} sessions of an LSTM(64) in LMDB, swept without the rests that the service takes between slices: those
that have expired, and those that live on and are looked at once a week. A scan in place of the index would list every
session, or every reference to one, each time.`,
  async run(tell) {
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-bench-'));
    const store = await openLmdbStore({ directory });
    let now = Date.UTC(2030, 0, 1);
    const { limits, apiKeys } = readConfig({});
    const app = await createApp({ store, config: { limits, apiKeys }, clock: () => now });
    const post = async (url: string, payload: object) => {
      const { statusCode, payload: text } = await app.inject({ method: 'POST', url, payload });
      if (statusCode !== 201) throw new Error(text);
    };
    const open = async (more: object) => {
      for (let i = 0; i < SESSIONS; i += AT_ONCE) {
        const count = Math.min(AT_ONCE, SESSIONS - i);
        await Promise.all(Array.from({ length: count }, () => post('/v1/sessions', { cell: 'c', ...more })));
      }
    };
    try {
      await post('/v1/cells', { id: 'c', class_name: 'LSTMCell', config: { units: 64 }, input_shape: [null, 16] });
      await open({ ttl_seconds: 3600 });
      now += 30 * HOUR;
      const expired = await sweep(store, now);
      tell({ name: 'clearing away an expired session', cellstep: duration(expired.ns), peer: '' });
      tell({ name: '… processor time', cellstep: duration(expired.cpuNs), peer: '' });
      tell({ name: '… delay of the event loop, p99', cellstep: duration(expired.p99Ns), peer: '' });
      const left = await store.list('session', undefined, 1);
      if (left.length > 0) throw new Error(`${left[0].key} is left`);
      await open({});
      now += 8 * 24 * HOUR;
      const [sessions, references] = [await scan(store, 'session/'), await scan(store, 'cell-session/')];
      const live = await sweep(store, now);
      const peer = `${duration(sessions)}, ${duration(references)} a scan`;
      tell({ name: 'looking at a live session, once a week', cellstep: duration(live.ns), peer });
      return [];
    } finally {
      await app.close();
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
