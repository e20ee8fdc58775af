import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoTask } from '../../examples/train-over-http.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { type GoldenTensor, readGolden } from '../golden/compare.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem } from '../support/call.ts';

interface Trained {
  readonly losses: readonly number[];
  readonly trained_weights: Record<string, GoldenTensor>;
}

const keras = readGolden<Trained>('training.json');
const { inputs, targets, weights } = echoTask();
const SGD = { class_name: 'SGD', config: { learning_rate: 1 } };
const ECHO = { inputs, targets, loss: 'mse', optimizer: SGD };
const LAYER = { class_name: 'GRU', config: { units: 2, return_sequences: true }, input_shape: [null, null, 1] };
const SMALL = { inputs: [[[1], [2]]], targets: [[[1], [0]]], loss: 'mse', optimizer: 'adam' };

const network = (...layers: readonly [string, object][]) => ({
  class_name: 'Sequential',
  config: {
    name: 'net',
    layers: [
      { class_name: 'InputLayer', config: { batch_shape: [null, null, 1], name: 'input' } },
      ...layers.map(([class_name, config]) => ({ class_name, config })),
    ],
  },
});

let app: TestApp;
let cells = 0;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** A new GRU of 2 units; its path. */
async function newCell(cell: object = { ...LAYER, weights }): Promise<string> {
  const id = `cell-${++cells}`;
  const made = await call(app, 'POST', '/v1/cells', { id, ...cell });
  expect(made.status, made.text).toBe(201);
  return `/v1/cells/${id}`;
}

const train = (path: string, body: object, headers: Record<string, string> = {}) =>
  call(app, 'POST', `${path}/training_steps`, body, headers);
const weightsOf = async (path: string) => (await call(app, 'GET', `${path}/weights`)).body.weights;
const flat = (values: unknown): number[] => [values].flat(3) as number[];
/** A bare cell of one unit with kernel 1, recurrent kernel 1 and bias 3. */
const plain = (config: object = {}) => ({
  class_name: 'SimpleRNNCell',
  config: {
    units: 1,
    activation: null,
    kernel_initializer: 'ones',
    recurrent_initializer: 'ones',
    bias_initializer: { class_name: 'Constant', config: { value: 3 } },
    ...config,
  },
});
const STEP = {
  inputs: [[[2]]],
  targets: [[[4]]],
  loss: 'mse',
  optimizer: { class_name: 'SGD', config: { learning_rate: 0.1 } },
};

