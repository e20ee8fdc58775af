import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Tensor, type TensorData } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { expectProblem, make } from '../support/call.ts';
import { runs } from '../support/runs.ts';
import { sharedApp } from '../support/serve.ts';

const SAFETENSORS = 'application/x-safetensors';
const LSTM = { id: 'lstm', class_name: 'LSTMCell', config: { units: 3, seed: 7 }, input_shape: [null, 2] };

const f32 = (shape: number[], ...values: number[]) => new Tensor('float32', shape, Float32Array.from(values));

function fileOf(tensors: Readonly<Record<string, Tensor>>, fields: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const metadata = Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]);
  return writeSafetensors(new Map(Object.entries(tensors)), Object.fromEntries(metadata));
}

type Method = 'POST' | 'PUT' | 'GET';

async function send(
  app: TestApp,
  [method, url]: readonly [Method, string],
  body: Uint8Array | object | undefined,
  headers: Readonly<Record<string, string>> = {},
) {
  const isFile = body instanceof Uint8Array;
  const reply = await app.inject({
    method,
    url,
    ...(body ? { payload: isFile ? Buffer.from(body) : JSON.stringify(body) } : {}),
    headers: { ...(body ? { 'content-type': isFile ? SAFETENSORS : 'application/json' } : {}), ...headers },
  });
  const isJson = /json/.test(`${reply.headers['content-type']}`);
  return {
    status: reply.statusCode,
    headers: reply.headers,
    text: reply.payload,
    bytes: reply.rawPayload,
    body: isJson ? JSON.parse(reply.payload) : undefined,
  };
}

const ACCEPT = { accept: SAFETENSORS };

/** The tensors and fields of a reply that is a file. */
function unpack({ status, headers, bytes, text }: Awaited<ReturnType<typeof send>>) {
  expect(status, text).toBeLessThan(300);
  expect(headers['content-type']).toBe(SAFETENSORS);
  const { tensors, metadata } = readSafetensors(bytes);
  const fields = Object.entries(metadata).map(([name, value]) => [name, JSON.parse(value)]);
  return { tensors: Object.fromEntries(tensors), fields: Object.fromEntries(fields) };
}

let app: TestApp;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
  await make(app, '/v1/cells', LSTM);
});

const STEP = ['POST', '/v1/cells/lstm/steps'] as const;
const inputs = f32([1, 2], 0.5, -1);
const h = f32([1, 3], 0.1, 0.2, -0.3);
const c = f32([1, 3], 1, -2, 3);

