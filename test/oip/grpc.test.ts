import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GrpcDoor } from '../../src/oip/grpc/door.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call } from '../support/call.ts';
import { decoded, encoded, GrpcClient, type GrpcReply } from '../support/grpc.ts';
import { TestKeys } from '../support/keys.ts';
import { runs } from '../support/runs.ts';
import { eventually } from '../support/until.ts';

const config = {
  units: 1,
  activation: null,
  use_bias: false,
  kernel_initializer: 'ones',
  recurrent_initializer: 'ones',
};
/** h' = x + h: a running sum. */
const SUM = { id: 'sum', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] };

interface Served {
  readonly app: TestApp;
  readonly door: GrpcDoor;
  readonly client: GrpcClient;
  readonly port: number;
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(options: Parameters<typeof startApp>[0] = {}, door = {}): Promise<Served> {
  const app = await startApp(options);
  const limits = {
    maxBodyBytes: 2 ** 20,
    requestSeconds: 60,
    streamInFlight: 8,
    connectionsPerAddress: 0,
  };
  const grpc = new GrpcDoor(app, { ...limits, ...door });
  const port = await grpc.listen({ host: '127.0.0.1', port: 0, reusePort: false });
  const client = new GrpcClient(port);
  ends.push(() => app.close());
  ends.push(() => grpc.close());
  ends.push(() => client.close());
  return { app, door: grpc, client, port };
}

async function withSum(options = {}, door = {}): Promise<Served> {
  const served = await serve(options, door);
  expect((await call(served.app, 'POST', '/v1/cells', SUM)).status).toBe(201);
  return served;
}

function floats(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** A request to infer one row by the sum. */
function request(value: number, more: object = {}): object {
  const input = { name: 'inputs', datatype: 'FP32', shape: [1, 1] };
  return { model_name: 'sum', inputs: [input], raw_input_contents: [floats(value)], ...more };
}

function sequence(id: object, flags: { readonly start?: boolean; readonly end?: boolean } = {}) {
  return {
    parameters: {
      sequence_id: id,
      sequence_start: { bool_param: flags.start ?? false },
      sequence_end: { bool_param: flags.end ?? false },
    },
  };
}

function outputOf({ code, details, bytes }: GrpcReply): number {
  expect(code, details).toBe(status.OK);
  return decoded('ModelInferResponse', bytes).raw_output_contents[0].readFloatLE(0);
}

describe('a request to infer over gRPC', () => {
  it('gives what HTTP gives, with the id of the request', async () => {
    const { client } = await withSum();
    const { bytes } = await client.call('ModelInfer', request(2.5, { id: 'r1' }));
    const reply = decoded('ModelInferResponse', bytes);
    expect(reply).toMatchObject({
      model_name: 'sum',
      model_version: '1',
      id: 'r1',
      outputs: [
        { name: 'output', datatype: 'FP32', shape: ['1', '1'] },
        { name: 'states.0', datatype: 'FP32', shape: ['1', '1'] },
      ],
    });
    expect(reply.raw_output_contents.map((raw: Buffer) => raw.readFloatLE(0))).toEqual([2.5, 2.5]);
  });

  it('gives long outputs, to the bit', async () => {
    const { client } = await withSum();
    const values = Float32Array.from({ length: 200_000 }, (_, k) => Math.sin(k));
    const input = { name: 'inputs', datatype: 'FP32', shape: [200_000, 1] };
    const raw = Buffer.from(values.buffer);
    const long = request(0, { inputs: [input], raw_input_contents: [raw] });
    const [streamedReply] = await streamed(client, [long]);
    const reply = decoded('ModelInferResponse', (await client.call('ModelInfer', long)).bytes);
    for (const { outputs, raw_output_contents: contents } of [reply, streamedReply.infer_response]) {
      expect(outputs.map(({ name }: { name: string }) => name)).toEqual(['output', 'states.0']);
      expect(contents.map((bytes: Buffer) => Buffer.compare(bytes, raw))).toEqual([0, 0]);
    }
  });

  it('gives the outputs that are asked for, in their order', async () => {
    const { client } = await withSum();
    const { bytes } = await client.call('ModelInfer', request(1, { outputs: [{ name: 'states.0' }] }));
    expect(decoded('ModelInferResponse', bytes).outputs).toMatchObject([{ name: 'states.0' }]);
  });

  it('takes typed contents of every datatype that has some', async () => {
    const { client, app } = await withSum();
    const wide = { ...SUM, id: 'wide', config: { ...config, dtype: 'float64' } };
    expect((await call(app, 'POST', '/v1/cells', wide)).status).toBe(201);
    const embedding = {
      id: 'ids',
      class_name: 'Sequential',
      config: {
        name: 's',
        layers: [
          { class_name: 'InputLayer', config: { batch_shape: [null, null], dtype: 'int32', name: 'i' } },
          {
            class_name: 'Embedding',
            config: { name: 'e', input_dim: 9, output_dim: 1, embeddings_initializer: 'ones' },
          },
          { class_name: 'SimpleRNN', config: { ...config, name: 'r', return_sequences: true } },
        ],
      },
    };
    const made = await call(app, 'POST', '/v1/cells', embedding);
    expect(made.status, made.text).toBe(201);
    const typed = (model: string, datatype: string, contents: object, shape = [1, 1]) =>
      client.call('ModelInfer', { model_name: model, inputs: [{ name: 'inputs', datatype, shape, contents }] });
    expect(outputOf(await typed('sum', 'FP32', { fp32_contents: [1.5] }))).toBe(1.5);
    const { bytes } = await typed('wide', 'FP64', { fp64_contents: [0.1] });
    expect(decoded('ModelInferResponse', bytes).raw_output_contents[0].readDoubleLE(0)).toBe(0.1);
    expect(outputOf(await typed('ids', 'INT32', { int_contents: [3] }, [1]))).toBe(1);
    expect(outputOf(await typed('ids', 'INT64', { int64_contents: ['3'] }, [1]))).toBe(1);
  });

  it('keeps NaN and infinities', async () => {
    const { client } = await withSum();
    expect(outputOf(await client.call('ModelInfer', request(Number.NaN)))).toBeNaN();
    const input = { name: 'inputs', datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [-Infinity] } };
    expect(outputOf(await client.call('ModelInfer', { model_name: 'sum', inputs: [input] }))).toBe(-Infinity);
  });

  it.each([
    ['the same in typed contents', { contents: { fp32_contents: [1] } }, [floats(1)], /has contents, and raw_input/],
    ['another field of contents', { contents: { int64_contents: ['1'] } }, [], /Send fp32_contents/],
    ['half numbers in typed contents', { datatype: 'FP16', contents: { fp32_contents: [1] } }, [], /no typed contents/],
    ['texts', { datatype: 'BYTES', contents: { bytes_contents: [Buffer.from('x')] } }, [], /'BYTES'/],
    ['too many raw contents', {}, [floats(1), floats(1)], /2 raw_input_contents for 1 inputs/],
    ['too few bytes', {}, [Buffer.alloc(3)], /has 3 bytes of data/],
    ['a negative extent', { shape: [-1, 1] }, [floats(1)], /shape/],
    ['an extent past 2^53', { shape: ['9007199254740993', 1] }, [floats(1)], /shape/],
    ['shared memory', { parameters: { shared_memory_region: { string_param: 'r' } } }, [floats(1)], /Shared memory/],
  ])('with %s is refused, saying why', async (_what, input, raw, details) => {
    const { client } = await withSum();
    const inputs = [{ name: 'inputs', datatype: 'FP32', shape: [1, 1], ...input }];
    const reply = await client.call('ModelInfer', { model_name: 'sum', inputs, raw_input_contents: raw });
    expect(reply).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(details) });
  });