describe('training a cell', () => {
  it("lowers the loss as Keras' SGD does, step by step, to the same weights", async () => {
    const path = await newCell();
    const { status, body, headers } = await train(path, { ...ECHO, repeat: 100 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ iteration: 100, cell_version: 2, loss: body.losses[99] });
    expect(headers.etag).toBe('"2"');
    const off = body.losses.map((loss: number, step: number) => Math.abs(loss / keras.losses[step] - 1));
    expect(Math.max(...off)).toBeLessThan(2e-5);
    const trained = await weightsOf(path);
    for (const [name, { data }] of Object.entries(keras.trained_weights)) {
      flat(trained[name]).forEach((value, i) => {
        expect(Math.abs(value - Number(data[i])), `${name}[${i}]`).toBeLessThan(1e-4);
      });
    }
  });

  it('takes several steps of one request as it takes them one by one', async () => {
    const [once, single] = [await newCell(), await newCell()];
    const body = { ...ECHO, optimizer: { class_name: 'Adam', config: { learning_rate: 0.05, clipnorm: 1 } } };
    const together = await train(once, { ...body, repeat: 4 });
    const losses: number[] = [];
    for (let k = 0; k < 4; k++) losses.push((await train(single, body)).body.loss);
    expect(together.body.losses).toEqual(losses);
    expect(await weightsOf(once)).toEqual(await weightsOf(single));
  });

  it('trains exact cells, and float64 cells', async () => {
    for (const more of [{ precision: 'exact' }, { config: { ...LAYER.config, dtype: 'float64' } }]) {
      const { body } = await train(await newCell({ ...LAYER, weights, ...more }), { ...ECHO, repeat: 20 });
      for (const [step, loss] of body.losses.entries())
        expect(Math.abs(loss / keras.losses[step] - 1)).toBeLessThan(2e-5);
    }
  });

  it.each([
    ['GRU', { input_size: 1, hidden_size: 2 }, [10, 8]],
    ['LSTM', { input_size: 1, hidden_size: 2, num_layers: 2, bidirectional: true, batch_first: true }, [8, 10]],
    ['RNN', { input_size: 1, hidden_size: 2 }, [10, 8]],
  ])("trains PyTorch's %s", async (class_name, config, [first, second]) => {
    const path = await newCell({ framework: 'pytorch', class_name, config });
    const width = 'bidirectional' in config ? 4 : 2;
    const of = (count: number, scale: number) => Array.from({ length: count }, (_, k) => Math.sin(k) * scale);
    const body = {
      inputs: { shape: [first, second, 1], data: of(first * second, 1) },
      targets: { shape: [first, second, width], data: of(first * second * width, 0.5) },
      loss: 'mse',
      optimizer: { class_name: 'Adam', config: { learning_rate: 0.05 } },
      repeat: 20,
    };
    const { status, body: trained, text } = await train(path, body);
    expect(status, text).toBe(200);
    expect(trained.losses[19]).toBeLessThan(trained.losses[0] * 0.9);
  });

  it('trains the last output alone where the class says so, or the request', async () => {
    const path = await newCell({ ...LAYER, config: { units: 2 } });
    const last = targets.map((row) => row[row.length - 1]);
    expect((await train(path, { ...ECHO, targets: last })).status).toBe(200);
    expect((await train(path, { ...ECHO, return_sequences: true })).status).toBe(200);
    expectProblem(await train(path, ECHO), 'wrong-shape', /Send the output's shape \[8,2\]/);
  });

  it('builds a cell that is not built, in the same commit', async () => {
    const path = await newCell(plain());
    expect((await train(path, STEP)).body).toEqual({ loss: 1, losses: [1], iteration: 1, cell_version: 2 });
    expect(await weightsOf(path)).toEqual({ kernel: [[0.6]], recurrent_kernel: [[1]], bias: [2.8] });
    expect((await call(app, 'GET', path)).body.input_shape).toEqual([null, 1]);
  });

  it('lets sessions step on with the weights that were committed last', async () => {
    const path = await newCell({ ...plain(), input_shape: [null, 1] });
    const session = await call(app, 'POST', '/v1/sessions', { cell: path.split('/').at(-1) });
    await train(path, STEP);
    const stepped = await call(app, 'POST', `/v1/sessions/${session.body.id}/steps`, { inputs: [[2]] });
    expect(stepped.body).toMatchObject({ output: [[4]], cell_version: 2 });
  });

  it('adds the regularizers to the loss, and holds to the constraints', async () => {
    const regular = await newCell(plain({ kernel_regularizer: { class_name: 'L2', config: { l2: 0.5 } } }));
    expect((await train(regular, STEP)).body.loss).toBe(1.5);
    // d(0.5·w²)/dw is 1 beside 4: 1 - 0.1·5.
    expect((await weightsOf(regular)).kernel).toEqual([[0.5]]);
    const bound = await newCell(plain({ bias_constraint: { class_name: 'MaxNorm', config: { max_value: 2 } } }));
    await train(bound, STEP);
    expect((await weightsOf(bound)).bias[0]).toBeCloseTo(2, 5);
  });

  it('draws dropout from the seed, other masks at each step', async () => {
    const dropping = { ...LAYER, config: { ...LAYER.config, dropout: 0.5 }, weights };
    const losses = async (seed: number) =>
      (await train(await newCell(dropping), { ...ECHO, seed, repeat: 3 })).body.losses;
    const first = await losses(1);
    expect(await losses(1)).toEqual(first);
    expect(await losses(2)).not.toEqual(first);
    const still = { ...ECHO, optimizer: { class_name: 'SGD', config: { learning_rate: 1e-30 } } };
    const drawn = (await train(await newCell(dropping), { ...still, seed: 1, repeat: 3 })).body.losses;
    expect(new Set(drawn).size).toBe(3);
  });

  it('draws each mask of a network from a seed of its own, over all steps', async () => {
    const drop = (name: string): [string, object] => ['Dropout', { rate: 0.5, name }];
    const path = await newCell(network(drop('a'), drop('b'), drop('c'), ['Dense', { units: 1 }]));
    const nothing = {
      ...{ inputs: [Array.from({ length: 40 }, (_, k) => [1 + k])], targets: [Array(40).fill([0])], loss: 'mse' },
      optimizer: { class_name: 'SGD', config: { learning_rate: 1e-30 } },
    };
    const seeds: number[] = [];
    for (const step of [0, 1]) {
      // The first step of seed 1 + 3·step draws what step `step` of seed 1 does.
      const shifted = { ...nothing, seed: 1 + 3 * step, repeat: 1 };
      seeds.push((await train(path, shifted)).body.losses[0]);
    }
    expect(seeds[0]).not.toBe(seeds[1]);
    expect((await train(path, { ...nothing, seed: 1, repeat: 2 })).body.losses).toEqual(seeds);
  });

  it('leaves masked steps and weights of 0 out of the loss', async () => {
    const path = await newCell();
    const spoiled = targets.map((row, n) => row.map((step, t) => (n === 3 && t > 6 ? [9, 9] : step)));
    const mask = targets.map((row, n) => row.map((_, t) => (n === 3 && t > 6 ? 0 : 1)));
    const masked = await train(path, { ...ECHO, mask });
    const same = await train(await newCell(), { ...ECHO, targets: spoiled, mask });
    expect(same.body.loss).toBe(masked.body.loss);
    const weighted = await train(await newCell(), { ...ECHO, targets: spoiled, sample_weight: mask });
    expect(weighted.body.loss).toBeLessThan(1);
    const rows = targets.map((_, n) => [n === 3 ? 0 : 1]);
    expect((await train(await newCell(), { ...ECHO, targets: spoiled, sample_weight: rows })).body.loss).toBeLessThan(
      1,
    );
  });
});

describe("a cell's optimizer", () => {
  it('goes on with the same config, and starts anew with another one', async () => {
    const path = await newCell();
    expect((await train(path, { ...ECHO, optimizer: 'adam', repeat: 2 })).body.iteration).toBe(2);
    expect((await train(path, { ...ECHO, optimizer: { class_name: 'Adam', config: {} } })).body.iteration).toBe(3);
    const other = { class_name: 'Adam', config: { learning_rate: 0.01 } };
    expect((await train(path, { ...ECHO, optimizer: other })).body.iteration).toBe(1);
    const { body, headers } = await call(app, 'GET', `${path}/optimizer`);
    expect(body).toMatchObject({
      class_name: 'Adam',
      config: { learning_rate: 0.01, beta_1: 0.9 },
      iteration: 1,
      version: 3,
    });
    expect(body.slots.map(({ variable, name }: Record<string, string>) => `${variable} ${name}`)).toEqual([
      'kernel momentum',
      'kernel velocity',
      'recurrent_kernel momentum',
      'recurrent_kernel velocity',
      'bias momentum',
      'bias velocity',
    ]);
    expect(body.slots[0]).not.toHaveProperty('value');
    expect(headers.etag).toBe('"3"');
    const unchanged = await call(app, 'GET', `${path}/optimizer`, undefined, { 'if-none-match': '"3"' });
    expect(unchanged.status).toBe(304);
    const values = await call(app, 'GET', `${path}/optimizer?values=true`);
    expect(values.body.slots[0].value).toHaveLength(1);
  });

  it('can be deleted, and goes with the cell', async () => {
    const path = await newCell();
    expectProblem(await call(app, 'GET', `${path}/optimizer`), 'not-found', /was not trained/);
    await train(path, ECHO);
    expectProblem(
      await call(app, 'DELETE', `${path}/optimizer`, undefined, { 'if-match': '"7"' }),
      'version-mismatch',
      /version 1/,
    );
    expect((await call(app, 'DELETE', `${path}/optimizer`)).status).toBe(204);
    expectProblem(await call(app, 'DELETE', `${path}/optimizer`), 'not-found');
    expect((await train(path, ECHO)).body.iteration).toBe(1);

    const store = openMemoryStore();
    const own = await startApp({ store });
    await call(own, 'POST', '/v1/cells', { id: 'c', ...LAYER });
    await call(own, 'POST', '/v1/cells/c/training_steps', ECHO);
    expect(await store.list('cell-optimizer/', undefined, 10)).toHaveLength(1);
    await call(own, 'DELETE', '/v1/cells/c');
    expect(await store.list('cell', undefined, 10)).toEqual([]);
    await own.close();
  });
});

describe('a training as one change', () => {
  it('follows the one before it', async () => {
    const [side, after] = [await newCell(), await newCell()];
    const body = { ...ECHO, optimizer: 'adam', repeat: 3 };
    const both = await Promise.all([train(side, body), train(side, body)]);
    await train(after, body);
    await train(after, body);
    expect(both.map(({ body: { iteration } }) => iteration).sort()).toEqual([3, 6]);
    expect(await weightsOf(side)).toEqual(await weightsOf(after));
  });

  it('happens once for an Idempotency-Key', async () => {
    const path = await newCell();
    const key = { 'idempotency-key': 'k1' };
    const first = await train(path, ECHO, key);
    const again = await train(path, ECHO, key);
    expect(again.text).toBe(first.text);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expectProblem(await train(path, { ...ECHO, repeat: 2 }, key), 'idempotency-key-reused');
    expect((await call(app, 'GET', path)).body.version).toBe(2);
  });

  it('is refused out of turn', async () => {
    const path = await newCell();
    expectProblem(await train(path, ECHO, { 'if-match': '"4"' }), 'version-mismatch', /version 1/);
    expect((await train(path, ECHO, { 'if-match': '"1"' })).status).toBe(200);
  });

  it('changes nothing if a loss is not finite, even after finite ones', async () => {
    const path = await newCell(plain());
    const wild = { class_name: 'SGD', config: { learning_rate: 1e30 } };
    const reply = await train(path, { ...STEP, optimizer: wild, repeat: 5 });
    expectProblem(reply, 'loss-not-finite', /at iteration [12]\. Nothing was changed/);
    expect((await call(app, 'GET', path)).body).toMatchObject({ built: false, version: 1 });
    expectProblem(await call(app, 'GET', `${path}/optimizer`), 'not-found');
    const infinite = await train(path, { ...STEP, targets: [[['Infinity']]] });
    expectProblem(infinite, 'loss-not-finite', /is Infinity/);
  });
});

describe('progress as JSON lines', () => {
  const LINES = { accept: 'application/jsonl' };
  const linesOf = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('has a line for each step, the last one after the commit', async () => {
    const [followed, at_once] = [await newCell(), await newCell()];
    const { headers, text } = await train(followed, { ...ECHO, repeat: 5 }, LINES);
    const { body } = await train(at_once, { ...ECHO, repeat: 5 });
    expect(headers['content-type']).toBe('application/jsonl');
    const lines = linesOf(text);
    expect(lines.map(({ iteration }) => iteration)).toEqual([1, 2, 3, 4, 5]);
    expect(lines.map(({ loss }) => loss)).toEqual(body.losses);
    expect(lines[4].cell_version).toBe(2);
    expect(lines[3]).not.toHaveProperty('cell_version');
  });

  it('replays the same lines for an Idempotency-Key', async () => {
    const path = await newCell();
    const headers = { ...LINES, 'idempotency-key': 'lines' };
    const first = await train(path, { ...ECHO, repeat: 3 }, headers);
    const again = await train(path, { ...ECHO, repeat: 3 }, headers);
    expect(again.text).toBe(first.text);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  it('answers with a problem before the first line, and with a line that has it after', async () => {
    const path = await newCell(plain());
    expectProblem(await train(path, { ...STEP, loss: 'nothing' }, LINES), 'invalid-config');
    const wild = { class_name: 'SGD', config: { learning_rate: 1e19 } };
    const { status, text } = await train(path, { ...STEP, optimizer: wild, repeat: 9 }, LINES);
    expect(status).toBe(200);
    const last = linesOf(text).at(-1);
    expect(last).toMatchObject({ status: 422, problem: { code: 'loss-not-finite' } });
    expect((await call(app, 'GET', path)).body.version).toBe(1);
  });

  it('refuses other types', async () => {
    expectProblem(await train(await newCell(), ECHO, { accept: 'image/png' }), 'not-acceptable');
  });
});

describe('what cannot be trained', () => {
  const small = { ...LAYER, config: { units: 1, return_sequences: true } };

  it.each<
    [string, object, 'wrong-shape' | 'invalid-value' | 'invalid-config' | 'invalid-request' | 'limit-exceeded', RegExp]
  >([
    [
      'targets of another shape',
      {
        targets: [
          [
            [1, 2],
            [0, 1],
          ],
        ],
      },
      'wrong-shape',
      /\[1,2,2\]\. Send the output's shape \[1,2,1\]/,
    ],
    ['targets of another time', { targets: [[[1]]] }, 'wrong-shape', /\[1,1,1\]/],
    [
      'weights of another shape',
      { sample_weight: [[1], [1]] },
      'wrong-shape',
      /Send \[1,2\], one for each entry, or \[1,1\]/,
    ],
    ['a mask of another shape', { mask: [[1]] }, 'wrong-shape', /Send \[1,2\]/],
    [
      'inputs of no step',
      { inputs: { shape: [1, 0, 1], data: [] }, targets: { shape: [1, 0, 1], data: [] } },
      'wrong-shape',
      /'inputs' is empty/,
    ],
    [
      'inputs of another feature count',
      {
        inputs: [
          [
            [1, 1],
            [2, 2],
          ],
        ],
      },
      'wrong-shape',
      /1 features/,
    ],
    ['an unknown loss', { loss: 'mean' }, 'invalid-config', /loss identifier: "mean"/],
    ['no loss', { loss: 3 }, 'invalid-request', /Send a name such as "mse"/],
    ['an unknown optimizer', { optimizer: 'lion' }, 'invalid-config', /optimizer identifier: "lion"/],
    [
      'a learning rate of NaN',
      { optimizer: { class_name: 'SGD', config: { learning_rate: 'NaN' } } },
      'invalid-config',
      /positive number/,
    ],
    [
      'a class that is none',
      { loss: 'sparse_categorical_crossentropy', targets: [[0, 1]] },
      'invalid-value',
      /has 1; the output has 1 classes/,
    ],
    [
      'half a class',
      { loss: 'sparse_categorical_crossentropy', targets: [[0, 0.5]] },
      'invalid-value',
      /whole numbers/,
    ],
    ['no repetition', { repeat: 0 }, 'invalid-request', /repeat/],
    ['an unknown field', { epochs: 3 }, 'invalid-request', /epochs/],
  ])('refuses %s', async (_, changed, code, message) => {
    const path = await newCell(small);
    expectProblem(await train(path, { ...SMALL, ...changed }), code, message);
    expect((await call(app, 'GET', path)).body.version).toBe(1);
  });

  it('refuses a cell that is not trainable, and one with two outputs', async () => {
    const fixed = await newCell({ ...small, config: { ...small.config, trainable: false } });
    expectProblem(await train(fixed, SMALL), 'invalid-value', /trainable/);
    const both = {
      class_name: 'Bidirectional',
      config: { layer: { class_name: 'GRU', config: small.config }, merge_mode: null },
    };
    expectProblem(await train(await newCell(both), SMALL), 'invalid-value', /two outputs/);
  });

  it.each<[string, object, RegExp]>([
    [
      'a cell',
      { ...small, class_name: 'GRUCell', config: { units: 1, name: 'c', activity_regularizer: 'l2' } },
      /^GRUCell "c" has/,
    ],
    [
      'a layer that is no matrix',
      network(['Dense', { units: 1, name: 'head', activity_regularizer: 'orthogonal_regularizer' }]),
      /^Dense "head" has an activity regularizer.*L1, L2 or L1L2/,
    ],
    [
      'a cell within a layer that both directions run',
      {
        class_name: 'Bidirectional',
        config: {
          layer: {
            class_name: 'RNN',
            config: {
              return_sequences: true,
              cell: { class_name: 'LSTMCell', config: { units: 1, name: 'l', activity_regularizer: 'l2' } },
            },
          },
        },
        input_shape: [null, null, 1],
      },
      /^LSTMCell "l" has.*of layers and not of cells/,
    ],
  ])('refuses an activity regularizer of %s, whose cost is not computed', async (_, cell, message) => {
    const path = await newCell(cell);
    expectProblem(await train(path, SMALL), 'invalid-value', message);
    expect((await call(app, 'GET', path)).body.version).toBe(1);
    expect((await call(app, 'POST', `${path}/sequences`, { inputs: SMALL.inputs })).status).toBe(200);
  });

  it('trains with an activity regularizer that costs nothing, and one that Keras forgets', async () => {
    const zero = await newCell(network(['Dense', { units: 1 }], ['ActivityRegularization', {}]));
    expect((await train(zero, SMALL)).status).toBe(200);
    const simple = { ...small.config, activity_regularizer: 'l2' };
    const forgetful = await newCell({ ...small, class_name: 'SimpleRNN', config: simple });
    expect((await train(forgetful, SMALL)).status).toBe(200);
  });

  it('takes targets without a last axis of 1, as Keras does', async () => {
    const same = { ...small, config: { ...small.config, kernel_initializer: 'ones', recurrent_initializer: 'ones' } };
    const [whole, bare] = [await newCell(same), await newCell(same)];
    const first = await train(whole, SMALL);
    expect((await train(bare, { ...SMALL, targets: [[1, 0]] })).body).toEqual(first.body);
  });

  it('refuses more work than the limits allow, before it begins', async () => {
    const own = await startApp({ limits: { maxWork: 1e6, maxTrainingWork: 5e4 } });
    await call(own, 'POST', '/v1/cells', { id: 'c', ...small });
    const long = await call(own, 'POST', '/v1/cells/c/training_steps', { ...SMALL, repeat: 5 });
    expectProblem(long, 'limit-exceeded', /CELLSTEP_MAX_TRAINING_WORK\)\. Send a `repeat` of 4 at most/);
    const wide = {
      inputs: { shape: [400, 2, 1], data: Array(800).fill(0) },
      targets: { shape: [400, 2, 1], data: Array(800).fill(0) },
    };
    const large = await call(own, 'POST', '/v1/cells/c/training_steps', { ...SMALL, ...wide });
    expectProblem(large, 'limit-exceeded', /CELLSTEP_MAX_WORK/);
    await own.close();
  });

  it('counts what layers within a network keep, before it begins', async () => {
    const own = await startApp({ limits: { maxElements: 10_000 } });
    const wide = (units: number) => network(['Dense', { units }], ['Dense', { units: 1 }]);
    await call(own, 'POST', '/v1/cells', { id: 'narrow', ...wide(8) });
    await call(own, 'POST', '/v1/cells', { id: 'wide', ...wide(1000) });
    expect((await call(own, 'POST', '/v1/cells/narrow/training_steps', SMALL)).status).toBe(200);
    const refused = await call(own, 'POST', '/v1/cells/wide/training_steps', SMALL);
    expectProblem(refused, 'limit-exceeded', /keeps \d+ numbers, over the limit of 10000 \(CELLSTEP_MAX_ELEMENTS\)/);
    await own.close();
  });
});
