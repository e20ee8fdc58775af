import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp, TestClock } from '../support/app.ts';
import { call } from '../support/call.ts';

/** h' = x + h: a running sum, as the sequence examples of Triton have it. */
const SUM = {
  id: 'sum',
  class_name: 'SimpleRNNCell',
  config: { units: 1, activation: null, use_bias: false, kernel_initializer: 'ones', recurrent_initializer: 'ones' },
  input_shape: [null, 1],
};

const clock = new TestClock();
let app: TestApp;
beforeEach(async () => {
  await app?.close();
  app = await startApp({ clock });
  expect((await call(app, 'POST', '/v1/cells', SUM)).status).toBe(201);
});
afterAll(() => app.close());

const input = (...data: unknown[]) => ({ name: 'inputs', shape: [data.length, 1], datatype: 'FP32', data });

function infer(body: unknown, headers: Record<string, string> = {}, path = '/v2/models/sum/infer') {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return app.inject({ method: 'POST', url: path, payload, headers });
}

function step(value: unknown, parameters: object, id?: string) {
  return infer({ inputs: [input(value)], parameters, ...(id ? { id } : {}) });
}

const outputOf = (reply: { json: () => { outputs: { data: number[] }[] } }) => reply.json().outputs[0].data;

describe('a request to infer', () => {
  it('is a step whose states the client carries', async () => {
    const states = { name: 'states.0', shape: [2, 1], datatype: 'FP32', data: [[10], [20]] };
    const reply = await infer({ id: 'r1', inputs: [input(1, 2), states] });
    expect(reply.json()).toEqual({
      id: 'r1',
      model_name: 'sum',
      model_version: '1',
      outputs: [
        { name: 'output', datatype: 'FP32', shape: [2, 1], data: [11, 22] },
        { name: 'states.0', datatype: 'FP32', shape: [2, 1], data: [11, 22] },
      ],
    });
  });

  it('is a sequence if its inputs have a time axis', async () => {
    const reply = await infer({ inputs: [{ ...input(), shape: [1, 3, 1], data: [1, 2, 3] }] });
    expect(reply.json().outputs[0]).toMatchObject({ shape: [1, 3, 1], data: [1, 3, 6] });
  });

  it('takes bytes after its JSON part, and answers so where that is asked for, whatever Content-Type says', async () => {
    const head = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'inputs', shape: [1, 1], datatype: 'FP32', parameters: { binary_data_size: 4 } }],
        outputs: [{ name: 'states.0', parameters: { binary_data: true } }, { name: 'output' }],
      }),
    );
    const body = Buffer.concat([head, Buffer.from(Float32Array.of(2.5).buffer)]);
    const headers = { 'inference-header-content-length': `${head.length}`, 'content-type': 'text/html' };
    const reply = await infer(body, headers);
    const length = Number(reply.headers['inference-header-content-length']);
    const { outputs } = JSON.parse(reply.rawPayload.subarray(0, length).toString());
    expect(outputs.map(({ name }: { name: string }) => name)).toEqual(['states.0', 'output']);
    expect(outputs[0].parameters).toEqual({ binary_data_size: 4 });
    expect(outputs[1].data).toEqual([2.5]);
    expect(reply.rawPayload.subarray(length).readFloatLE()).toBe(2.5);
  });

  it('reads and writes NaN and infinities bare', async () => {
    const reply = await infer(
      `{"inputs":[{"name":"inputs","shape":[3,1],"datatype":"FP32","data":[NaN,-Infinity,Infinity]}]}`,
    );
    expect(reply.body).toContain('"data":[NaN,-Infinity,Infinity]');
  });

  /** Rows of one number each, as bytes. */
  function binary(values: Float32Array, parameters: object): Buffer {
    const tensor = { name: 'inputs', shape: [values.length, 1], datatype: 'FP32' };
    const inputs = [{ ...tensor, parameters: { binary_data_size: values.byteLength } }];
    const head = Buffer.from(JSON.stringify({ inputs, parameters }));
    return Buffer.concat([head, Buffer.from(values.buffer)]);
  }
  const sent = (values: Float32Array, parameters: object) => {
    const body = binary(values, parameters);
    return infer(body, { 'inference-header-content-length': `${body.length - values.byteLength}` });
  };
  const rows = (count: number) => Float32Array.from({ length: count }, (_, k) => (k === 7 ? Number.NaN : Math.sin(k)));

  it('gets long outputs as it gets short ones: numbers bare, and bytes', async () => {
    const values = rows(100_000);
    const asJson = await sent(values, {});
    expect(asJson.statusCode).toBe(200);
    const [output] = JSON.parse(asJson.payload.replaceAll('NaN', 'null')).outputs;
    expect(output.shape).toEqual([100_000, 1]);
    expect(Float32Array.from(output.data as (number | null)[], (value) => value ?? Number.NaN)).toEqual(values);
    expect(asJson.payload).toContain(',NaN,');
    const asBytes = await sent(values, { binary_data_output: true });
    const start = Number(asBytes.headers['inference-header-content-length']);
    const { outputs } = JSON.parse(asBytes.rawPayload.toString('utf8', 0, start));
    expect(outputs[0].parameters.binary_data_size).toBe(400_000);
    expect(Buffer.compare(asBytes.rawPayload.subarray(start, start + 400_000), Buffer.from(values.buffer))).toBe(0);
    expect(asBytes.rawPayload.length).toBe(start + 800_000);
  });

  it('is refused before anything is changed where its outputs would be too long as JSON', async () => {
    const begin = { sequence_id: 5, sequence_start: true };
    expect((await sent(rows(450_000), begin)).json()).toMatchObject({
      status: 400,
      error: expect.stringContaining('binary_data_output'),
    });
    const reply = await sent(rows(450_000), { ...begin, binary_data_output: true });
    expect(reply.statusCode).toBe(200);
    const next = await sent(rows(450_000), { sequence_id: 5 });
    expect(next.statusCode).toBe(400);
    const last = await sent(rows(450_000), { sequence_id: 5, sequence_end: true, binary_data_output: true });
    const start = Number(last.headers['inference-header-content-length']);
    // The second of two steps: the refused ones did not count.
    expect(last.rawPayload.readFloatLE(start + 4)).toBeCloseTo(2 * Math.sin(1));
  });

  it('may be compressed, up to the limit of a body', async () => {
    const body = gzipSync(JSON.stringify({ inputs: [input(4)] }));
    const reply = await infer(body, { 'content-encoding': 'gzip' });
    expect(outputOf(reply)).toEqual([4]);
    const bomb = await infer(gzipSync(Buffer.alloc(2 ** 25, 32)), { 'content-encoding': 'gzip' });
    expect([bomb.statusCode, bomb.json().code]).toEqual([413, 'body-too-large']);
    const damaged = await infer(body.subarray(0, 20), { 'content-encoding': 'deflate' });
    expect([damaged.statusCode, damaged.json().code]).toEqual([400, 'bad-request']);
  });

  it('counts in memory with its uncompressed bytes', async () => {
    const body = gzipSync(`${JSON.stringify({ inputs: [input(4)] })}${' '.repeat(2 ** 20)}`);
    expect(body.length).toBeLessThan(2_000);
    // Small requests find room, large ones do not.
    app.account.add('another client', 300 * 2 ** 20);
    expect((await infer(body, { 'content-encoding': 'gzip' })).json()).toMatchObject({ code: 'overloaded' });
    expect((await infer({ inputs: [input(4)] }, { 'accept-encoding': 'gzip' })).statusCode).toBe(200);
    app.account.add('another client', -300 * 2 ** 20);
    expect((await infer(body, { 'content-encoding': 'gzip' })).statusCode).toBe(200);
    expect(app.account.held).toBe(0);
  });

  it('gets each output once', async () => {
    const reply = await infer({ inputs: [input(1)], outputs: [{ name: 'output' }, { name: 'output' }] });
    expect(reply.json()).toMatchObject({ status: 400, error: expect.stringContaining('asked for twice') });
  });

  it('is counted, even if it fails', async () => {
    await infer({ inputs: [input(1, 2)] });
    await infer({ inputs: [input('x')] });
    const [own] = (await app.inject('/v2/models/sum/stats')).json().model_stats;
    expect(own).toMatchObject({ name: 'sum', inference_count: 2, execution_count: 1 });
    expect(own.inference_stats.success.count).toBe(1);
    expect(own.inference_stats.fail.count).toBe(1);
  });
});