  it.each([
    ['a cell that there is not', { model_name: 'none' }, status.NOT_FOUND, "There is no cell 'none'."],
    ['a path instead of a name', { model_name: '..' }, status.INVALID_ARGUMENT, 'Send the id of a cell'],
    ['no name', { model_name: '' }, status.INVALID_ARGUMENT, 'Send the id of a cell'],
    ['a slash in the name', { model_name: 'a/../sum' }, status.NOT_FOUND, 'a/../sum'],
    ['another version', { model_version: '7' }, status.NOT_FOUND, 'has version 1'],
  ])('of %s has that status', async (_what, more, code, details) => {
    const { client } = await withSum();
    const reply = await client.call('ModelInfer', request(1, more));
    expect(reply).toMatchObject({ code, details: expect.stringContaining(details) });
  });

  it('over the limit of a message is refused', async () => {
    const { client } = await withSum();
    const raw_input_contents = [Buffer.alloc(2 ** 20 + 1)];
    const { code, details } = await client.call('ModelInfer', request(1, { raw_input_contents }));
    expect(code).toBe(status.RESOURCE_EXHAUSTED);
    expect(details).toContain('larger than max');
  });

  it('whose typed contents would be over the limit as bytes is refused', async () => {
    const { client } = await withSum();
    const contents = { int64_contents: Array(2 ** 18).fill('1') };
    const inputs = [{ name: 'inputs', datatype: 'INT64', shape: [2 ** 18, 1], contents }];
    const { code, details } = await client.call('ModelInfer', { model_name: 'sum', inputs });
    expect(code, details).toBe(status.RESOURCE_EXHAUSTED);
    expect(details).toContain('2097152 bytes');
  });