describe('a step as a file of tensors', () => {
  it('has the numbers of the same step as JSON, whichever way it is asked and answered', async () => {
    const json = await send(app, STEP, {
      inputs: [[...(inputs.data as Float32Array)]],
      states: [h, c].map(({ data }) => [[...(data as Float32Array)]]),
    });
    expect(json.status, json.text).toBe(200);
    const file = fileOf({ inputs, 'states.0': h, 'states.1': c });
    expect((await send(app, STEP, file)).text).toBe(json.text);
    expect((await send(app, STEP, file, { accept: 'application/json, */*;q=0.1' })).text).toBe(json.text);
    const { tensors, fields } = unpack(await send(app, STEP, file, ACCEPT));
    expect(Object.keys(tensors).sort()).toEqual(['output', 'states.0', 'states.1']);
    expect(tensors.output).toEqual(f32([1, 3], ...json.body.output[0]));
    expect(tensors['states.1']).toEqual(f32([1, 3], ...json.body.states[1][0]));
    expect(fields).toEqual({ cell_version: 1 });
    const fromJson = await send(app, STEP, { inputs: [[0.5, -1]] }, ACCEPT);
    expect(unpack(fromJson).tensors).toEqual(unpack(await send(app, STEP, fileOf({ inputs }), ACCEPT)).tensors);
  });

  it('takes its other fields from the metadata, and answers with traces by their names', async () => {
    const file = writeSafetensors(new Map([['inputs', inputs]]), { trace: 'true', format: 'pt' });
    const { tensors } = unpack(await send(app, STEP, file, ACCEPT));
    expect(Object.keys(tensors)).toEqual(expect.arrayContaining(['trace.i.before', 'trace.o.after']));
  });

  it('takes any dtype whose values fit, and a variable by its name', async () => {
    const wide = fileOf({ inputs: new Tensor('float64', [1, 2], Float64Array.of(0.5, -1)) });
    const whole = fileOf({ inputs: new Tensor('int64', [1, 2], BigInt64Array.of(2n, -1n)) });
    expect((await send(app, STEP, wide)).text).toBe((await send(app, STEP, { inputs: [[0.5, -1]] })).text);
    expect((await send(app, STEP, whole)).text).toBe((await send(app, STEP, { inputs: [[2, -1]] })).text);
    await make(app, '/v1/variables', { id: 'x', value: [[0.5, -1]] });
    const named = await send(app, STEP, fileOf({ 'states.0': h, 'states.1': c }, { inputs: { variable: 'x' } }));
    expect(named.text).toBe((await send(app, STEP, fileOf({ inputs, 'states.0': h, 'states.1': c }))).text);
  });

  it('keeps every bit of a state, at any alignment and size', async () => {
    const put = ['PUT', '/v1/sessions/s/states'] as const;
    await make(app, '/v1/sessions', { id: 's', cell: 'lstm', batch_size: 1 });
    const bits = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(bits, bits, fc.integer({ min: 0, max: 9 }), async (first, second, blanks) => {
        const [a, b] = [first, second].map(
          (words) => new Tensor('float32', [1, 3], new Float32Array(Uint32Array.from(words).buffer)),
        );
        const file = shifted(fileOf({ 'states.0': a, 'states.1': b }), blanks);
        const { tensors } = unpack(await send(app, put, file, ACCEPT));
        for (const [name, sent] of [
          ['states.0', a],
          ['states.1', b],
        ] as const) {
          const got = tensors[name].data;
          expect(Buffer.from(got.buffer, got.byteOffset, got.byteLength)).toEqual(Buffer.from(sent.data.buffer));
        }
      }),
      { numRuns: runs(100) },
    );
    const large = {
      ...LSTM,
      id: 'large',
      config: { units: 2048, recurrent_initializer: 'zeros' },
      input_shape: [null, 1],
    };
    await make(app, '/v1/cells', large);
    const values = f32([1, 2048], ...Array.from({ length: 2048 }, (_, i) => i / 7));
    const file = shifted(fileOf({ inputs: f32([1, 1], 1), 'states.0': values, 'states.1': values }), 0);
    for (const offset of [0, 1]) {
      const reply = await send(app, ['POST', '/v1/cells/large/steps'], shifted(file, offset), ACCEPT);
      expect(unpack(reply).tensors.output.shape).toEqual([1, 2048]);
    }
  });
});

/** The file with more blanks at the end of its header, so that the tensors are not aligned. */
function shifted(file: Uint8Array, blanks: number): Uint8Array {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const longer = Buffer.concat([file.subarray(0, 8 + length), Buffer.alloc(blanks, ' '), file.subarray(8 + length)]);
  longer.writeUInt32LE(length + blanks, 0);
  return longer;
}

