import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredValue } from '../../../src/domain/ports.ts';
import { type StoreProcess, startStoreProcess } from './store-processes.ts';

const MEGABYTE = 2 ** 20;
const text = (value: unknown) => new TextEncoder().encode(String(value));
const read = (value: StoredValue | undefined) => value && new TextDecoder().decode(value.bytes);

describe('several processes over one LMDB store', () => {
  let directory: string;
  let processes: StoreProcess[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-shared-'));
    processes = [];
  });
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.kill()));
    rmSync(directory, { recursive: true });
  });

  async function start(count: number, mapBytes?: number): Promise<StoreProcess[]> {
    const started = await Promise.all(Array.from({ length: count }, () => startStoreProcess(directory, mapBytes)));
    processes.push(...started);
    return started;
  }

  it('see at their next read what another one has committed', async () => {
    const [writer, reader, other] = await start(3);
    for (let n = 0; n < 300; n++) {
      // The read before begins a moment of the database that lmdb-js would read on from.
      const before = [reader.get('cell/a'), other.list('cell/', undefined, 9)];
      const from = n % 2 === 0 ? writer : other;
      await from.commit([{ key: 'cell/a', bytes: text(n) }]);
      expect(read(await reader.get('cell/a'))).toBe(`${n}`);
      expect((await writer.list('cell/', undefined, 9)).map(read)).toEqual([`${n}`]);
      await Promise.all(before);
    }
  });

  it('let one of those that race to replace a value win', async () => {
    const racers = await start(3);
    await racers[0].commit([{ key: 'cell/a', bytes: text('start') }]);
    for (let round = 0; round < 100; round++) {
      const { revision } = (await racers[round % 3].get('cell/a'))!;
      const outcomes = await Promise.all(
        racers.map((racer, n) => racer.commit([{ key: 'cell/a', expect: revision, bytes: text(`${round}.${n}`) }])),
      );
      expect(outcomes.toSorted()).toEqual(['committed', 'conflict', 'conflict']);
      expect(read(await racers[0].get('cell/a'))).toBe(`${round}.${outcomes.indexOf('committed')}`);
    }
  });

  it('never see one key of a commit of another without the other', async () => {
    const [writer, reader] = await start(2);
    let done = false;
    const writing = (async () => {
      for (let n = 0; n < 200; n++) {
        await writer.commit(['session/a', 'session-reply/a/x'].map((key) => ({ key, bytes: text(n) })));
      }
      done = true;
    })();
    while (!done) {
      const listed = await reader.list('session', undefined, 2);
      expect(new Set(listed.map(read)).size).toBeLessThanOrEqual(1);
    }
    await writing;
  });

  it('lose no increment, and go on, while others are killed with kill -9 in the midst of theirs', async () => {
    const lanes = await start(3);
    let acknowledged = 0;
    let unknown = 0;
    let done = false;
    async function lane(n: number): Promise<void> {
      while (!done) {
        try {
          await lanes[n].increment();
          acknowledged++;
        } catch (error) {
          expect(String(error)).toContain('the process is dead');
          unknown++;
          [lanes[n]] = await start(1);
        }
      }
    }
    const running = [0, 1, 2].flatMap((n) => [lane(n), lane(n)]);
    for (let kills = 0; kills < 12; kills++) {
      const before = acknowledged;
      await expect.poll(() => acknowledged, { interval: 2 }).toBeGreaterThan(before + 10);
      await delay(Math.random() * 10);
      await lanes[kills % 3].kill();
    }
    done = true;
    await Promise.all(running);
    const [fresh] = await start(1);
    const count = Number(read(await fresh.get('cell/counter')));
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    expect(count).toBeLessThanOrEqual(acknowledged + unknown);
    expect(unknown).toBeGreaterThan(0);
  });

  it('read and write on when another one has made the database larger than what they had mapped', async () => {
    const [writer, reader] = await start(2, MEGABYTE);
    await writer.commit([{ key: 'cell/a', bytes: text('small') }]);
    expect(read(await reader.get('cell/a'))).toBe('small');
    for (let n = 0; n < 10; n++) {
      const [one, other] = n % 2 === 0 ? [writer, reader] : [reader, writer];
      await one.commit([{ key: `cell/large${n}`, bytes: new Uint8Array(4 * MEGABYTE).fill(n) }]);
      const { bytes } = (await other.get(`cell/large${n}`))!;
      expect([bytes.length, bytes.every((byte) => byte === n)]).toEqual([4 * MEGABYTE, true]);
      await other.commit([{ key: 'cell/a', bytes: text(n) }]);
      expect(read(await one.get('cell/a'))).toBe(`${n}`);
    }
    expect(statSync(join(directory, 'data.mdb')).size).toBeGreaterThan(40 * MEGABYTE);
  });

  it('use again the room that a process held which was killed while it read', async () => {
    const [writer] = await start(1);
    const large = (n: number) => writer.commit([{ key: 'cell/a', bytes: new Uint8Array(MEGABYTE).fill(n) }]);
    await large(0);
    const script = `
      const root = require('lmdb').open({ path: process.argv[1], encoding: 'string', noSubdir: false });
      root.get('cellstep-format', { transaction: root.useReadTransaction() });
      console.log('reading');
      setInterval(() => {}, 1_000);`;
    const reader = spawn(process.execPath, ['-e', script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(reader.stdout, 'data');
    reader.kill('SIGKILL');
    await once(reader, 'close');
    await writer.check();
    for (let n = 0; n < 60; n++) await large(n);
    expect(statSync(join(directory, 'data.mdb')).size).toBeLessThan(20 * MEGABYTE);
  });
});