  it('with any bytes is answered without a fault', async () => {
    const { client } = await withSum();
    const whole = encoded('ModelInferRequest', request(1, sequence({ int64_param: 5 }, { start: true })));
    const broken = fc.tuple(fc.nat(whole.length - 1), fc.nat(255), fc.boolean()).map(([at, byte, cut]) => {
      const bytes = Buffer.from(whole);
      bytes[at] = byte;
      return cut ? bytes.subarray(0, at) : bytes;
    });
    const anything = fc.oneof(
      broken,
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(
        anything,
        fc.constantFrom('ModelInfer', 'ModelMetadata', 'RepositoryIndex'),
        async (bytes, name) => {
          const { code, details } = await client.call(name, bytes);
          expect([status.OK, status.INVALID_ARGUMENT, status.NOT_FOUND], details).toContain(code);
        },
      ),
      { numRuns: runs(300) },
    );
  });

  it('with a great many fields is refused before they become objects', async () => {
    const { client } = await withSum();
    const inputs = Array(30_000).fill({ name: 'a' });
    const { code, details } = await client.call('ModelInfer', { model_name: 'sum', inputs });
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(details).toContain('more than 20000 fields');
  });

  it('with texts that would take long to print is refused before they are', async () => {
    const { client } = await withSum();
    const long = '\u0001'.repeat(2 ** 18 + 1);
    const requests: readonly object[] = [
      { model_name: long, inputs: [{}] },
      { model_version: long },
      { id: long },
      { inputs: [{ name: 'inputs', datatype: long }] },
      { outputs: [{ name: long }] },
      { parameters: { any: { string_param: long } } },
      { parameters: { [long]: { bool_param: true } } },
    ];
    for (const one of requests) {
      const { code, details } = await client.call('ModelInfer', { model_name: 'sum', ...one });
      expect([code, details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining('more than 262144 bytes')]);
    }
  });

  it('of a model with a long name finds none', async () => {
    const { client, app } = await withSum();
    const inject = vi.spyOn(app, 'inject');
    for (const name of ['ModelInfer', 'ModelMetadata']) {
      const named = name === 'ModelInfer' ? { model_name: 'é'.repeat(10_000) } : { name: 'é'.repeat(10_000) };
      expect((await client.call(name, named)).code).toBe(status.NOT_FOUND);
    }
    for (const [asked] of inject.mock.calls as unknown as [{ readonly url: string }][]) {
      expect(asked.url.length).toBeLessThan(1_500);
    }
  });

  it('with a group, which no message has, is refused before it is looked through', async () => {
    const { client } = await withSum();
    const group = Buffer.concat([Buffer.of(0x7b), Buffer.from('0801'.repeat(100_000), 'hex'), Buffer.of(0x7c)]);
    const { code, details } = await client.call('ModelInfer', group);
    expect([code, details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining('a field is a group')]);
  });
});