describe('a request that cannot be carried out', () => {
  const name = 'inputs';
  it.each([
    ['not JSON', '{', 400, 'invalid-json', 'not valid JSON'],
    ['an unknown field', { inputs: [input(1)], input: 1 }, 400, 'invalid-request', 'Unknown field "input"'],
    [
      'an unknown input',
      { inputs: [{ ...input(1), name: 'x' }] },
      400,
      'invalid-request',
      'Unexpected inference input "x"',
    ],
    [
      'a long integer where text belongs',
      '{"id":{"a":9007199254740993},"inputs":[]}',
      400,
      'invalid-request',
      '9007199254740993',
    ],
    ['no inputs', { inputs: [{ ...input(1), name: 'states.0' }] }, 400, 'invalid-request', "no input 'inputs'"],
    ['another model', { model_name: 'x', inputs: [input(1)] }, 400, 'invalid-request', 'model_name is "x"'],
    ['an input twice', { inputs: [input(1), input(1)] }, 400, 'invalid-request', 'twice'],
    ['an unknown output', { inputs: [input(1)], outputs: [{ name: 'y' }] }, 400, 'invalid-request', 'output "y"'],
    ['a datatype of text', { inputs: [{ ...input(1), datatype: 'BYTES' }] }, 400, 'invalid-request', "'BYTES'"],
    ['too few numbers', { inputs: [{ ...input(1), shape: [2, 1] }] }, 400, 'wrong-shape', '1 numbers'],
    ['too many numbers', { inputs: [{ ...input(1, 2), shape: [1, 1] }] }, 400, 'wrong-shape', 'more than 1'],
    ['an absurd shape', { inputs: [{ ...input(1), shape: [2 ** 31 - 1, 2 ** 31 - 1] }] }, 400, 'wrong-shape', 'fewer'],
    [
      'another width',
      { inputs: [{ name, shape: [1, 2], datatype: 'FP32', data: [1, 2] }] },
      400,
      'wrong-shape',
      'Send 1 features',
    ],
    ['no data', { inputs: [{ name, shape: [1, 1], datatype: 'FP32' }] }, 400, 'invalid-request', 'has no data'],
    [
      'bytes that are not there',
      { inputs: [{ name, shape: [1, 1], datatype: 'FP32', parameters: { binary_data_size: 4 } }] },
      400,
      'wrong-shape',
      '0 bytes',
    ],
    [
      'shared memory',
      { inputs: [{ name, shape: [1, 1], datatype: 'FP32', parameters: { shared_memory_region: 'r' } }] },
      400,
      'invalid-request',
      'Shared memory',
    ],
    [
      'a flag without a sequence',
      { inputs: [input(1)], parameters: { sequence_start: true } },
      400,
      'invalid-request',
      'no sequence_id',
    ],
  ])('says so in `error`, beside the fields of a problem: %s', async (_what, body, status, code, text) => {
    const reply = await infer(body as object);
    const problem = reply.json();
    expect([reply.statusCode, problem.status, problem.code]).toEqual([status, status, code]);
    expect(problem.error).toContain(text);
    expect(problem.error).toBe(problem.detail);
  });

  it.each(['/v2/models/none/infer', '/v2/models/sum/versions/7/infer', '/v2/systemsharedmemory/status'])(
    'is answered by 404 at %s',
    async (path) => {
      const reply = await infer({ inputs: [input(1)] }, {}, path);
      expect([reply.statusCode, typeof reply.json().error]).toEqual([404, 'string']);
    },
  );
});

