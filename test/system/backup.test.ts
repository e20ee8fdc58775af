import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cleanEnvironment } from '../../scripts/tutorial-service.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { until } from '../support/until.ts';
import { type Answer, openCounter, readCounter, send, service, temporaryDirectory } from './support.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const step = (url: string, key: string): Promise<Answer> =>
  send(url, '/v1/sessions/counter/steps', { inputs: [[1]] }, { 'idempotency-key': key });

async function backup(store: string, args: readonly string[], program = process.execPath, ...before: string[]) {
  const command = before.length > 0 ? before : ['bin/cellstep.cjs', 'backup'];
  const child = spawn(program, [...command, ...args], {
    cwd: ROOT,
    env: { ...cleanEnvironment(), CELLSTEP_STORE: store },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

describe('npm run backup', () => {
  test('copies the store of a service under load, and a service on the copy takes the next step', async () => {
    const base = temporaryDirectory();
    const data = join(base, 'data');
    const store = `lmdb:${data}`;
    const first = await service({ CELLSTEP_STORE: store });
    await openCounter(first.url);
    const answered: Answer[] = [await step(first.url, 'early')];
    let stopped = false;
    const clients = ['a', 'b', 'c'].map(async (name) => {
      for (let n = 0; !stopped; n++) answered.push(await step(first.url, `${name}${n}`));
    });
    await until(() => answered.length > 50);
    const copies: { directory: string; low: number; high: number }[] = [];
    for (const name of ['one', 'two']) {
      const directory = join(base, 'backups', name);
      const low = answered.length;
      const { code, stdout, stderr } = await backup(store, [directory], 'npm', 'run', '--silent', 'backup');
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^\d+ records with \d+ bytes are saved in .*\n$/);
      // Clients that wait for their answers have at most one step each on its way.
      copies.push({ directory, low, high: answered.length + clients.length });
      expect(readdirSync(directory)).toEqual(['data.mdb']);
      expect(statSync(join(directory, 'data.mdb')).mode & 0o077).toBe(0);
    }
    stopped = true;
    await Promise.all(clients);
    for (const { status, text } of answered) expect(status, text).toBe(200);
    expect(await readCounter(first.url)).toEqual({ step: answered.length, sum: answered.length });
    expect(readdirSync(join(base, 'backups')).toSorted()).toEqual(['one', 'two']);
    await first.stop();

    for (const [n, { directory, low, high }] of copies.entries()) {
      // Once on the copy where it lies, once with it in the place of the data.
      if (n === 1) {
        rmSync(data, { recursive: true });
        renameSync(directory, data);
      }
      const { url, stop } = await service({ CELLSTEP_STORE: n === 1 ? store : `lmdb:${directory}` });
      const { step: taken, sum } = await readCounter(url);
      expect(taken).toBeGreaterThanOrEqual(low);
      expect(taken).toBeLessThanOrEqual(high);
      expect(sum).toBe(taken);
      expect(JSON.parse((await step(url, 'next')).text)).toMatchObject({ output: [[taken + 1]], step: taken + 1 });
      expect((await send(url, '/v1/sessions/counter')).status).toBe(200);
      await stop();
    }
  });

  test('copies the store of a service that is stopped, keys and their replies included', async () => {
    const base = temporaryDirectory();
    const store = `lmdb:${join(base, 'data')}`;
    const first = await service({ CELLSTEP_STORE: store });
    await openCounter(first.url);
    const answer = await step(first.url, 'k');
    await first.stop();
    mkdirSync(join(base, 'empty'));
    expect((await backup(store, [join(base, 'empty')])).code).toBe(0);
    const { url } = await service({ CELLSTEP_STORE: `lmdb:${join(base, 'empty')}` });
    const again = await step(url, 'k');
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([answer.text, 'true']);
  });

  test('refuses in one line, with exit code 2, and writes nothing', async () => {
    const base = temporaryDirectory();
    const store = `lmdb:${join(base, 'data')}`;
    const { stop, url } = await service({ CELLSTEP_STORE: store });
    await openCounter(url);
    await stop();
    const full = join(base, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'x'), '');
    cpSync(join(base, 'data', 'data.mdb'), join(base, 'file'));
    const cases: [string, string[], string][] = [
      [store, [], 'usage: cellstep backup DIR'],
      [store, ['a', 'b'], 'usage: cellstep backup DIR'],
      [store, [full], 'is not empty (x); name a directory that is missing or empty'],
      [store, [join(base, 'file')], 'is not a directory'],
      [store, ['/proc/none/x'], 'cannot be made'],
      [`lmdb:${join(base, 'none')}`, [join(base, 'out')], `there is no store in ${join(base, 'none')}`],
      ['memory:', [join(base, 'out')], 'keeps nothing that could be backed up'],
      ['redis://:secret@127.0.0.1', [join(base, 'out')], 'redis-cli --rdb'],
      ['nonsense', [join(base, 'out')], "CELLSTEP_STORE 'nonsense' is not"],
    ];
    for (const [from, args, message] of cases) {
      const { code, stdout, stderr } = await backup(from, args);
      expect([code, stdout], stderr).toEqual([2, '']);
      expect(stderr).toMatch(/^cellstep: .*\n$/);
      expect(stderr).toContain(message);
      expect(stderr).not.toContain('secret');
    }
    expect(existsSync(join(base, 'out'))).toBe(false);
    expect(readdirSync(full)).toEqual(['x']);
  });

  test('leaves nothing when it is interrupted', async () => {
    const base = temporaryDirectory();
    const store = await openLmdbStore({ directory: join(base, 'data') });
    onTestFinished(() => store.close());
    for (let n = 0; n < 20; n++) await store.commit([{ key: `cell/${n}`, bytes: new Uint8Array(10 * 2 ** 20) }]);
    const child = spawn(process.execPath, ['bin/cellstep.cjs', 'backup', join(base, 'copies', 'one')], {
      cwd: ROOT,
      env: { ...cleanEnvironment(), CELLSTEP_STORE: `lmdb:${join(base, 'data')}` },
      stdio: 'ignore',
    });
    const copies = () => (existsSync(join(base, 'copies')) ? readdirSync(join(base, 'copies')) : []);
    await until(() => copies().length > 0);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(copies()).toEqual([]);
    await expect(store.commit([{ key: 'cell/after', bytes: new Uint8Array(1) }])).resolves.toBe('committed');
  });
});