describe('a sequence over gRPC', () => {
  it('is the session that HTTP has, by numbers up to 2^64-1 and by strings', async () => {
    const { client, app } = await withSum();
    const ids: [object, string][] = [
      [{ int64_param: '9007199254740993' }, '9007199254740993'],
      [{ int64_param: '-1' }, '18446744073709551615'],
      [{ uint64_param: '18446744073709551614' }, '18446744073709551614'],
      [{ string_param: 'text' }, '"text"'],
    ];
    for (const [id, shown] of ids) {
      expect(outputOf(await client.call('ModelInfer', request(1, sequence(id, { start: true }))))).toBe(1);
      expect(outputOf(await client.call('ModelInfer', request(2, sequence(id))))).toBe(3);
      const inputs = [{ name: 'inputs', datatype: 'FP32', shape: [1, 1], data: [4] }];
      const body = `{"inputs":${JSON.stringify(inputs)},"parameters":{"sequence_id":${shown}}}`;
      const { body: over } = await call(app, 'POST', '/v2/models/sum/infer', body);
      expect(over.outputs[0].data).toEqual([7]);
    }
  });

  it('takes a repeated request once', async () => {
    const { client } = await withSum();
    const { parameters } = sequence({ int64_param: 9 }, { start: true }) as { parameters: object };
    const sent = request(1, { id: 'k', parameters: { ...parameters, cellstep_idempotency: { bool_param: true } } });
    const first = await client.call('ModelInfer', sent);
    const second = await client.call('ModelInfer', sent);
    expect(second.bytes).toEqual(first.bytes);
    expect(second.metadata.get('idempotency-replayed')).toEqual(['true']);
    expect(outputOf(await client.call('ModelInfer', request(2, sequence({ int64_param: 9 }))))).toBe(3);
  });
});

/** What a stream answers to messages that are written at once. */
async function streamed(client: GrpcClient, messages: readonly (object | Buffer)[]) {
  const stream = client.stream();
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into replies of every shape
  const answers: any[] = [];
  for (const message of messages) {
    stream.write(Buffer.isBuffer(message) ? message : encoded('ModelInferRequest', message));
  }
  stream.end();
  for await (const bytes of stream) answers.push(decoded('ModelStreamInferResponse', bytes));
  return answers;
}

describe('a stream over gRPC', () => {
  it('answers in the order of its requests, and takes requests of a sequence in turn', async () => {
    const { client } = await withSum();
    const messages = Array.from({ length: 60 }, (_, i) =>
      request(1, { id: `${i}`, ...sequence({ int64_param: 1 + (i % 3) }, { start: i < 3 }) }),
    );
    const answers = await streamed(client, messages);
    expect(answers.map(({ infer_response: { id } }) => id)).toEqual(messages.map((_, i) => `${i}`));
    const sums = answers.map(({ infer_response: { raw_output_contents: raw } }) => raw[0].readFloatLE(0));
    expect(sums).toEqual(messages.map((_, i) => 1 + Math.floor(i / 3)));
  });

  it('takes a request of a sequence after one that takes many slices to be read', async () => {
    const { client } = await withSum();
    const id = { string_param: 'x'.repeat(9) };
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, k) => [`p${k}`, { int64_param: k }]));
    const [first, next] = [sequence(id, { start: true }), sequence(id)];
    const messages = [request(1, { parameters: { ...many, ...first.parameters } }), request(2, next), request(3, next)];
    const answers = await streamed(client, messages);
    const sums = answers.map(({ infer_response: { raw_output_contents: raw } }) => raw[0].readFloatLE(0));
    expect(sums).toEqual([1, 3, 6]);
  });

  it('goes on after a request that is refused, and says why', async () => {
    const { client } = await withSum();
    const answers = await streamed(client, [request(1, { model_name: 'none' }), Buffer.from([0xff]), request(5)]);
    expect(answers[0].error_message).toBe("There is no cell 'none'.");
    expect(answers[1].error_message).toContain('not a ModelInferRequest');
    expect(answers[2].infer_response.raw_output_contents[0].readFloatLE(0)).toBe(5);
  });

  it('is read no further while its client reads no answers', async () => {
    const { app, port } = await withSum({}, { streamInFlight: 4 });
    // A client of gRPC may read ahead. This one has no listener for data, so it opens no window for more.
    const session = connect(`http://127.0.0.1:${port}`);
    ends.push(() => session.destroy());
    const headers = { ':method': 'POST', ':path': '/inference.GRPCInferenceService/ModelStreamInfer' };
    const stream = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
    stream.on('error', () => undefined);
    const big = encoded('ModelInferRequest', {
      ...request(0),
      inputs: [{ name: 'inputs', datatype: 'FP32', shape: [50_000, 1] }],
      raw_input_contents: [Buffer.alloc(200_000)],
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(big.length, 1);
    let sent = 0;
    const write = (): void => {
      let more = true;
      for (; more && sent < 1000; sent++) more = stream.write(Buffer.concat([head, big]));
      if (sent < 1000) stream.once('drain', write);
    };
    write();
    const count = async () => {
      const { body } = await call(app, 'GET', '/v2/models/sum/stats');
      return body.model_stats[0].execution_count;
    };
    await eventually(async () => expect(await count()).toBeGreaterThan(0));
    for (let now = await count(), before = -1; now !== before; now = await count()) {
      before = now;
      await delay(300);
    }
    expect(await count()).toBeLessThan(100);
    expect(sent).toBeLessThan(1000);
    stream.close();
  });

  it('is ended with UNAVAILABLE when the service closes, after running requests', async () => {
    const { client, door } = await withSum();
    const stream = client.stream();
    const ended = new Promise<{ code: number }>((resolve) => void stream.once('error', resolve as never));
    const first = new Promise<Buffer>((resolve) => void stream.once('data', resolve));
    stream.write(encoded('ModelInferRequest', request(1)));
    await first;
    const closed = door.close();
    expect((await ended).code).toBe(status.UNAVAILABLE);
    await closed;
  });
});

