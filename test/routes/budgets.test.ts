import { describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { edge, graph, integers, model, node } from '../support/onnx-models.ts';

const ZEROS = { kernel_initializer: 'zeros', recurrent_initializer: 'zeros', bias_initializer: 'zeros' };

/** A small service, and what it says to one request. */
async function withApp(limits: Parameters<typeof startApp>[0], work: (app: TestApp) => Promise<void>): Promise<void> {
  const app = await startApp(limits);
  try {
    await work(app);
  } finally {
    await app.close();
  }
}

describe('the bytes of one thing', () => {
  it('counts all variables of a stack together, before any of them is made', async () => {
    await withApp({ limits: { maxElements: 2 ** 26 } }, async (app) => {
      const cells = Array.from({ length: 64 }, () => ({ class_name: 'LSTMCell', config: { units: 2896, ...ZEROS } }));
      const stack = { class_name: 'StackedRNNCells', config: { cells }, input_shape: [null, 2896] };
      const reply = await call(app, 'POST', '/v1/cells', stack);
      // 64 cells of 2 · 2896 · 4 · 2896 weights and 4 · 2896 biases, each of 4 bytes.
      const sum = 64 * 4 * (2 * 2896 * 4 * 2896 + 4 * 2896);
      expectProblem(reply, 'limit-exceeded', new RegExp(`${sum} bytes.* 100663296 .*CELLSTEP_MAX_THING_BYTES`));
      expect((await call(app, 'GET', '/v1/cells')).body.items).toEqual([]);
    });
  });

  it('counts the weights of a cell of a network that is built later', async () => {
    await withApp({ limits: { maxThingBytes: 1024 } }, async (app) => {
      await make(app, '/v1/cells', { id: 'late', class_name: 'GRUCell', config: { units: 8, ...ZEROS } });
      const reply = await call(app, 'POST', '/v1/cells/late/build', { input_shape: [null, 8] });
      expectProblem(reply, 'limit-exceeded', /3 variables of this cell would take 1728 bytes/);
    });
  });

  it('counts the states of all rows of a session together', async () => {
    await withApp({}, async (app) => {
      const config = { units: 16, ...ZEROS };
      await make(app, '/v1/cells', { id: 'c', class_name: 'LSTMCell', config, input_shape: [null, 1] });
      const reply = await call(app, 'POST', '/v1/sessions', { cell: 'c', batch_size: 2 ** 20 });
      expectProblem(reply, 'limit-exceeded', /batch of 1048576 would take 134217728 bytes/);
    });
  });

  it.each([
    ['an initializer', { initializer: 'zeros', shape: [4096, 8192] }, /134217728 bytes/],
    ['a dtype of eight bytes', { initializer: 'zeros', shape: [2 ** 24], dtype: 'float64' }, /134217728 bytes/],
    ['randint', { randint: { low: 0, high: 9, size: [2 ** 24] } }, /134217728 bytes/],
  ])('refuses a variable that is too large by %s', async (_, body, detail) => {
    await withApp({ limits: { maxElements: 2 ** 25 } }, async (app) => {
      expectProblem(await call(app, 'POST', '/v1/variables', body), 'limit-exceeded', detail);
    });
  });

  it('counts what gradients keep of the steps of a row', async () => {
    await withApp({}, async (app) => {
      await make(app, '/v1/cells', {
        id: 'c',
        class_name: 'LSTM',
        config: { units: 16 },
        input_shape: [null, null, 1],
      });
      const through = (time: number) => {
        const inputs = { shape: [1, time, 1], data: Array(time).fill(0) };
        const cotangent = { shape: [1, 16], data: Array(16).fill(1) };
        return call(app, 'POST', '/v1/cells/c/gradients', { inputs, cotangent, return_sequences: false });
      };
      const refused = await through(100_000);
      expectProblem(refused, 'limit-exceeded', /100000 steps keep 140800000 numbers of a row.*CELLSTEP_MAX_ELEMENTS/);
      expect((await through(100)).status).toBe(200);
    });
  });

  it('counts the result of an operation before it is computed', async () => {
    await withApp({ limits: { maxThingBytes: 4096 } }, async (app) => {
      const inputs = [Array.from({ length: 20 }, () => [1]), [Array(20).fill(1)]];
      expectProblem(await call(app, 'POST', '/v1/ops/add', { inputs }), 'limit-exceeded', /12800 bytes/);
    });
  });
});

describe('the bytes of a checkpoint', () => {
  it('ends to read forks once they are too many, and says how many bytes there were', async () => {
    await withApp({ limits: { maxCheckpointBytes: 10_000 } }, async (app) => {
      const config = { units: 16, ...ZEROS };
      await make(app, '/v1/cells', { id: 'c', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
      await make(app, '/v1/sessions', { id: 's', cell: 'c', batch_size: 40 });
      for (let fork = 0; fork < 6; fork++) await make(app, '/v1/sessions/s/fork', { id: `f${fork}` });
      const reply = await call(app, 'POST', '/v1/checkpoints', { all: true });
      expectProblem(reply, 'limit-exceeded', /11392 bytes or more, over the limit of 10000/);
      const named = await call(app, 'POST', '/v1/checkpoints', { sessions: ['s', 'f0', 'f1', 'f2'] });
      expectProblem(named, 'limit-exceeded', /10240 bytes or more/);
    });
  });
});

describe('an operation on large tensors', () => {
  it.each([
    ['sparsemax', ['v'], 'zeros'],
    ['matmul', ['m', 'm'], 'ones'],
  ])('%s lets other requests be answered meanwhile', async (op, names, initializer) => {
    await withApp({}, async (app) => {
      const [id] = names;
      const shape = id === 'v' ? [2 ** 18] : [400, 400];
      await make(app, '/v1/variables', { id, initializer, shape });
      const ended: string[] = [];
      const inputs = names.map((variable) => ({ variable }));
      const large = call(app, 'POST', `/v1/ops/${op}`, { inputs }).then((reply) => {
        ended.push('large');
        return reply;
      });
      for (let k = 0; k < 5; k++) {
        expect((await call(app, 'POST', '/v1/ops/tanh', { inputs: [[0]] })).status).toBe(200);
        ended.push('small');
      }
      const { status, body } = await large;
      expect(status).toBe(200);
      expect(body.output.flat()[7]).toBe(op === 'sparsemax' ? 0.0000038146973 : 400);
      expect(ended[0]).toBe('small');
    });
  });

  it('is refused in its thread as it would be at once', async () => {
    await withApp({}, async (app) => {
      await make(app, '/v1/variables', { id: 'a', initializer: 'zeros', shape: [300, 400] });
      await make(app, '/v1/variables', { id: 'b', initializer: 'zeros', shape: [300, 401] });
      const reply = await call(app, 'POST', '/v1/ops/matmul', { inputs: [{ variable: 'a' }, { variable: 'b' }] });
      expect(expectProblem(reply, 'wrong-shape', /cannot multiply shapes/).errors?.[0]?.pointer).toBe('/inputs');
    });
  });
});

describe('a result that finds no room in memory', () => {
  const ROWS = Array.from({ length: 256 }, () => [1]);
  const STEP = { inputs: ROWS };
  const SEQUENCE = { inputs: ROWS.map((row) => [row]) };
  const TILED = graph({
    inputs: [edge('x', ['batch', 1]), edge('h', ['batch', 1])],
    nodes: [node({ op: 'Add', in: ['x', 'h'], out: ['hn'] }), node({ op: 'Tile', in: ['hn', 'times'], out: ['y'] })],
    initializers: [integers('times', [2], [1, 100])],
    outputs: [edge('y', ['batch', 100]), edge('hn', ['batch', 1])],
  });

  it('is not computed, whatever asks for it, and changes nothing', async () => {
    await withApp({}, async (app) => {
      const config = { units: 100, ...ZEROS };
      await make(app, '/v1/cells', { id: 'c', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
      await make(app, '/v1/sessions', { id: 's', cell: 'c', batch_size: 256 });
      const headers = { 'content-type': 'application/x-onnx' };
      const made = await call(app, 'POST', '/v1/cells?graph=true&id=g', model(TILED), headers);
      expect(made.status, made.text).toBe(201);
      const inputs = [{ name: 'inputs', shape: [256, 1], datatype: 'FP32', data: ROWS }];
      const requests: readonly (readonly [string, object])[] = [
        ['/v1/cells/c/steps', STEP],
        ['/v1/cells/c/sequences', SEQUENCE],
        ['/v1/cells/c/gradients', { ...SEQUENCE, cotangent: { variable: 'ones' } }],
        ['/v1/cells/g/steps', STEP],
        ['/v1/ops/add', { inputs: [ROWS, [Array(256).fill(1)]] }],
        ['/v1/sessions/s/steps', STEP],
        ['/v1/steps', { steps: [{ session: 's', ...STEP }] }],
        ['/v2/models/c/infer', { inputs, outputs: [{ name: 'output' }] }],
        ['/v2/models/c/infer', { inputs, parameters: { sequence_id: 1, sequence_start: true } }],
      ];
      await make(app, '/v1/variables', { id: 'ones', initializer: 'ones', shape: [256, 1, 100] });
      // Small requests find room, large ones do not.
      app.account.add('another client', 300 * 2 ** 20);
      for (const [path, body] of requests) {
        const reply = await call(app, 'POST', path, body);
        const problem = path === '/v1/steps' ? reply.body.results[0].problem : reply.body;
        expect([problem.status, problem.code], path).toEqual([503, 'overloaded']);
      }
      expect((await call(app, 'GET', '/v1/sessions')).body.items).toMatchObject([{ id: 's', step: 0, version: 1 }]);
      app.account.add('another client', -300 * 2 ** 20);
      for (const [path, body] of requests) expect((await call(app, 'POST', path, body)).status, path).toBe(200);
      expect(app.account.held).toBe(0);
    });
  });

  it('counts once: as the result, and then as its reply', async () => {
    await withApp({}, async (app) => {
      await make(app, '/v1/cells', {
        id: 'c',
        class_name: 'SimpleRNNCell',
        config: { units: 100 },
        input_shape: [null, 1],
      });
      const add = vi.spyOn(app.account, 'add');
      const accept = { accept: 'application/x-safetensors' };
      // More rows than go together with those of others.
      const inputs = [...ROWS, ...ROWS];
      expect((await call(app, 'POST', '/v1/cells/c/steps', { inputs }, accept)).status).toBe(200);
      const held = add.mock.calls.map(([, bytes]) => bytes);
      const [output, states] = [512 * 100 * 4, 512 * 100 * 4];
      expect(held).toContain(output + states);
      // The head of the file is all that is more.
      const most = held.reduce(([most, now], bytes) => [Math.max(most, now + bytes), now + bytes], [0, 0])[0];
      expect(most).toBeLessThan(output + states + 4096);
    });
  });
});
