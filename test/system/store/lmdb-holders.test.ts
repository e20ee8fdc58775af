import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/domain/ports.ts';
import { openLmdbStore } from '../../../src/store/lmdb/lmdb.ts';
import { increment } from './increment.ts';

describe('a directory of the LMDB store that other processes open', () => {
  let directory: string;
  let stores: Store[];
  let children: ChildProcess[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-store-'));
    stores = [];
    children = [];
  });
  afterEach(async () => {
    for (const child of children) await kill(child);
    for (const store of stores) await store.close();
    rmSync(directory, { recursive: true });
  });

  async function openHere(shared = false): Promise<Store> {
    const store = await openLmdbStore({ directory, shared });
    stores.push(store);
    return store;
  }

  /** Starts a process that holds the directory; `lines` are what it prints after it has opened the store. */
  async function startChild(...args: string[]): Promise<{ child: ChildProcess; lines: string[] }> {
    const script = fileURLToPath(new URL('writer-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script, directory, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout });
    await once(reader, 'line');
    reader.on('line', (line) => lines.push(line));
    return { child, lines };
  }

  it('loses nothing that it acknowledged before kill -9, and opens at once after it', async () => {
    const acknowledged: string[] = [];
    for (const round of ['first', 'second', 'third']) {
      const { child, lines } = await startChild('write', round);
      await expect.poll(() => lines.length, { interval: 5 }).toBeGreaterThan(150);
      await kill(child);
      acknowledged.push(...lines.filter((line) => line.startsWith('cell/')));
    }
    const store = await openHere();
    for (const key of acknowledged) {
      expect(Buffer.from((await store.get(key))?.bytes ?? []).toString()).toBe(`value of ${key}`);
    }
    expect(acknowledged.length).toBeGreaterThan(450);
  });

  it('is refused while another process holds it, and leaves that process its store', async () => {
    const { child } = await startChild('hold');
    await expect(openHere()).rejects.toThrow(`is in use by process ${child.pid}`);
    await expect(openHere()).rejects.toThrow(`is in use by process ${child.pid}`);
    expect(child.exitCode).toBeNull();
  });

  it('is gone with a holder that was killed with kill -9', async () => {
    const { child } = await startChild('hold');
    await kill(child);
    expect(existsSync(join(directory, 'holder.pid'))).toBe(true);
    await expect(openHere()).resolves.toBeDefined();
  });

  it('is shared by processes that all say so, and no increment of theirs is lost', async () => {
    const store = await openHere(true);
    const { child } = await startChild('count');
    const ended = once(child, 'exit');
    await expect(openHere(false)).rejects.toThrow('is in use by process');
    for (let n = 0; n < 200; n++) await increment(store);
    expect(await ended).toEqual([0, null]);
    expect(Buffer.from((await store.get('cell/counter'))!.bytes).toString()).toBe('400');
  });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