describe('the door of gRPC', () => {
  it('serves metadata, configuration, statistics and the repository', async () => {
    const { client } = await withSum();
    const read = async (name: string, message: object) =>
      decoded(`${name}Response`, (await client.call(name, message)).bytes);
    expect(await read('ServerLive', {})).toEqual({ live: true });
    expect(await read('ServerReady', {})).toEqual({ ready: true });
    expect(await read('ModelReady', { name: 'sum' })).toEqual({ ready: true });
    expect(await read('ModelReady', { name: 'none' })).toEqual({ ready: false });
    expect(await read('ServerMetadata', {})).toMatchObject({ name: 'cellstep' });
    expect((await read('ModelMetadata', { name: 'sum' })).inputs[0].shape).toEqual(['-1', '1']);
    expect((await read('ModelConfig', { name: 'sum' })).config.input[1]).toMatchObject({ optional: true });
    await client.call('ModelInfer', request(1));
    expect((await read('ModelStatistics', { name: 'sum' })).model_stats[0].inference_stats.success.count).toBe('1');
    expect((await read('ModelStatistics', {})).model_stats).toHaveLength(1);
    expect((await read('RepositoryIndex', {})).models).toEqual([
      { name: 'sum', version: '1', state: 'READY', reason: '' },
    ]);
    expect(await read('RepositoryModelLoad', { model_name: 'sum' })).toEqual({});
    const parameters = { unload_dependents: { bool_param: false } };
    expect(await read('RepositoryModelUnload', { model_name: 'sum', parameters })).toEqual({});
    expect((await client.call('SystemSharedMemoryStatus', Buffer.alloc(0))).code).toBe(status.UNIMPLEMENTED);
  });

  it('asks for the same keys and scopes as HTTP, keeps tenants apart, and writes the same audit', async () => {
    const keys = new TestKeys();
    ends.push(() => keys.remove());
    const [reader, writer, other] = [
      keys.make('reader --scopes read --tenant one'),
      keys.make('writer --scopes read,step,write --tenant one'),
      keys.make('other --scopes read,step,write --tenant two'),
    ].map((key) => ({ authorization: `Bearer ${key.trim()}` }));
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const { app, client } = await serve({ gate: { keysFile: keys.file }, logger });
    expect((await call(app, 'POST', '/v1/cells', SUM, writer)).status).toBe(201);
    expect((await client.call('ModelInfer', request(1))).code).toBe(status.UNAUTHENTICATED);
    expect((await client.call('ModelInfer', request(1), { authorization: 'Bearer no' })).code).toBe(
      status.UNAUTHENTICATED,
    );
    const denied = await client.call('ModelInfer', request(1), reader);
    expect(denied).toMatchObject({ code: status.PERMISSION_DENIED, details: expect.stringContaining('scope step') });
    expect((await client.call('ModelMetadata', { name: 'sum' }, reader)).code).toBe(status.OK);
    expect((await client.call('ModelInfer', request(1), other)).code).toBe(status.NOT_FOUND);
    expect((await client.call('ServerLive', {})).code).toBe(status.OK);
    const reply = await client.call('ModelInfer', request(1), { ...writer, 'x-request-id': 'mine' });
    expect(outputOf(reply)).toBe(1);
    expect(reply.metadata.get('x-request-id')).toEqual(['mine']);
    await eventually(() => {
      const logged = lines.map((line) => JSON.parse(line)).find(({ reqId, audit }) => reqId === 'mine' && audit);
      expect(logged?.audit).toMatchObject({ who: 'writer', tenant: 'one', what: 'inferModel', ids: { cell: 'sum' } });
    });
  });

  it('counts calls with the requests of HTTP where rates are limited', async () => {
    let requests = 0;
    const rateCounter = { count: async () => ({ count: ++requests, left: 700 }) };
    const { app, client } = await serve({ rateLimit: 3, rateCounter });
    expect((await call(app, 'GET', '/v1/cells')).status).toBe(200);
    const calls = [1, 2, 3].map(() => client.call('ServerMetadata', {}));
    const codes = (await Promise.all(calls)).map(({ code }) => code);
    expect(codes).toEqual([status.OK, status.OK, status.RESOURCE_EXHAUSTED]);
    const limited = await client.call('ServerMetadata', {});
    expect(limited.metadata.get('retry-after')).toEqual(['1']);
  });

  it('serves no more connections of one address than its share', async () => {
    const { port } = await serve({}, { connectionsPerAddress: 1 });
    const outcomes = await Promise.all(
      [1, 2].map(() => {
        const session = connect(`http://127.0.0.1:${port}`);
        ends.push(() => session.destroy());
        return new Promise<string>((resolve) => {
          session.once('remoteSettings', () => resolve('served')).once('error', () => resolve('refused'));
          session.once('close', () => resolve('refused'));
        });
      }),
    );
    expect(outcomes.toSorted()).toEqual(['refused', 'served']);
  });

  it('counts its connections for the tenant of their calls', async () => {
    const { client, port } = await withSum({ quotas: { connections: 1 } });
    expect(outputOf(await client.call('ModelInfer', request(1)))).toBe(1);
    const other = new GrpcClient(port);
    ends.push(() => other.close());
    expect(await other.call('ModelInfer', request(1))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(outputOf(await client.call('ModelInfer', request(2)))).toBe(2);
    client.close();
    await eventually(async () => expect(outputOf(await other.call('ModelInfer', request(3)))).toBe(3));
  });

  it.each(['ModelInfer', 'ModelStreamInfer'])(
    'ends a connection over the quota after it has said so to %s, and no other',
    async (name) => {
      const { client, port } = await withSum({ quotas: { connections: 1 } });
      expect(outputOf(await client.call('ModelInfer', request(1)))).toBe(1);
      const session = connect(`http://127.0.0.1:${port}`);
      ends.push(() => session.destroy());
      const goaway = once(session, 'goaway');
      const headers = { ':method': 'POST', ':path': `/inference.GRPCInferenceService/${name}` };
      const stream = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
      const message = encoded('ModelInferRequest', request(1));
      const prefix = Buffer.from([0, 0, 0, 0, 0]);
      prefix.writeUInt32BE(message.length, 1);
      stream.write(Buffer.concat([prefix, message]));
      if (name === 'ModelInfer') stream.end();
      stream.resume();
      const trailers = await new Promise<Record<string, unknown>>((resolve) => {
        const look = (headers: Record<string, unknown>) => 'grpc-status' in headers && resolve(headers);
        stream.on('response', look).on('trailers', look);
      });
      expect(trailers['grpc-status']).toBe(`${status.RESOURCE_EXHAUSTED}`);
      expect(decodeURI(`${trailers['grpc-message']}`)).toContain('may have 1 connections');
      expect((await goaway)[0]).toBe(0);
      // As clients of gRPC do when a call is over.
      stream.end();
      if (!session.destroyed) await once(session, 'close');
      expect(outputOf(await client.call('ModelInfer', request(2)))).toBe(2);
    },
  );

  it.each(['ModelInfer', 'ModelStreamInfer'])(
    'counts what has come of a message of %s, for its address, and reads it at the pace of all bodies',
    async (name) => {
      const { app, client, port } = await withSum({ limits: { maxInFlightBytes: 2 ** 20 } }, { maxBodyBytes: 2 ** 27 });
      const session = connect(`http://127.0.0.1:${port}`);
      ends.push(() => session.destroy());
      const headers = { ':method': 'POST', ':path': `/inference.GRPCInferenceService/${name}` };
      const open = (bytes: number) => {
        const stream = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
        const prefix = Buffer.from([0, 0, 0, 0, 0]);
        prefix.writeUInt32BE(2 ** 27, 1);
        stream.write(Buffer.concat([prefix, Buffer.alloc(bytes)]));
        return stream;
      };
      const took = vi.spyOn(app.bodyPace, 'took');
      const first = open(500_000);
      await eventually(() => expect(app.account.held).toBe(500_005));
      expect(took.mock.calls.reduce((sum, [, , length]) => sum + length, 0)).toBe(500_005);
      // What is alone may have all that its own limits allow; a second one may not.
      const second = open(2 ** 26);
      await eventually(() => expect(app.account.held).toBeGreaterThan(2 ** 25));
      const refused = open(500_000);
      expect((await once(refused, 'response'))[0]['grpc-status']).toBe(`${status.UNAVAILABLE}`);
      first.close();
      second.close();
      await eventually(() => expect(app.account.held).toBe(0));
      expect(outputOf(await client.call('ModelInfer', request(1)))).toBe(1);
    },
  );

  it.each(['ModelInfer', 'ModelStreamInfer'])(
    'counts an answer of %s that is not read, and gives it up after a while',
    async (name) => {
      const { app, port } = await withSum({}, { requestSeconds: 4 });
      const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
      ends.push(() => session.destroy());
      const rows = 100_000;
      const inputs = [{ name: 'inputs', datatype: 'FP32', shape: [rows, 1] }];
      const outputs = [{ name: 'output' }];
      const sent = { model_name: 'sum', inputs, outputs, raw_input_contents: [Buffer.alloc(4 * rows)] };
      const message = encoded('ModelInferRequest', sent);
      const prefix = Buffer.from([0, 0, 0, 0, 0]);
      prefix.writeUInt32BE(message.length, 1);
      const headers = { ':method': 'POST', ':path': `/inference.GRPCInferenceService/${name}` };
      const stream = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
      const closed = once(stream, 'close');
      stream.on('error', () => undefined);
      stream.write(Buffer.concat([prefix, message]));
      if (name === 'ModelInfer') stream.end();
      await once(stream, 'response');
      const [least, most] = [4 * rows, 4 * rows + 2 ** 10];
      await eventually(() => {
        expect(app.account.held).toBeGreaterThan(least);
        expect(app.account.held).toBeLessThan(most);
      });
      await closed;
      expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
      expect(app.account.held).toBe(0);
    },
  );

  it('gives up a message that does not arrive, and lets the next one in', async () => {
    const { client, port } = await withSum({}, { requestSeconds: 1 });
    const session = connect(`http://127.0.0.1:${port}`);
    ends.push(() => session.destroy());
    const headers = { ':method': 'POST', ':path': '/inference.GRPCInferenceService/ModelInfer' };
    const stuck = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
    const ended = once(stuck, 'response');
    stuck.write(Buffer.alloc(3));
    const next = client.call('ModelInfer', request(1));
    expect((await ended)[0]['grpc-status']).toBe(`${status.DEADLINE_EXCEEDED}`);
    expect(outputOf(await next)).toBe(1);
  });

  it('ends a call at its deadline, whether or not it was carried out', async () => {
    const { client } = await withSum();
    const { code } = await client.call('ModelInfer', request(1), {}, { deadline: Date.now() - 1000 });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
  });
});
