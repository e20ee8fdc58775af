import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it, vi } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { Problem } from '../../src/domain/problems.ts';
import { encodeRecord } from '../../src/domain/record.ts';
import { readSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { createUuidIds } from '../../src/http/uuid-id.ts';
import { Sweeper } from '../../src/services/expiry/sweep.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { checkpointFile, SAFETENSORS } from '../support/checkpoint-files.ts';
import { onEveryStore, onRedis, type Served } from '../support/serve.ts';
import { eventually, until } from '../support/until.ts';

const MIB = 2 ** 20;
const HOUR = 3_600_000;
/** Of some more than three pieces. */
const FILE = checkpointFile(3 * 2 ** 18 + 100);
/** Longer than what the sockets of a connection hold. */
const LARGE = checkpointFile(4 * MIB);
const OTHER = checkpointFile(4 * MIB, 7);

async function portOf(app: TestApp): Promise<number> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

/** An upload that is under way: a client that says when something is sent. */
async function upload(app: TestApp, id: string, headers: Record<string, string | number> = {}): Promise<ClientRequest> {
  const options = { host: '127.0.0.1', port: await portOf(app), method: 'POST', path: `/v1/checkpoints?id=${id}` };
  const sent = request({ ...options, agent: false, headers: { ...SAFETENSORS, ...headers } });
  sent.on('error', () => undefined);
  return sent;
}

async function download(app: TestApp, id: string): Promise<IncomingMessage> {
  const path = `/v1/checkpoints/${id}/content`;
  const asked = request({ host: '127.0.0.1', port: await portOf(app), path, agent: false }).end();
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  return reply;
}

const keysOf = async (store: Store) => (await store.list('', undefined, 1000)).map(({ key }) => key);
const piecesOf = async (store: Store) => (await keysOf(store)).filter((key) => key.startsWith('checkpoint-content/'));
const sweepAt = (store: Store, now: number) => new Sweeper({ store, clock: () => now, newId: createUuidIds() }).sweep();
const bring = (app: TestApp, id: string, file: Uint8Array, headers = {}) =>
  call(app, 'POST', `/v1/checkpoints${id && `?id=${id}`}`, file, { ...SAFETENSORS, ...headers });

function files(served: Served): void {
  it('comes and goes in pieces, byte for byte, and leaves nothing when it is deleted', async () => {
    const { app, store } = served;
    const brought = await bring(app, 'c', FILE);
    expect(brought).toMatchObject({ status: 201, body: { id: 'c', variables: ['v'], bytes: FILE.length } });
    expect(brought.body).not.toHaveProperty('content');
    expect(await piecesOf(store)).toHaveLength(4);
    const read = await app.inject('/v1/checkpoints/c/content');
    expect(read.rawPayload.equals(FILE)).toBe(true);
    expect(read.headers).toMatchObject({ 'content-length': `${FILE.length}`, etag: '"1"' });
    const head = await app.inject({ method: 'HEAD', url: '/v1/checkpoints/c/content' });
    expect(head).toMatchObject({ statusCode: 200, headers: { 'content-length': `${FILE.length}` } });
    const known = await call(app, 'GET', '/v1/checkpoints/c/content', undefined, { 'if-none-match': '"1"' });
    expect(known).toMatchObject({ status: 304, text: '' });
    const restored = await call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect(restored.body.created.variables).toEqual(['v']);
    await call(app, 'DELETE', '/v1/variables/v');
    await call(app, 'DELETE', '/v1/checkpoints/c');
    expect(await keysOf(store)).toEqual([]);
  });

  it('of what is saved is the same as one that is brought', async () => {
    const { app, store } = served;
    await bring(app, 'c', FILE);
    await call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    await make(app, '/v1/checkpoints', { id: 'd', variables: ['v'] });
    expect((await app.inject('/v1/checkpoints/d/content')).rawPayload.equals(FILE)).toBe(true);
    expectProblem(await call(app, 'POST', '/v1/checkpoints', { id: 'd', variables: ['v'] }), 'already-exists');
    // Its head has a piece of its own.
    expect(await piecesOf(store)).toHaveLength(9);
  });

  it('is saved and restored a thing at a time, each in pieces', async () => {
    const { app, store } = served;
    const ones = { initializer: 'ones', shape: [3 * 2 ** 18] };
    for (const id of ['a', 'b'])
      await call(app, 'POST', '/v1/variables', { id, ...ones }, { accept: 'application/x-safetensors' });
    await make(app, '/v1/variables', { id: 'c', value: [true, false, true], dtype: 'bool' });
    const seen: string[] = [];
    const see = (what: string, key: string) => {
      if (/^(variable|checkpoint-content)\//.test(key)) seen.push(`${what} ${key.replace(/-content.*/, '')}`);
    };
    const { get, commit } = store;
    vi.spyOn(store, 'get').mockImplementation((key, hold) => {
      see('read', key);
      return get.call(store, key, hold);
    });
    vi.spyOn(store, 'commit').mockImplementation((writes) => {
      for (const { key, bytes } of writes) if (bytes) see('write', key);
      return commit.call(store, writes);
    });
    await make(app, '/v1/checkpoints', { id: 'd', variables: ['a', 'c', 'b'] });
    expect(seen.indexOf('write checkpoint')).toBeLessThan(seen.lastIndexOf('read variable/b'));
    seen.length = 0;
    expect((await call(app, 'POST', '/v1/checkpoints/d/restore', {})).status).toBe(200);
    expect(seen.lastIndexOf('read checkpoint')).toBeGreaterThan(seen.indexOf('write variable/a'));
    vi.restoreAllMocks();
    expect((await call(app, 'GET', '/v1/variables/c')).body).toMatchObject({ version: 2, value: [true, false, true] });
    const { rawPayload: file } = await app.inject('/v1/checkpoints/d/content');
    const { tensors } = readSafetensors(new Uint8Array(file));
    expect(tensors.get('variables/b')?.data).toEqual(new Float32Array(3 * 2 ** 18).fill(1));
    expect(await bring(app, 'e', file)).toMatchObject({ status: 201 });
  });

  it('leaves no piece where it cannot be saved', async () => {
    const { app, store } = served;
    const ones = { id: 'a', initializer: 'ones', shape: [3 * 2 ** 18] };
    await call(app, 'POST', '/v1/variables', ones, { accept: 'application/x-safetensors' });
    const refused = await call(app, 'POST', '/v1/checkpoints', { id: 'd', variables: ['a', 'none'] });
    expectProblem(refused, 'invalid-value', /no variable 'none'/);
    expect((await keysOf(store)).filter((key) => /^(checkpoint|due)/.test(key))).toEqual([]);
  });

  it('is not there before all of it has come, and in no part if the client goes away', async () => {
    const { app, store } = served;
    const sent = await upload(app, 'c', { 'content-length': FILE.length });
    sent.write(FILE.subarray(0, 2 * MIB + 100));
    await eventually(async () => expect(await piecesOf(store)).toHaveLength(2));
    expectProblem(await call(app, 'GET', '/v1/checkpoints/c'), 'not-found');
    expect((await call(app, 'GET', '/v1/checkpoints')).body.items).toEqual([]);
    // Another one may have the id meanwhile.
    await make(app, '/v1/variables', { id: 'v', value: 1 });
    await make(app, '/v1/checkpoints', { id: 'c', variables: ['v'] });
    sent.destroy();
    await eventually(async () => expect(await piecesOf(store)).toHaveLength(1));
    await call(app, 'DELETE', '/v1/variables/v');
    await call(app, 'DELETE', '/v1/checkpoints/c');
    await eventually(async () => expect(await keysOf(store)).toEqual([]));
  });

  it('is one of two that come at once under one id', async () => {
    const { app, store } = served;
    const two = [FILE, checkpointFile(3 * 2 ** 18 + 100, 7)];
    const replies = await Promise.all(two.map((file) => bring(app, 'c', file)));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409]);
    const winner = two[replies.findIndex(({ status }) => status === 201)];
    expect((await app.inject('/v1/checkpoints/c/content')).rawPayload.equals(winner)).toBe(true);
    expect(await piecesOf(store)).toHaveLength(4);
  });

  it('ends whole, or its connection breaks, where it is deleted and another comes in its place', async () => {
    const { app } = served;
    await bring(app, 'c', LARGE);
    const reply = await download(app, 'c');
    expect(reply.headers['content-length']).toBe(`${LARGE.length}`);
    await call(app, 'DELETE', '/v1/checkpoints/c');
    await bring(app, 'c', OTHER);
    await expect(buffer(reply)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expectProblem(await call(app, 'GET', '/v1/checkpoints/none/content'), 'not-found');
  });

  it('is brought once for an Idempotency-Key', async () => {
    const { app, store } = served;
    const key = { 'idempotency-key': 'k' };
    const first = await bring(app, '', FILE, key);
    const again = await bring(app, '', FILE, key);
    expect(again).toMatchObject({ status: 201, text: first.text, headers: { 'idempotency-replayed': 'true' } });
    const other = Buffer.from(FILE);
    other[other.length - 1] ^= 1;
    expectProblem(await bring(app, '', other, key), 'idempotency-key-reused', /'k'/);
    expect((await call(app, 'GET', '/v1/checkpoints')).body.items).toEqual([first.body]);
    expect(await piecesOf(store)).toHaveLength(4);
  });

  it('is swept, if the process died that wrote it, and not if it was finished', async () => {
    const { app, store, clock } = served;
    await bring(app, 'whole', FILE);
    const sent = await upload(app, 'c', { 'content-length': FILE.length });
    sent.write(FILE.subarray(0, 2 * MIB + 100));
    await eventually(async () => expect(await piecesOf(store)).toHaveLength(6));
    await sweepAt(store, clock.now + HOUR);
    expect(await piecesOf(store)).toHaveLength(6);
    await sweepAt(store, clock.now + 3 * HOUR);
    // Those of the whole one, its record, and who sweeps.
    expect(await keysOf(store)).toHaveLength(4 + 2);
    // It is not dead, but was asleep: nothing of it comes back.
    const reply = once(sent, 'response');
    sent.end(FILE.subarray(2 * MIB + 100));
    expect(((await reply) as [IncomingMessage])[0].statusCode).toBe(409);
    expect((await piecesOf(store)).every((one) => one.startsWith('checkpoint-content/whole/'))).toBe(true);
    expect((await app.inject('/v1/checkpoints/whole/content')).rawPayload.equals(FILE)).toBe(true);
  });

  it('that a former version has kept whole is read, restored and deleted', async () => {
    const { app, store } = served;
    const record = { format: 1, id: 'old', cells: [], variables: ['v'], sessions: [], bytes: FILE.length };
    const bytes = encodeRecord({ fields: { ...record, version: 1, created_at: 0 }, tensors: {} });
    await store.commit([
      { key: 'checkpoint/old', bytes },
      { key: 'checkpoint-content/old', bytes: FILE },
    ]);
    expect((await app.inject('/v1/checkpoints/old/content')).rawPayload.equals(FILE)).toBe(true);
    const restored = await call(app, 'POST', '/v1/checkpoints/old/restore', { create_missing: true });
    expect(restored.body.created.variables).toEqual(['v']);
    await call(app, 'DELETE', '/v1/checkpoints/old');
    await call(app, 'DELETE', '/v1/variables/v');
    expect(await keysOf(store)).toEqual([]);
  });
}

onEveryStore('the file of a checkpoint', files);
onRedis('the file of a checkpoint', files);

/** A service over a store whose commits fail by `fault`. */
async function withFaults(fault: (keys: readonly string[], pieces: number) => Problem | undefined) {
  const inner = openMemoryStore();
  let pieces = 0;
  const commit: Store['commit'] = async (writes) => {
    const written = writes.filter(({ bytes }) => bytes).map(({ key }) => key);
    pieces += written.filter((key) => key.startsWith('checkpoint-content/')).length;
    const problem = fault(written, pieces);
    if (problem) throw problem;
    return inner.commit(writes);
  };
  const { get, list, check, close } = inner;
  return { store: inner, app: await startApp({ store: { get, list, check, close, commit } }) };
}

it('says as soon as the disk is full, and leaves nothing', async () => {
  const { store, app } = await withFaults((keys, pieces) =>
    keys.length > 0 && pieces > 2 ? new Problem('store-full', 'full') : undefined,
  );
  expectProblem(await bring(app, 'c', FILE), 'store-full');
  expect(await keysOf(store)).toEqual([]);
  await app.close();
});

it('says as soon as the quota is full, and leaves nothing', async () => {
  const store = openMemoryStore();
  const app = await startApp({ store, quotas: { stored_bytes: 2 * MIB } });
  const sent = await upload(app, 'c', { 'content-length': FILE.length });
  const answered = once(sent, 'response');
  // Not all of it.
  sent.write(FILE.subarray(0, FILE.length - 10));
  const [reply] = (await answered) as [IncomingMessage];
  expect(JSON.parse(`${await buffer(reply)}`)).toMatchObject({ code: 'tenant-full', quota: 'stored_bytes' });
  sent.destroy();
  await eventually(async () => expect(await keysOf(store)).toEqual([]));
  await app.close();
});

it('is made under the id that was claimed, where the first request with its key failed at the end', async () => {
  let fails = true;
  const { store, app } = await withFaults((keys) =>
    fails && keys.some((key) => key.startsWith('checkpoint/')) ? new Problem('store-unavailable', 'gone') : undefined,
  );
  const key = { 'idempotency-key': 'k' };
  expectProblem(await bring(app, '', FILE, key), 'store-unavailable');
  expect(await piecesOf(store)).toEqual([]);
  const claim = (await keysOf(store)).find((one) => one.startsWith('claim/'));
  expect(claim).toBeDefined();
  fails = false;
  const made = await bring(app, '', FILE, key);
  expect(made.status).toBe(201);
  const claimed = Buffer.from((await store.get(claim ?? ''))!.bytes).toString();
  expect(claimed).toContain(`"id":"${made.body.id}"`);
  expect((await call(app, 'GET', '/v1/checkpoints')).body.items).toHaveLength(1);
  await app.close();
});

it('is refused before it is sent, if the id is taken or it is too long', async () => {
  const app = await startApp({ limits: { maxCheckpointBytes: 2 * MIB } });
  await make(app, '/v1/variables', { id: 'v', value: 1 });
  await make(app, '/v1/checkpoints', { id: 'c', variables: ['v'] });
  for (const [id, length, status] of [
    ['c', MIB, 409],
    ['d', 3 * MIB, 413],
  ] as const) {
    const sent = await upload(app, id, { 'content-length': length });
    sent.flushHeaders();
    const [reply] = (await once(sent, 'response')) as [IncomingMessage];
    expect(reply.statusCode).toBe(status);
    sent.destroy();
  }
  const chunked = await upload(app, 'd');
  const answered = once(chunked, 'response');
  chunked.end(FILE);
  expect(((await answered) as [IncomingMessage])[0].statusCode).toBe(413);
  expectProblem(await bring(app, 'd', FILE.subarray(0, 9)), 'invalid-file');
  await app.close();
});

it('is whole where its end comes with its last bytes, and refused where one is missing', async () => {
  const app = await startApp();
  for (const [left, status] of [
    [0, 201],
    [1, 400],
  ]) {
    const payload = new PassThrough();
    const headers = { ...SAFETENSORS, 'content-length': `${FILE.length}` };
    const answered = app.inject({ method: 'POST', url: '/v1/checkpoints', headers, payload });
    payload.write(FILE.subarray(0, -10));
    await new Promise((resolve) => setTimeout(resolve, 50));
    payload.end(FILE.subarray(-10, FILE.length - left));
    expect((await answered).statusCode).toBe(status);
  }
  await app.close();
});

it('is ended where nothing more of it comes, and leaves nothing', async () => {
  const store = openMemoryStore();
  const app = await startApp({ store, connections: { stallSeconds: 1, connectionsPerAddress: 0 } });
  const sent = await upload(app, 'c', { 'content-length': FILE.length });
  const closed = new Promise((resolve) => sent.once('close', resolve));
  sent.write(FILE.subarray(0, 2 * MIB + 100));
  await closed;
  await eventually(async () => expect(await keysOf(store)).toEqual([]));
  expect(app.account.held).toBe(0);
  await app.close();
});

it('holds a few pieces in memory, however many clients do not read it or do not send it to its end', async () => {
  const store = openMemoryStore();
  const app = await startApp({ store });
  await bring(app, 'large', LARGE);
  const before = (await store.usageOf('default')).bytes;
  const port = await portOf(app);
  const clients = Array.from({ length: 6 }, (_, k) => k);
  const readers = clients.map(() => connect(port, '127.0.0.1').pause());
  for (const socket of readers) socket.write('GET /v1/checkpoints/large/content HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const writers = await Promise.all(clients.map((k) => upload(app, `new-${k}`, { 'content-length': LARGE.length })));
  for (const sent of writers) sent.write(LARGE.subarray(0, 6 * MIB + 100));
  const came = async () => (await store.usageOf('default')).bytes - before;
  await eventually(async () => expect(await came()).toBeGreaterThan(6 * 6 * MIB));
  // Three pieces for each that reads, and two with the header for each that sends.
  await until(() => app.account.held >= 6 * 5 * MIB);
  expect(app.account.held).toBeLessThan(6 * 5.1 * MIB);
  for (const client of [...readers, ...writers]) client.destroy();
  await eventually(() => expect(app.account.held).toBe(0));
  await app.close();
});
