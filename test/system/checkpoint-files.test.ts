import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { REDIS_SERVER, startRedis } from '../../scripts/redis-servers.ts';
import type { ServiceProcess } from '../../scripts/tutorial-service.ts';
import { createUuidIds } from '../../src/http/uuid-id.ts';
import { Sweeper } from '../../src/services/expiry/sweep.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { checkpointFile, SAFETENSORS } from '../support/checkpoint-files.ts';
import { eventually } from '../support/until.ts';
import { send, service, temporaryDirectory } from './support.ts';

const MIB = 2 ** 20;
const HOUR = 3_600_000;
const FILE = checkpointFile(12 * MIB);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function upload({ url }: ServiceProcess, id: string): ClientRequest {
  const headers = { ...SAFETENSORS, 'content-length': FILE.length };
  const sent = request(`${url}/v1/checkpoints?id=${id}`, { method: 'POST', headers, agent: false });
  return sent.on('error', () => undefined);
}

async function bring(running: ServiceProcess, id: string): Promise<number | undefined> {
  const [reply] = (await once(upload(running, id).end(FILE), 'response')) as [IncomingMessage];
  reply.resume();
  return reply.statusCode;
}

/** A reply of which nobody reads the body yet. */
async function download({ url }: ServiceProcess, id: string): Promise<IncomingMessage> {
  const asked = request(`${url}/v1/checkpoints/${id}/content`, { agent: false }).end();
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  return reply;
}

async function digestOf(reply: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of reply) hash.update(part);
  return hash.digest('hex');
}

it('an upload whose process is killed is nowhere, can be sent again, and is swept at the next start', async () => {
  const directory = temporaryDirectory();
  const settings = { CELLSTEP_STORE: `lmdb:${directory}` };
  const killed = await service(settings);
  const sent = upload(killed, 'c');
  sent.write(FILE.subarray(0, 30 * MIB));
  await eventually(() => expect(statSync(join(directory, 'data.mdb')).size).toBeGreaterThan(20 * MIB));
  await killed.stop('SIGKILL');

  const running = await service(settings);
  expect(await storedBytes(running)).toBeLessThan(1000);
  expect(JSON.parse((await send(running.url, '/v1/checkpoints')).text)).toMatchObject({ items: [] });
  expect((await send(running.url, '/v1/checkpoints/c/content')).status).toBe(404);
  expect(await bring(running, 'c')).toBe(201);
  expect(await digestOf(await download(running, 'c'))).toBe(digest(FILE));
  await running.stop();

  const store = await openLmdbStore({ directory });
  const pieces = async () => (await store.list('checkpoint-content/', undefined, 1000)).length;
  expect(await pieces()).toBe(49);
  await new Sweeper({ store, clock: () => Date.now() + 3 * HOUR, newId: createUuidIds() }).sweep();
  expect(await pieces()).toBe(49);
  expect(await store.list('checkpoint-unfinished/', undefined, 10)).toEqual([]);
  expect((await store.usageOf('default')).bytes).toBeLessThan(FILE.length + 10_000);
  await store.close();
});

/** Memory of a process that is not a file: LMDB maps its file into memory, which the system takes back when it needs it. */
function memoryOf({ child }: ServiceProcess): number {
  const [, kilobytes] = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

async function storedBytes({ url }: ServiceProcess): Promise<number> {
  return JSON.parse((await send(url, '/v1/usage')).text).stored_bytes.used;
}

const CLIENTS = Array.from({ length: 12 }, (_, k) => k);
/** For all clients together, garbage of V8 included. Their files have 576 MiB, and as many on their way in. */
const MOST = 224 * MIB;

/** Clients that stall are not cut off while a busy machine takes what the others send. */
const PATIENT = { CELLSTEP_STALL_SECONDS: '600', CELLSTEP_REQUEST_SECONDS: '600' };

/** The URL of a new store of each kind. */
const STORES: [name: string, open: () => Promise<string>][] = [
  ['memory', async () => 'memory:'],
  ['lmdb', async () => `lmdb:${temporaryDirectory()}`],
];
if (REDIS_SERVER) STORES.push(['redis', openRedis]);

describe('the memory of a process', () => {
  it.each(STORES)('stays bounded on %s, while clients read slowly and stall', async (name, open) => {
    const running = await service({ CELLSTEP_STORE: await open(), ...PATIENT });
    expect(await bring(running, 'c')).toBe(201);
    const [before, stored] = [memoryOf(running), await storedBytes(running)];
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, memoryOf(running));
    }, 20);
    onTestFinished(() => clearInterval(watching));
    const replies = await Promise.all(CLIENTS.map(() => download(running, 'c')));
    expect(new Set(replies.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    const uploads = CLIENTS.map((k) => upload(running, `new-${k}`));
    for (const sent of uploads) sent.write(FILE.subarray(0, 46 * MIB));
    // For each of them as long as for anything else: they are half a gigabyte.
    for (const k of CLIENTS) {
      const came = (k + 1) * 45 * MIB;
      await eventually(async () => expect((await storedBytes(running)) - stored).toBeGreaterThan(came));
    }
    await delay(500);
    clearInterval(watching);
    // What the memory store keeps is no part of what a request holds.
    const grown = most - before - (name === 'memory' ? (await storedBytes(running)) - stored : 0);
    console.log(
      `${name}: ${Math.round(grown / MIB)} MiB more for ${CLIENTS.length} slow readers and as many stalled uploads`,
    );
    expect(grown).toBeLessThan(MOST);
    for (const sent of uploads.slice(1)) sent.destroy();
    const answered = once(uploads[0], 'response');
    uploads[0].end(FILE.subarray(46 * MIB));
    const [reply] = (await answered) as [IncomingMessage];
    expect(reply.statusCode).toBe(201);
    for (const one of replies) expect(await digestOf(one)).toBe(digest(FILE));
    expect(await digestOf(await download(running, 'new-0'))).toBe(digest(FILE));
    await eventually(async () => expect(await storedBytes(running)).toBeLessThan(2.1 * FILE.length));
  });
});

async function openRedis(): Promise<string> {
  const server = await startRedis();
  onTestFinished(() => server.remove());
  return server.url;
}
