import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cellstep, CellstepProblem, CellstepUnreachable, Tensor } from '../../clients/typescript/src/index.ts';
import { readSafetensors, writeSafetensors } from '../../clients/typescript/src/safetensors.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { accumulator } from '../support/onnx-models.ts';
import { until } from '../support/until.ts';

const SUM = {
  class_name: 'SimpleRNNCell',
  config: {
    units: 1,
    activation: 'linear',
    use_bias: false,
    kernel_initializer: 'ones',
    recurrent_initializer: 'ones',
  },
} as const;

let app: TestApp;
let client: Cellstep;

beforeAll(async () => {
  app = await startApp();
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  client = new Cellstep({ url, retries: 2 });
});
afterAll(() => app.close());

describe('the TypeScript client', () => {
  it('does the tutorial: 6, then 22, and tanh of ±infinity', async () => {
    const printed: unknown[][] = [];
    const { log } = console;
    console.log = (...words) => void printed.push(words);
    process.env.CELLSTEP = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    await import('../../clients/typescript/examples/tutorial.ts').finally(() => {
      console.log = log;
      delete process.env.CELLSTEP;
    });
    expect(printed.map((words) => words.at(-1))).toEqual([6, 22, [-1, Math.fround(0.9999877), 1], 5, 11]);
  });

  it('carries a state through steps, sequences and sessions, in typed arrays', async () => {
    const cell = await client.cells.create(SUM);
    const { output, states } = await cell.step(new Tensor(Float32Array.of(1, 2), [2, 1]), [[[10], [20]]]);
    expect(output.data).toEqual(Float32Array.of(11, 22));
    expect(states.map(({ shape }) => shape)).toEqual([[2, 1]]);
    const sequence = await cell.sequence([[[1], [2], [3]]], { mask: [[1, 0, 1]] });
    expect(sequence.output.toNested()).toEqual([[[1], [1], [4]]]);
    const session = await cell.openSession({ history: 4 });
    expect((await session.step([[[1], [2]]])).step).toBe(2);
    expect((await session.states())[0].item()).toBe(3);
    const fork = await session.fork({ atStep: 1 });
    expect((await fork.states())[0].item()).toBe(1);
    expect((await session.rewind(1)).step).toBe(1);
    await session.close();
    await expect(session.describe()).rejects.toMatchObject({ code: 'not-found', status: 404 });
  });

  it('reads, sets and lists', async () => {
    const cell = await client.cells.create({ ...SUM, id: 'listed', input_shape: [null, 1] });
    await cell.setWeights({ kernel: [[2]], recurrent_kernel: new Tensor(Float32Array.of(3), [1, 1]) });
    expect((await cell.weights()).get('kernel')?.item()).toBe(2);
    const file = await cell.weightFile('application/x-safetensors');
    const copy = await client.cells.import('application/x-safetensors', new Uint8Array(file));
    expect((await copy.step([[1]], [[[1]]])).output.item()).toBe(5);
    const ids: string[] = [];
    for await (const { id } of client.cells.list()) ids.push(id);
    expect(ids).toContain('listed');
  });

  it('serves a module of several layers by its chain', async () => {
    const state = {
      'embedding.weight': [[0], [0.5], [1]],
      'rnn.weight_ih_l0': [[1]],
      'rnn.weight_hh_l0': [[1]],
      'rnn.bias_ih_l0': [0],
      'rnn.bias_hh_l0': [0],
      'head.weight': new Tensor(Float32Array.of(3, 3), [2, 1]),
      'head.bias': Float32Array.of(1, 1),
    };
    const options = { 'head.activation': 'relu' };
    const cell = await client.cells.importTorch(state, ['embedding', 'rnn', 'head'], { options, id: 'chained' });
    expect(cell.id).toBe('chained');
    const session = await cell.openSession();
    await session.step([1]);
    const { data } = (await session.step([2])).output;
    for (const value of data) expect(Number(value)).toBeCloseTo(3 * Math.tanh(1 + Math.tanh(0.5)) + 1, 5);
  });

  it('names the inputs and the outputs of a graph', async () => {
    const cell = await client.cells.import('application/x-onnx', new Uint8Array(accumulator()), { graph: 'true' });
    const inputs = { x: [[1, 2]], gain: 10 };
    const { outputs } = await cell.step(inputs);
    expect([...outputs.keys()].toSorted()).toEqual(['minus', 'y']);
    expect(outputs.get('minus')?.toNested()).toEqual([[-10, -20]]);
    const session = await cell.openSession();
    expect((await session.step(inputs)).outputs.get('y')?.toNested()).toEqual([[10, 20]]);
    const streamed: unknown[] = [];
    for await (const step of session.stream([inputs, inputs])) streamed.push(step.outputs.get('y')?.toNested());
    expect(streamed).toEqual([[[20, 40]], [[30, 60]]]);
  });

  it('tells of a refusal as the service does', async () => {
    const cell = await client.cells.create({ ...SUM, input_shape: [null, 1] });
    const refused = await cell.step([[1, 2]]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CellstepProblem);
    expect(refused).toMatchObject({ code: 'wrong-shape', status: 422, message: expect.stringContaining('[1,2]') });
  });

  it('sends a step again with the same key until it is answered, so that it happens once', async () => {
    const cell = await client.cells.create(SUM);
    const session = await cell.openSession();
    const { port } = app.server.address() as AddressInfo;
    const keys: unknown[] = [];
    // Hangs up after the service has answered, the first time; then says that it is overloaded.
    const proxy = createServer(async (request, response) => {
      const body = await new Response(request as never).arrayBuffer();
      keys.push(request.headers['idempotency-key']);
      const { host: _, connection: __, ...headers } = request.headers as Record<string, string>;
      if (keys.length === 2) return void response.writeHead(503, { 'retry-after': '0' }).end('{}');
      const reply = await fetch(`http://127.0.0.1:${port}${request.url}`, { method: request.method, headers, body });
      if (keys.length === 1) return void request.socket.destroy();
      response.writeHead(reply.status, { 'content-type': `${reply.headers.get('content-type')}` });
      response.end(Buffer.from(await reply.arrayBuffer()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const through = new Cellstep({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
    const stepped = await through
      .session(session.id)
      .step([[5]])
      .finally(() => proxy.close());
    expect({ step: stepped.step, output: stepped.output.item() }).toEqual({ step: 1, output: 5 });
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(3);
  });

  it('steps many sessions in one call, each by itself', async () => {
    const cell = await client.cells.create(SUM);
    const [a, b] = [await cell.openSession(), await cell.openSession()];
    const results = await client.steps.many([
      { session: a.id, inputs: [1] },
      { session: 'nobody', inputs: [5] },
      { session: b.id, inputs: [2] },
      { session: a.id, inputs: [3] },
    ]);
    expect(
      results.map((result) => ('problem' in result ? result.problem.code : [result.output.item(), result.step])),
    ).toEqual([[1, 1], 'not-found', [2, 1], [4, 2]]);
  });

  it('streams steps over a socket, on a new connection where one breaks', async () => {
    const cell = await client.cells.create(SUM);
    const session = await cell.openSession();
    const { port } = app.server.address() as AddressInfo;
    const connections: Socket[] = [];
    // Cuts each connection once, in the middle of what the service says.
    const proxy = createTcpServer((from) => {
      const to = connect(port, '127.0.0.1');
      connections.push(from);
      from.on('error', () => to.destroy()).pipe(to);
      to.on('error', () => from.destroy()).on('close', () => from.destroy());
      let bytes = 0;
      to.on('data', (data: Buffer) => {
        bytes += data.length;
        if (bytes > 1500 && connections.length < 4) from.destroy();
        else from.write(data);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const through = new Cellstep({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
    const sums: unknown[] = [];
    const inputs = Array.from({ length: 30 }, (_, n) => [[n + 1]]);
    for await (const { step, output } of through.session(session.id).stream(inputs)) sums.push([step, output.item()]);
    through.close();
    proxy.close();
    expect(sums).toEqual(inputs.map((_, n) => [n + 1, ((n + 1) * (n + 2)) / 2]));
    expect(connections.length).toBeGreaterThan(1);
  });

  it('follows the changes of a session until it is told to stop', async () => {
    const cell = await client.cells.create(SUM);
    const session = await cell.openSession();
    const stop = new AbortController();
    const steps: unknown[] = [];
    const following = (async () => {
      for await (const { step } of session.changes(stop.signal)) if (steps.push(step) === 3) stop.abort();
    })();
    await until(async () => {
      await session.step([[1]]);
      return steps.length >= 3;
    });
    await following;
    expect(steps).toHaveLength(3);
    client.close();
  });

  it('trains a cell, and tells of each update', async () => {
    const cell = await client.cells.create({
      class_name: 'SimpleRNN',
      config: { units: 1 },
      input_shape: [null, null, 1],
    });
    const losses: number[] = [];
    const task = {
      inputs: [[[1], [0.5]]],
      targets: [[0.25]],
      loss: 'mse',
      optimizer: { class_name: 'SGD', config: { learning_rate: 0.1 } },
    };
    for await (const { iteration, loss } of cell.train({ ...task, repeat: 5 })) {
      losses.push(loss);
      expect(iteration).toBe(losses.length);
    }
    expect(losses).toHaveLength(5);
    expect(losses[4]).toBeLessThan(losses[0]);
    await expect(cell.train({ ...task, loss: 'guess' }).next()).rejects.toBeInstanceOf(CellstepProblem);
  });

  it('says what it could not reach', async () => {
    const nobody = new Cellstep({ url: 'http://127.0.0.1:1', retries: 0 });
    await expect(nobody.cells.get('x').describe()).rejects.toBeInstanceOf(CellstepUnreachable);
  });
});

describe('tensors of the TypeScript client', () => {
  it('come out of a file as they went in', () => {
    const data = fc.oneof(
      fc.float32Array({ maxLength: 20 }),
      fc.float64Array({ maxLength: 20 }),
      fc.int32Array({ maxLength: 20 }),
      fc.bigInt64Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 20, max: 1 }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), data, { maxKeys: 6 }), (arrays) => {
        const tensors = new Map(Object.entries(arrays).map(([name, array]) => [name, new Tensor(array as never)]));
        const read = readSafetensors(writeSafetensors({ tensors, metadata: { a: '"b"' } }));
        expect(read.metadata).toEqual({ a: '"b"' });
        for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
      }),
    );
  });

  it.each([
    ['ragged lists', [[1, 2], [3]]],
    ['a list beside a number', [1, [2]]],
  ])('refuse %s', (_, value) => {
    expect(() => Tensor.from(value as never)).toThrow(/ragged/);
  });

  it('read 16-bit floats as float32', () => {
    const bytes = (type: string, halves: number[]) => {
      const header = new TextEncoder().encode(
        JSON.stringify({ x: { dtype: type, shape: [halves.length], data_offsets: [0, 2 * halves.length] } }),
      );
      const file = new Uint8Array(8 + header.length + 2 * halves.length);
      new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
      file.set(header, 8);
      file.set(new Uint8Array(Uint16Array.from(halves).buffer), 8 + header.length);
      return file;
    };
    const halves = [0x3c00, 0xc000, 0x0001, 0x7c00, 0x0000];
    expect(readSafetensors(bytes('F16', halves)).tensors.get('x')?.data).toEqual(
      Float32Array.of(1, -2, 2 ** -24, Number.POSITIVE_INFINITY, 0),
    );
    expect(readSafetensors(bytes('BF16', [0x3f80, 0xc000])).tensors.get('x')?.data).toEqual(Float32Array.of(1, -2));
  });
});
