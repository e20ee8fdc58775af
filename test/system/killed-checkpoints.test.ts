import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ServiceProcess } from '../../scripts/tutorial-service.ts';
import { openReadOnly } from '../../src/store/lmdb/database.ts';
import { FailingDisk, GCC } from './disk/failing-disk.ts';
import { send, service } from './support.ts';

if (!GCC) console.warn('no gcc in PATH: a save and a restore of a checkpoint that are killed are NOT tested');

const ELEMENTS = 2.5 * 2 ** 20;
/** Their values are written in many pieces. A checkpoint has each size of elements in a part of its own. */
const VARIABLES = [
  { id: 'a', dtype: 'float32', bytes: 4 * ELEMENTS },
  { id: 'b', dtype: 'int64', bytes: 8 * ELEMENTS },
  { id: 'c', dtype: 'float32', bytes: 4 * ELEMENTS },
];
const IDS = VARIABLES.map(({ id }) => id);
/** What the keys and dates of requests take. A piece takes much more. */
const SMALL_BYTES = 2 ** 16;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Value {
  readonly version: string | null;
  readonly digest: string;
}

async function valuesOf({ url }: ServiceProcess): Promise<Value[]> {
  const found: Value[] = [];
  for (const { id, bytes } of VARIABLES) {
    const reply = await fetch(`${url}/v1/variables/${id}`, { headers: { accept: 'application/x-safetensors' } });
    const file = new Uint8Array(await reply.arrayBuffer());
    found.push({ version: reply.headers.get('etag'), digest: digest(file.subarray(-bytes)) });
  }
  return found;
}

/** undefined where there is no such checkpoint. */
async function fileOf({ url }: ServiceProcess, id: string): Promise<string | undefined> {
  const reply = await fetch(`${url}/v1/checkpoints/${id}/content`);
  const file = new Uint8Array(await reply.arrayBuffer());
  return reply.status === 404 ? undefined : digest(file);
}

async function storedBytes({ url }: ServiceProcess): Promise<number> {
  return JSON.parse((await send(url, '/v1/usage')).text).stored_bytes.used;
}

/** Pieces of values in a store, whether a value names them or not. */
async function countPieces({ directory }: FailingDisk): Promise<number> {
  const { root, pieces } = openReadOnly(directory, 2 ** 30);
  const { entryCount } = pieces.getStats() as { entryCount: number };
  await root.close();
  return entryCount;
}

/**
 * Makes a change. undefined where the process was killed before it has answered. The reply is read whole: what waits for its reader counts
 * as bytes in flight.
 */
async function post({ url }: ServiceProcess, path: string, body: object, key = path): Promise<string | undefined> {
  const headers = { accept: 'application/x-safetensors, application/json;q=0.5', 'idempotency-key': key };
  const answer = await send(url, `/v1/${path}`, body, headers).catch(() => undefined);
  if (answer && answer.status >= 300) throw new Error(`${path}: ${answer.text}`);
  return answer?.text;
}

async function startWithVariables(disk: FailingDisk): Promise<ServiceProcess> {
  const running = await service(disk.settings);
  for (const [seed, { id, dtype }] of VARIABLES.entries()) {
    await post(running, 'variables', { id, dtype, randint: { low: 0, high: 2 ** 20, size: [ELEMENTS], seed } }, id);
  }
  return running;
}

/**
 * Sends a change again and again, with one key, until it is answered. Each time the process is killed at a later sync, and started again;
 * `check` looks at what it has left.
 */
async function killed(
  disk: FailingDisk,
  first: ServiceProcess,
  change: (running: ServiceProcess) => Promise<string | undefined>,
  check: (running: ServiceProcess) => Promise<void>,
): Promise<{ running: ServiceProcess; kills: number; text: string }> {
  let running = first;
  for (let [sync, next, kills] = [1, 2, 0]; ; [sync, next, kills] = [next, sync + next, kills + 1]) {
    disk.setFault(`sync KILL ${sync}`);
    const text = await change(running);
    disk.setFault('');
    if (text !== undefined) return { running, kills, text };
    expect(await running.exited).toEqual({ code: null, signal: 'SIGKILL' });
    running = await service(disk.settings);
    await check(running);
  }
}

describe.runIf(GCC)('a process that is killed in the midst of large values', () => {
  it('leaves no part of a checkpoint that it saved', async () => {
    const disk = new FailingDisk();
    const first = await startWithVariables(disk);
    await post(first, 'checkpoints', { id: 'whole', all: true }, 'whole');
    const whole = await fileOf(first, 'whole');
    const [stored, pieces] = [await storedBytes(first), await countPieces(disk)];
    const save = (running: ServiceProcess) => post(running, 'checkpoints', { id: 'c', all: true });
    const { running, kills } = await killed(disk, first, save, async (running) => {
      const file = await fileOf(running, 'c');
      if (file !== undefined) return expect(file).toBe(whole);
      expect(await storedBytes(running)).toBeLessThan(stored + SMALL_BYTES);
      expect(await countPieces(disk)).toBe(pieces);
    });
    expect(kills).toBeGreaterThan(3);
    expect(await fileOf(running, 'c')).toBe(whole);
  });

  it('leaves each thing that it restored as it was or as it was saved', async () => {
    const disk = new FailingDisk();
    const first = await startWithVariables(disk);
    const saved = await valuesOf(first);
    await post(first, 'checkpoints', { id: 'c', all: true });
    for (const id of IDS) await post(first, `variables/${id}/assign_add`, { value: { variable: id } });
    let values = await valuesOf(first);
    const restored = saved.map(({ digest }) => ({ version: '"3"', digest }));
    const [stored, pieces] = [await storedBytes(first), await countPieces(disk)];
    const restore = (running: ServiceProcess) => post(running, 'checkpoints/c/restore', {});
    const { running, kills, text } = await killed(disk, first, restore, async (running) => {
      const found = await valuesOf(running);
      for (const [k, value] of found.entries()) expect([values[k], restored[k]]).toContainEqual(value);
      values = found;
      expect(await storedBytes(running)).toBeLessThan(stored + SMALL_BYTES);
      expect(await countPieces(disk)).toBe(pieces);
    });
    expect(kills).toBeGreaterThan(3);
    expect(JSON.parse(text)).toMatchObject({ restored: { variables: IDS } });
    expect(await valuesOf(running)).toEqual(restored);
  });
});