it.each([
  ['DELETE', '/v2/models/sum/infer', 405],
  ['PUT', '/v2', 405],
  ['GET', '/v2/models/%zz', 400],
  ['PATCH', '/v2/nothing', 405],
] as const)('%s %s has `error` too', async (method, url, status) => {
  const reply = await app.inject({ method, url });
  expect(reply.statusCode).toBe(status);
  expect(reply.headers['content-type']).toBe('application/json');
  expect(reply.json()).toMatchObject({ status, error: reply.json().detail });
});

describe('a sequence', () => {
  it('adds up over its requests, each sequence for itself, by numbers past 2^53 and by strings', async () => {
    const ids = ['9007199254740993', '9007199254740992', '"a.b/ü"', '"9007199254740993"'];
    const flags = (i: number) => `,"sequence_start":${i === 0},"sequence_end":false`;
    const send = (id: string, i: number, value: number) =>
      infer(`{"inputs":[${JSON.stringify(input(value))}],"parameters":{"sequence_id":${id}${flags(i)}}}`);
    for (let i = 0; i < 3; i++) {
      for (const [k, id] of ids.entries()) {
        expect(outputOf(await send(id, i, k + 1)), id).toEqual([(i + 1) * (k + 1)]);
      }
    }
  });

  it('is a session that can be read, until it ends', async () => {
    await step(1, { sequence_id: 5, sequence_start: true });
    const session = await call(app, 'GET', '/v1/sessions/oip.sum.5');
    expect(session.body).toMatchObject({ cell: 'sum', step: 1, states: [[[1]]] });
    expect(outputOf(await step(2, { sequence_id: 5, sequence_end: true }))).toEqual([3]);
    expect((await call(app, 'GET', '/v1/sessions/oip.sum.5')).status).toBe(404);
    expect((await step(3, { sequence_id: 5 })).json()).toMatchObject({ status: 400, code: 'sequence-not-started' });
  });

  it('begins anew with sequence_start, from states where they are sent', async () => {
    await step(1, { sequence_id: 5, sequence_start: true });
    expect(outputOf(await step(2, { sequence_id: 5, sequence_start: true }))).toEqual([2]);
    const states = { name: 'states.0', shape: [1, 1], datatype: 'FP32', data: [100] };
    const parameters = { sequence_id: 5, sequence_start: true, sequence_end: true };
    expect(outputOf(await infer({ inputs: [input(1), states], parameters }))).toEqual([101]);
    const late = await infer({ inputs: [input(1), states], parameters: { sequence_id: 5 } });
    expect(late.json().error).toContain('has its own states');
  });

  it('that has expired is told from one that never began', async () => {
    await step(1, { sequence_id: 5, sequence_start: true, cellstep_ttl_seconds: 60 });
    clock.now += 61_000;
    const expired = (await step(1, { sequence_id: 5 })).json();
    expect(expired).toMatchObject({ status: 400, code: 'session-expired' });
    expect(expired.error).toContain('expired at');
    expect((await step(1, { sequence_id: 6 })).json().code).toBe('sequence-not-started');
    expect(outputOf(await step(7, { sequence_id: 5, sequence_start: true }))).toEqual([7]);
  });

  it('takes each request once where its id is its key, the first and the last too', async () => {
    const once = { sequence_id: 5, cellstep_idempotency: true };
    const first = { ...once, sequence_start: true };
    expect(outputOf(await step(1, first, 'a'))).toEqual([1]);
    for (let i = 0; i < 2; i++) expect(outputOf(await step(2, once, 'b'))).toEqual([3]);
    expect((await step(1, first, 'a')).headers['idempotency-replayed']).toBe('true');
    for (let i = 0; i < 2; i++) expect(outputOf(await step(4, { ...once, sequence_end: true }, 'c'))).toEqual([7]);
    expect((await step(5, once, 'b')).json().code).toBe('idempotency-key-reused');
    expect((await step(5, once)).json().error).toContain('Send 1 to 255 visible');
  });

  it('changes nothing by a request that is refused', async () => {
    await step(1, { sequence_id: 5, sequence_start: true });
    const refused = await infer({ inputs: [input(1)], outputs: [{ name: 'y' }], parameters: { sequence_id: 5 } });
    expect(refused.statusCode).toBe(400);
    expect((await infer({ inputs: [input(1, 2)], parameters: { sequence_id: 5 } })).json().code).toBe('wrong-shape');
    expect(outputOf(await step(2, { sequence_id: 5 }))).toEqual([3]);
  });

  it('leaves a session alone that was opened otherwise', async () => {
    await call(app, 'POST', '/v1/sessions', { id: 'oip.sum.5', cell: 'sum', history: 3 });
    expect((await step(1, { sequence_id: 5, sequence_start: true })).statusCode).toBe(409);
  });
});