describe('other routes take and give files of tensors:', () => {
  it('sequences with masks and lengths, and gradients', async () => {
    const steps = f32([1, 3, 2], 1, 2, 3, 4, 5, 6);
    const nested = [
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ];
    const sequence = ['POST', '/v1/cells/lstm/sequences'] as const;
    const mask = new Tensor('bool', [1, 3], Uint8Array.of(1, 0, 1));
    const masked = await send(
      app,
      sequence,
      fileOf({ inputs: steps, mask, 'initial_state.0': h, 'initial_state.1': c }),
    );
    const state = [h, c].map(({ data }) => [[...(data as Float32Array)]]);
    const same = { inputs: nested, mask: [[true, false, true]], initial_state: state };
    expect(masked.text).toBe((await send(app, sequence, same)).text);
    const lengths = new Tensor('int64', [1], BigInt64Array.of(2n));
    const short = await send(
      app,
      sequence,
      fileOf({ inputs: steps, sequence_lengths: lengths }, { return_sequences: false }),
    );
    expect(short.text).toBe(
      (await send(app, sequence, { inputs: nested, sequence_lengths: [2], return_sequences: false })).text,
    );

    const gradients = ['POST', '/v1/cells/lstm/gradients'] as const;
    const cotangent = f32([1, 3, 3], ...Array.from({ length: 9 }, (_, i) => i));
    const { tensors, fields } = unpack(await send(app, gradients, fileOf({ inputs: steps, cotangent }), ACCEPT));
    expect(tensors['gradients.kernel'].shape).toEqual([2, 12]);
    expect(tensors['gradients.initial_state.1'].shape).toEqual([1, 3]);
    const single = { inputs: [[0.5, -1]], cotangent: [[1, 2, 3]] };
    const step = fileOf({ inputs, cotangent: f32([1, 3], 1, 2, 3) });
    expect((await send(app, gradients, step)).text).toBe((await send(app, gradients, single)).text);
    expect(tensors.objective.shape).toEqual([]);
    expect(tensors.loss).toEqual(tensors.objective);
    expect(fields).toEqual({ cell_version: 1 });
  });

  it('sessions, whose kept reply is the same bytes again', async () => {
    const opened = await send(
      app,
      ['POST', '/v1/sessions'],
      fileOf({ 'initial_state.0': h, 'initial_state.1': c }, { id: 's', cell: 'lstm' }),
      ACCEPT,
    );
    expect(opened.status).toBe(201);
    expect(unpack(opened)).toMatchObject({ tensors: { 'states.0': h, 'states.1': c }, fields: { id: 's', step: 0 } });
    const step = ['POST', '/v1/sessions/s/steps'] as const;
    const headers = { ...ACCEPT, 'idempotency-key': 'k' };
    const first = await send(app, step, fileOf({ inputs }, { return_states: true }), headers);
    const again = await send(app, step, fileOf({ inputs }, { return_states: true }), headers);
    expect(unpack(first).fields).toEqual({ step: 1, cell_version: 1 });
    expect(again.bytes).toEqual(first.bytes);
    expect(again.headers).toMatchObject({ 'content-type': SAFETENSORS, 'idempotency-replayed': 'true', etag: '"2"' });
    const other = await send(app, step, fileOf({ inputs }), headers);
    expectProblem(other, 'idempotency-key-reused');
    const read = await send(app, ['GET', '/v1/sessions/s'], undefined, ACCEPT);
    expect(read.headers).toMatchObject({ vary: 'Accept', etag: '"2"' });
    expect(unpack(read).tensors).toEqual(pick(unpack(first).tensors, ['states.0', 'states.1']));
    const known = await send(app, ['GET', '/v1/sessions/s'], undefined, { ...ACCEPT, 'if-none-match': '"2"' });
    expect(known.status).toBe(304);
  });

  it('variables and operations', async () => {
    const made = await send(app, ['POST', '/v1/variables'], fileOf({ value: c }, { id: 'v', trainable: false }));
    expect(made.body).toMatchObject({ id: 'v', dtype: 'float32', trainable: false, value: [[1, -2, 3]] });
    await send(app, ['POST', '/v1/variables/v/assign_add'], fileOf({ value: h }));
    const update = fileOf({ updates: f32([1], 9) }, { indices: [[0, 2]] });
    const scattered = await send(app, ['POST', '/v1/variables/v/scatter_update'], update, ACCEPT);
    const sum = f32([1, 3], Math.fround(1 + Math.fround(0.1)), Math.fround(-2 + Math.fround(0.2)), 9);
    expect(unpack(scattered).tensors).toEqual({ value: sum });
    const read = unpack(await send(app, ['GET', '/v1/variables/v'], undefined, ACCEPT));
    expect(read).toEqual({
      tensors: { value: sum },
      fields: { id: 'v', shape: [1, 3], dtype: 'float32', trainable: false, version: 3 },
    });
    const added = await send(app, ['POST', '/v1/ops/add'], fileOf({ 'inputs.0': c, 'inputs.1': c }), ACCEPT);
    expect(unpack(added).tensors).toEqual({ output: f32([1, 3], 2, -4, 6) });
  });
});

