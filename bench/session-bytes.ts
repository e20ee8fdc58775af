import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startRedis } from '../scripts/redis-servers.ts';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import type { CountedStore } from '../src/domain/ports.ts';
import { openStore } from '../src/store/open.ts';

/**
 * Bytes that a session takes in Redis' memory and in LMDB's file: opened, stepped once, and stepped with an
 * Idempotency-Key. `node bench/session-bytes.ts [sessions] [units…]`; needs redis-server in PATH.
 */
const [count = 20_000, ...unitsGiven] = process.argv.slice(2).map(Number);
const UNITS = unitsGiven.length > 0 ? unitsGiven : [16, 64, 256];
const LANES = 64;

const directory = mkdtempSync(join(tmpdir(), 'cellstep-bytes-'));
const redis = await startRedis();

async function measure(name: string, store: CountedStore, bytes: () => Promise<number>): Promise<void> {
  const app = await createApp({ store, config: readConfig({}), logger: pino({ level: 'silent' }) });
  const post = async (url: string, body: object, headers: Record<string, string> = {}) => {
    const { statusCode, payload } = await app.inject({ method: 'POST', url, payload: body, headers });
    if (statusCode >= 300) throw new Error(`${url}: ${statusCode} ${payload}`);
  };
  const forAll = async (work: (n: number) => Promise<void>) => {
    let next = 0;
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        for (let n = next++; n < count; n = next++) await work(n);
      }),
    );
  };
  for (const units of UNITS) {
    await post('/v1/cells', { id: `c${units}`, class_name: 'LSTMCell', config: { units }, input_shape: [null, 16] });
    const inputs = [Array.from({ length: 16 }, (_, n) => n / 10)];
    const id = (n: number) => `user-${units}-${String(n).padStart(9, '0')}`;
    const empty = await bytes();
    await forAll((n) => post('/v1/sessions', { id: id(n), cell: `c${units}` }));
    const opened = await bytes();
    await forAll((n) => post(`/v1/sessions/${id(n)}/steps`, { inputs }));
    const stepped = await bytes();
    await forAll((n) => post(`/v1/sessions/${id(n)}/steps`, { inputs }, { 'idempotency-key': `key-${n}` }));
    const keyed = await bytes();
    const each = [opened, stepped, keyed].map((now) => Math.round((now - empty) / count));
    console.log(
      `${name}, LSTM(${units}), ${count} sessions: ${each[0]} B opened, ${each[1]} B stepped, ${each[2]} B with one kept key`,
    );
  }
  await app.close();
}

try {
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.admin.info('memory'))![1]);
  const onRedis = await openStore(redis.url);
  await measure('Redis memory', onRedis, used);
  await onRedis.close();
  const onLmdb = await openStore(`lmdb:${directory}`);
  await measure('LMDB file', onLmdb, async () => statSync(join(directory, 'data.mdb')).size);
  await onLmdb.close();
} finally {
  await redis.remove();
  rmSync(directory, { recursive: true, force: true });
}