describe('the models', () => {
  it('are the cells, with the tensors that they take and give', async () => {
    const metadata = (await app.inject('/v2/models/sum')).json();
    expect(metadata).toMatchObject({
      name: 'sum',
      versions: ['1'],
      inputs: [{ name: 'inputs', shape: [-1, 1] }, { name: 'states.0' }],
    });
    const config = (await app.inject('/v2/models/sum/versions/1/config')).json();
    expect(config.input[0]).toEqual({ name: 'inputs', data_type: 'TYPE_FP32', dims: [-1, 1] });
    expect((await app.inject('/v2/models/sum/ready')).json()).toEqual({ name: 'sum', ready: true });
    expect((await app.inject({ method: 'POST', url: '/v2/repository/index' })).json()).toEqual([
      { name: 'sum', version: '1', state: 'READY', reason: '' },
    ]);
    expect((await app.inject('/v2/models/stats')).json().model_stats).toHaveLength(1);
  });

  it('can be unloaded and loaded, and take no configuration', async () => {
    const post = (path: string, payload = {}) =>
      app.inject({ method: 'POST', url: `/v2/repository/models/${path}`, payload });
    for (const act of ['unload', 'load']) expect((await post(`sum/${act}`)).statusCode).toBe(200);
    expect(outputOf(await infer({ inputs: [input(1)] }))).toEqual([1]);
    expect((await post('none/load')).statusCode).toBe(404);
    expect((await post('sum/load', { parameters: { config: '{}' } })).json().error).toContain('as it is stored');
  });

  it('are served beside the probes that the protocol has', async () => {
    expect((await app.inject('/v2')).json()).toMatchObject({
      name: 'cellstep',
      extensions: expect.arrayContaining(['sequence']),
    });
    for (const probe of ['live', 'ready']) expect((await app.inject(`/v2/health/${probe}`)).statusCode).toBe(200);
  });
});