function pick<T>(all: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

describe('a file of tensors is refused', () => {
  const good = fileOf({ inputs });

  it.each([
    ['cut short anywhere', [...Array(good.length).keys()].map((end) => good.subarray(0, end)).slice(1)],
    ['with more after its end', [Buffer.concat([good, Buffer.of(0)])]],
    ['that is JSON', [Buffer.from('{"inputs":[[1,2]]}')]],
    ['whose header claims 2^62 bytes', [Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x40, 0x7b, 0x7d])]],
  ])('%s', async (_, files) => {
    for (const file of files) expectProblem(await send(app, STEP, file), 'invalid-file');
  });

  it('with an unknown tensor, listing the known ones', async () => {
    const odd = (tensors: Readonly<Record<string, Tensor>>) => send(app, STEP, fileOf(tensors));
    const unknown = expectProblem(
      await odd({ inputs, input: h }),
      'invalid-request',
      /Unknown tensor 'input'. Send inputs, states, states.0/,
    );
    expect(unknown.errors?.[0].pointer).toBe('/input');
    expectProblem(await odd({ 'inputs.0': inputs }), 'invalid-value', /one input without a name. Send inputs/);
    expectProblem(await odd({ inputs, 'states.1': c }), 'invalid-request', /Tensor 'states.0' is missing/);
    expectProblem(await odd({ inputs, 'states.999999': c }), 'invalid-request', /'states.999999' is missing/);
    expectProblem(await odd({ inputs, states: h, 'states.0': h }), 'invalid-request', /twice/);
    expectProblem(await odd({ 'states.0': h, 'states.1': c }), 'invalid-request', /'\/inputs'/);
  });

  it('with metadata that is not JSON, no field, or a field twice', async () => {
    const raw = (metadata: Record<string, string>) =>
      send(app, STEP, writeSafetensors(new Map([['inputs', inputs]]), metadata));
    expectProblem(await raw({ trace: 'yes' }), 'invalid-request', /'trace' in __metadata__ is not JSON/);
    expectProblem(await raw({ trace: '"yes"' }), 'invalid-request', /'\/trace'/);
    expectProblem(await raw({ tracing: 'true' }), 'invalid-request', /Unknown field "tracing"/);
    expectProblem(await raw({ inputs: '[[1,2]]' }), 'invalid-request', /'inputs' was sent twice/);
    expectProblem(await raw({ ['__proto__']: '{}' }), 'invalid-request');
    expectProblem(await raw({ trace: '{"__proto__":1}' }), 'invalid-request', /__metadata__/);
    expectProblem(await raw({ trace: `${'['.repeat(70)}${']'.repeat(70)}` }), 'invalid-request', /nested/);
  });

  it('with a tensor of the wrong shape or values, naming it', async () => {
    const wrong = async (tensors: Readonly<Record<string, Tensor>>) => send(app, STEP, fileOf(tensors));
    expect(expectProblem(await wrong({ inputs: h }), 'wrong-shape').errors?.[0].pointer).toBe('/inputs');
    expect(
      expectProblem(await wrong({ inputs, 'states.0': h, 'states.1': inputs }), 'wrong-shape').errors?.[0].pointer,
    ).toBe('/states/1');
    const big = new Tensor('float64', [1, 2], Float64Array.of(1, 1e300));
    expect(expectProblem(await wrong({ inputs: big }), 'value-out-of-range').errors?.[0].pointer).toBe('/inputs');
    const huge = new Tensor('int64', [1, 2], BigInt64Array.of(1n, 2n ** 60n));
    expectProblem(await wrong({ inputs: huge }), 'invalid-request', /float32/);
    const deep = new Tensor('float32', Array(9).fill(1), Float32Array.of(1) as TensorData);
    expectProblem(await wrong({ inputs: deep }), 'wrong-shape', /8 axes/);
  });

  it('where the route takes none, is over the limit, or Accept cannot be met', async () => {
    expectProblem(
      await send(app, ['POST', '/v1/sessions/s/rewind'], good),
      'unsupported-media-type',
      /Send application\/json\./,
    );
    const npz = await send(app, STEP, good, { 'content-type': 'application/x-npz' });
    expectProblem(npz, 'unsupported-media-type', /Send application\/json, application\/x-safetensors\./);
    expectProblem(
      await send(app, STEP, { inputs: [[1, 2]] }, { accept: 'text/html' }),
      'not-acceptable',
      /safetensors/,
    );
    const small = await startApp({ limits: { maxBodyBytes: 1024 } });
    await make(small, '/v1/cells', LSTM);
    const body = fileOf({ inputs: f32([200, 2], ...Array(400).fill(0)) });
    expectProblem(await send(small, STEP, body), 'body-too-large', /1024/);
    await small.close();
  });

  it('with 406 before anything is changed', async () => {
    await make(app, '/v1/sessions', { id: 's', cell: 'lstm' });
    const step = ['POST', '/v1/sessions/s/steps'] as const;
    expectProblem(await send(app, step, { inputs: [[1, 2]] }, { accept: 'image/png' }), 'not-acceptable');
    expect((await send(app, ['GET', '/v1/sessions/s'], undefined)).body.step).toBe(0);
  });
});
