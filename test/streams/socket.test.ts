import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { SECURITY_HEADERS } from '../../src/http/callers/security-headers.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../support/call.ts';
import { TestKeys } from '../support/keys.ts';
import { until } from '../support/until.ts';
import { type Answer, StreamClient } from './client.ts';

const KEY = 'a-key-of-twenty-letters';
const BEARER = { authorization: `Bearer ${KEY}` };

describe('a socket', () => {
  let app: TestApp;
  let url: string;

  beforeEach(async () => {
    app = await startApp();
    url = await app.listen({ host: '127.0.0.1', port: 0 });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  });
  afterEach(() => app.close());

  async function connect(): Promise<StreamClient> {
    const client = new StreamClient(url);
    await client.open();
    return client;
  }

  it('hears long events, and what comes after them, in their order', async () => {
    const rows = 20_000;
    await make(app, '/v1/sessions', { id: 'long', cell: 'cell', batch_size: rows });
    const clients = await Promise.all([connect(), connect()]);
    for (const client of clients) await client.ask({ op: 'subscribe', session: 'long', id: 1 });
    const inputs = { shape: [rows, 1], data: Array(rows).fill(0.123) };
    for (let k = 0; k < 2; k++) await call(app, 'POST', '/v1/sessions/long/steps', { inputs });
    await call(app, 'DELETE', '/v1/sessions/long');
    for (const client of clients) {
      await client.hear(({ event }) => event === 'closed');
      const events = client.heard.filter(({ event }) => event !== undefined);
      expect(events.map(({ event, version }) => [event, version])).toEqual([
        ['changed', 2],
        ['changed', 3],
        ['closed', undefined],
      ]);
      expect(JSON.stringify(events[0]).length).toBeGreaterThan(2 ** 17);
    }
  });

  it('speaks cellstep.v1 and nothing else', async () => {
    expect((await connect()).socket.protocol).toBe('cellstep.v1');
    await expect(new StreamClient(url, {}, 'other.v1').open()).rejects.toThrow('400');
    const plain = await call(app, 'GET', '/v1/stream');
    expect([plain.status, plain.body.code, plain.headers.upgrade]).toEqual([426, 'upgrade-required', 'websocket']);
  });

  it.each<Record<string, string>>([
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { host: 'evil.example' },
  ])('is refused to a page of another site, by %o', async (headers) => {
    await expect(new StreamClient(url, headers).open()).rejects.toThrow('403');
  });

  it.each([
    ['version', { 'sec-websocket-version': '99' }],
    ['key', { 'sec-websocket-key': 'short' }],
    ['protocol', { 'sec-websocket-protocol': 'cellstep.v1,,' }],
  ])('is refused with a wrong %s, by a problem with the headers of every reply', async (_what, wrong) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'cellstep.v1',
      'x-request-id': 'mine',
      ...wrong,
    };
    const reply = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${url}/v1/stream`, { headers }, resolve).on('error', reject).end();
    });
    expect(reply.statusCode).toBe(400);
    expect(reply.headers).toMatchObject({ ...SECURITY_HEADERS, 'content-type': 'application/problem+json' });
    expect(JSON.parse(await text(reply))).toMatchObject({ code: 'bad-request', request_id: 'mine' });
  });

  it('is counted, also before a message is whole', async () => {
    const client = await connect();
    client.socket.send(' '.repeat(500_000), { fin: false });
    await until(() => app.account.held >= 500_000);
    client.socket.send('{}');
    await client.hear(({ status }) => status === 400);
    // The answer may still count.
    await until(() => app.account.held < 1_000);
  });

  it('is counted with what each fragment takes beside its bytes, and not for what is no part of a message', async () => {
    const client = await connect();
    for (let k = 0; k < 100; k++) client.socket.pong('x'.repeat(100));
    let pongs = 0;
    client.socket.on('pong', () => pongs++);
    client.socket.ping();
    await until(() => pongs === 1);
    expect(app.account.held).toBeLessThan(1_000);
    for (let k = 0; k < 1_000; k++) client.socket.send('x', { fin: false });
    await until(() => app.account.held >= 500_000);
  });

  it('is closed for a message of more than 1,024 fragments', async () => {
    const client = await connect();
    for (let k = 0; k < 1_025; k++) client.socket.send('x', { fin: false });
    expect((await client.closed).code).toBe(1008);
  });

  it('is looked at, and carried out, in the turns of its client', async () => {
    const client = await connect();
    const turns: (() => void)[] = [];
    vi.spyOn(app.intake, 'take').mockImplementation((_client, begin) => void turns.push(begin));
    client.say({ id: 1, session: 's', inputs: [[2]] });
    await until(() => turns.length === 1);
    // The bytes, and then the message.
    turns.shift()?.();
    await until(() => turns.length === 1);
    expect(client.heard).toEqual([]);
    turns.shift()?.();
    await until(() => client.heard.length === 1);
  });

  it('carries out a long message before those behind it', async () => {
    const client = await connect();
    client.say(`{"id":1,"session":"s","inputs":[[2]]${' '.repeat(2 ** 18)}}`);
    expect(await client.ask({ id: 2, session: 's', inputs: [[2]] })).toMatchObject({ status: 200, step: 2 });
    expect(client.heard).toMatchObject([
      { id: 1, status: 200, step: 1 },
      { id: 2, step: 2 },
    ]);
  });

  it('opens, steps, forks, rewinds, resets and closes sessions', async () => {
    const client = await connect();
    expect(await client.ask({ op: 'open', id: 1, session: 't', cell: 'cell', history: 5 })).toMatchObject({
      session: 't',
      status: 201,
      step: 0,
    });
    expect(await client.ask({ id: 2, session: 't', inputs: [[2]] })).toMatchObject({
      status: 200,
      output: [[5]],
      step: 1,
    });
    const forked = await client.ask({ op: 'fork', id: 3, session: 't', new_session: 'u' });
    expect(forked).toMatchObject({ session: 'u', status: 201, step: 1, states: [[[5]]] });
    expect(await client.ask({ op: 'rewind', id: 4, session: 't', to_step: 0 })).toMatchObject({
      step: 0,
      states: [[[0]]],
    });
    expect(await client.ask({ op: 'reset', id: 5, session: 'u' })).toMatchObject({ step: 0, version: 2 });
    expect(await client.ask({ op: 'close', id: 6, session: 'u' })).toEqual({ id: 6, session: 'u', status: 204 });
    expect((await call(app, 'GET', '/v1/sessions/u')).status).toBe(404);
  });

  it('carries out messages of one session in their order', async () => {
    const client = await connect();
    for (let id = 1; id <= 500; id++) client.say({ id, session: 's', inputs: [[id]] });
    await client.hear(({ id }) => id === 500);
    expect(client.heard.map(({ id, step }) => [id, step])).toEqual(
      Array.from({ length: 500 }, (_, k) => [k + 1, k + 1]),
    );
  });

  it('copies a session as it is between its messages, and finds what it has just opened', async () => {
    const client = await connect();
    for (let round = 1; round <= 50; round++) {
      client.say({ id: `a${round}`, session: 's', inputs: [[1]] });
      client.say({ id: `f${round}`, op: 'fork', session: 's', new_session: `f${round}`, key: `k${round}` });
      client.say({ id: `r${round}`, op: 'reset', session: 's' });
      client.say({ id: `g${round}`, session: `f${round}`, inputs: [[1]] });
      client.say({ id: `o${round}`, op: 'open', session: `o${round}`, cell: 'cell', key: `o${round}` });
      client.say({ id: `p${round}`, session: `o${round}`, inputs: [[1]] });
    }
    const answers = new Map<unknown, Answer>();
    await until(() => client.heard.length === 300);
    for (const answer of client.heard) answers.set(answer.id, answer);
    for (let round = 1; round <= 50; round++) {
      expect(answers.get(`f${round}`)).toMatchObject({ status: 201, step: 1, states: [[[4]]] });
      expect(answers.get(`g${round}`)).toMatchObject({ status: 200, step: 2 });
      expect(answers.get(`p${round}`)).toMatchObject({ status: 200, step: 1 });
    }
  });

  it('answers a wrong message with a problem, and stays open', async () => {
    const client = await connect();
    client.say('nonsense');
    client.say('[1]');
    expect(await client.ask({ id: 1, op: 'fly' })).toMatchObject({ status: 400, problem: { code: 'invalid-request' } });
    expect(await client.ask({ id: 2, session: 'none', inputs: [[1]] })).toMatchObject({ status: 404, session: 'none' });
    expect(await client.ask({ id: 3, session: 's', inputs: [[1]], x: 1 })).toMatchObject({ status: 400 });
    expect(await client.ask({ id: 4, session: 's', inputs: [[1]] })).toMatchObject({ status: 200 });
    const codes = client.heard.map(({ problem }) => problem?.code);
    expect(codes.slice(0, 2)).toEqual(['invalid-json', 'invalid-request']);
  });

  it('takes files of tensors, and answers with them', async () => {
    const client = await connect();
    const inputs = new Map([['inputs', new Tensor('float32', [1, 1], Float32Array.of(2))]]);
    const metadata = { id: '"x"', session: '"s"', key: '"k"', return_states: 'true' };
    const message = writeSafetensors(inputs, metadata);
    client.say(message);
    client.say(message);
    await until(() => client.heard.length === 2);
    const answers = client.heard.map((bytes) => readSafetensors(bytes));
    for (const { tensors } of answers) {
      expect(tensors.get('output')).toEqual(new Tensor('float32', [1, 1], Float32Array.of(5)));
      expect(tensors.get('states.0')?.data).toEqual(Float32Array.of(5));
    }
    expect(answers[0].metadata).toEqual({
      id: '"x"',
      session: '"s"',
      status: '200',
      step: '1',
      cell_version: '1',
      version: '2',
    });
    expect(answers[1].metadata).toEqual({ ...answers[0].metadata, replayed: 'true' });
  });

  it('tells of each change of a session it is subscribed to, whoever makes it', async () => {
    const client = await connect();
    expect(await client.ask({ op: 'subscribe', id: 1, session: 's' })).toMatchObject({ status: 200, step: 0 });
    for (let k = 0; k < 20; k++) await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] });
    await call(app, 'PUT', '/v1/sessions/s/states', { states: [[[7]]] });
    await client.ask({ op: 'unsubscribe', id: 2, session: 's' });
    await call(app, 'POST', '/v1/sessions/s/reset');
    await client.ask({ op: 'subscribe', id: 3, session: 's' });
    await call(app, 'DELETE', '/v1/sessions/s');
    await client.hear(({ event }) => event === 'closed');
    const events = client.heard.filter(({ event }) => event);
    expect(events.map(({ event, version, states }) => [event, version, states?.[0][0][0]])).toEqual([
      ...Array.from({ length: 20 }, (_, k) => ['changed', k + 2, 4 * (k + 1)]),
      ['changed', 22, 7],
      ['closed', undefined, undefined],
    ]);
  });

  it('is closed for a frame that breaks the protocol, and for one that is too large', async () => {
    const broken = await connect();
    // A frame of a client that is not masked.
    (broken.socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(Buffer.of(0x81, 0x01, 0x61));
    expect((await broken.closed).code).toBe(1002);
    const large = await connect();
    large.say(Buffer.alloc(17 * 2 ** 20));
    expect((await large.closed).code).toBe(1009);
  });

  it('is no fault of the service where a client breaks the protocol', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    const logging = await startApp({ logger });
    const client = new StreamClient(await logging.listen({ host: '127.0.0.1', port: 0 }));
    await client.open();
    (client.socket as unknown as { _socket: Socket })._socket.write(Buffer.of(0x81, 0x01, 0x61));
    expect((await client.closed).code).toBe(1002);
    await logging.close();
    expect(lines).toEqual([]);
  });

  it('leaves requests alone that offer another upgrade', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'content-type': 'application/json' };
      const sent = request(`${url}/v1/sessions/s/steps`, { method: 'POST', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject).end('{"inputs":[[2]]}');
    });
    expect(status).toBe(200);
  });

  it('is closed at the end of the service, after running messages are answered', async () => {
    const client = await connect();
    for (let id = 1; id <= 100; id++) client.say({ id, session: 's', inputs: [[1]] });
    await client.hear(({ id }) => id === 1);
    await app.close();
    expect((await client.closed).code).toBe(1001);
    const taken = client.heard.map(({ step }) => step);
    expect(taken).toEqual(Array.from({ length: taken.length }, (_, k) => k + 1));
  });
});

describe('a socket of a service with keys', () => {
  let app: TestApp;
  let url: string;

  beforeEach(async () => {
    app = await startApp({ apiKeys: [KEY] });
    url = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => app.close());

  const step = { id: 1, session: 's', inputs: [[1]] };

  it('is let in by the header of its handshake', async () => {
    const client = new StreamClient(url, BEARER);
    await client.open();
    expect(await client.ask(step)).toMatchObject({ status: 404 });
    await expect(new StreamClient(url, { authorization: 'Bearer another-key-of-nobody' }).open()).rejects.toThrow(
      '401',
    );
  });

  it('is heard in full where its key and other messages come in one packet', async () => {
    const client = new StreamClient(url);
    await client.open();
    const { _socket: wire } = client.socket as unknown as { _socket: Socket };
    wire.cork();
    client.say({ op: 'auth', id: 0, token: KEY });
    for (const id of [1, 2, 3]) client.say({ ...step, id });
    wire.uncork();
    for (const id of [1, 2, 3]) expect(await client.hear((answer) => answer.id === id)).toMatchObject({ status: 404 });
  });

  it('is let in by its first message, and closed where that has no key', async () => {
    const client = new StreamClient(url);
    await client.open();
    expect(await client.ask({ op: 'auth', id: 0, token: KEY })).toEqual({ id: 0, status: 204 });
    expect(await client.ask(step)).toMatchObject({ status: 404 });
    // A stranger may not have megabytes read.
    const long = `${JSON.stringify({ op: 'auth', token: KEY })}${' '.repeat(2 ** 16)}`;
    for (const first of [step, { op: 'auth', token: 'another-key-of-nobody' }, 'nonsense', long]) {
      const refused = new StreamClient(url);
      await refused.open();
      refused.say(first);
      expect((await refused.closed).code).toBe(1008);
      expect(refused.heard).toEqual([]);
    }
  });
});

describe('a socket whose key may not do everything', () => {
  it('needs read to subscribe, and is closed when its key loses it', async () => {
    const keys = new TestKeys();
    onTestFinished(() => keys.remove());
    const [stepper, reader] = [keys.make('stepper --scopes step'), keys.make('reader --scopes step,read,write')];
    const app = await startApp({ gate: { keysFile: keys.file } });
    onTestFinished(() => app.close());
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const all = { authorization: `Bearer ${reader}` };
    await call(app, 'POST', '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] }, all);
    await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'cell' }, all);
    const [first, second] = [stepper, reader].map((key) => new StreamClient(url, { authorization: `Bearer ${key}` }));
    await Promise.all([first.open(), second.open()]);
    const subscribe = { op: 'subscribe', session: 's', id: 1 };
    expect(await first.ask(subscribe)).toMatchObject({ status: 403, problem: { code: 'insufficient-scope' } });
    expect(await second.ask(subscribe)).toMatchObject({ status: 200 });
    expect(await first.ask({ session: 's', inputs: [[1]], id: 2 })).toMatchObject({ status: 200 });
    await second.hear(({ event }) => event === 'changed');

    const file = JSON.parse(readFileSync(keys.file, 'utf8'));
    file.keys[1].scopes = ['step'];
    writeFileSync(keys.file, JSON.stringify(file));
    expect(await second.closed).toMatchObject({ code: 1008, reason: expect.stringContaining('may do less') });
    expect(await first.ask({ session: 's', inputs: [[1]], id: 3 })).toMatchObject({ status: 200 });
  });
});
