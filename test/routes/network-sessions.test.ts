import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { KERAS } from '../../src/domain/media-types.ts';
import { LinesClient } from '../streams/client.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { postFile } from '../support/files.ts';
import { sharedApp } from '../support/serve.ts';
import { until } from '../support/until.ts';

const NET = '/v1/cells/net';
const SGD = { class_name: 'SGD', config: { learning_rate: 0.5 } };
const TRAINING = {
  ...{ inputs: [[3, 1, 4, 1, 5]], targets: [[1, 4, 1, 5, 9]], optimizer: SGD },
  loss: { class_name: 'SparseCategoricalCrossentropy', config: { from_logits: true } },
};

let app: TestApp;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
  const bytes = readFileSync(new URL('../golden/networks/char_lm.keras', import.meta.url));
  const made = await postFile(app, KERAS, bytes, '?id=net');
  expect(made.status, made.text).toBe(201);
});

async function outputOf(session: string, token: number): Promise<number[]> {
  const reply = await call(app, 'POST', `/v1/sessions/${session}/steps`, { inputs: [token] });
  expect(reply.status, reply.text).toBe(200);
  return reply.body.output[0];
}

async function train(more: object = {}) {
  const reply = await call(app, 'POST', `${NET}/training_steps`, { ...TRAINING, ...more });
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

const open = (id: string, more: object = {}) => make(app, '/v1/sessions', { id, cell: 'net', ...more });

describe('a session of a network', () => {
  it('keeps the weights that it was opened with, where it pins them, through trainings', async () => {
    await open('pinned', { pin_cell_version: true });
    await open('loose');
    await open('before');
    const first = await outputOf('before', 3);
    await train();
    expect(await outputOf('pinned', 3)).toEqual(first);
    expect(await outputOf('loose', 3)).not.toEqual(first);
    expect((await call(app, 'GET', '/v1/sessions/pinned')).body.cell_version).toBe(1);
  });

  it('goes back in its history, and forks from a kept step', async () => {
    await open('s', { history: 10 });
    const outputs = [];
    for (const token of [3, 1, 4, 1]) outputs.push(await outputOf('s', token));
    const { items } = (await call(app, 'GET', '/v1/sessions/s/steps?after=0')).body;
    expect(items.map(({ output }: { output: number[][] }) => output[0])).toEqual(outputs);
    await call(app, 'POST', '/v1/sessions/s/fork', { id: 'fork', at_step: 2 });
    expect(await outputOf('fork', 4)).toEqual(outputs[2]);
    await call(app, 'POST', '/v1/sessions/s/rewind', { to_step: 1 });
    expect(await outputOf('s', 1)).toEqual(outputs[1]);
  });

  it('steps by a stream of lines, and in one call with others', async () => {
    await open('s');
    await open('t');
    await open('u');
    const [first, second] = [await outputOf('s', 3), await outputOf('s', 1)];
    const client = new LinesClient(await app.listen({ host: '127.0.0.1', port: 0 }));
    for (const [id, token] of [3, 1].entries()) client.say({ id, session: 't', inputs: [token] });
    await until(() => client.lines.length === 2);
    client.request.end();
    await client.ended;
    expect(client.lines.map(({ output }) => (output as number[][])[0])).toEqual([first, second]);
    const steps = [3, 1].map((token) => ({ session: 'u', inputs: [token] }));
    const { results } = (await call(app, 'POST', '/v1/steps', { steps })).body;
    expect(results.map(({ output }: { output: number[][] }) => output[0])).toEqual([first, second]);
  });

  it('steps by the Open Inference Protocol as a sequence', async () => {
    await open('s');
    const outputs = [await outputOf('s', 3), await outputOf('s', 1)];
    for (const [k, token] of [3, 1].entries()) {
      const inputs = [{ name: 'inputs', shape: [1], datatype: 'INT64', data: [token] }];
      const parameters = { sequence_id: 7, sequence_start: k === 0 };
      const reply = await call(app, 'POST', '/v2/models/net/infer', { inputs, parameters });
      expect(reply.body.outputs[0].data).toEqual(outputs[k]);
    }
  });

  it('comes back from a checkpoint with the weights and the optimizer of its training', async () => {
    await open('s');
    await outputOf('s', 3);
    await train({ repeat: 3 });
    await make(app, '/v1/checkpoints', { id: 'c', cells: ['net'], sessions: ['s'] });
    const [next, then] = [await outputOf('s', 1), (await train()).loss];
    await train({ repeat: 2 });
    const restored = await call(app, 'POST', '/v1/checkpoints/c/restore', {});
    expect(restored.status, restored.text).toBe(200);
    expect(await outputOf('s', 1)).toEqual(next);
    expect(await train()).toMatchObject({ loss: then, iteration: 4 });
  });

  it('traces its layers by name', async () => {
    await open('s');
    const { body } = await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [3], trace: true });
    expect(Object.keys(body.trace)).toEqual(expect.arrayContaining(['embedding', 'gru.z', 'dense']));
    expect(body.trace.dense.after).toEqual(body.output);
  });

  it('has the same bits on a thread', async () => {
    const other = await startApp({ threads: 1 });
    const units = 300;
    const layers = [
      { class_name: 'InputLayer', config: { batch_shape: [null, null, 4] } },
      { class_name: 'LSTM', config: { units, return_sequences: true, recurrent_initializer: 'glorot_uniform' } },
      { class_name: 'Dense', config: { units: 3, activation: 'softmax' } },
    ];
    const cell = { id: 'large', class_name: 'Sequential', config: { layers } };
    const names = ['lstm.kernel', 'lstm.recurrent_kernel', 'dense.kernel'];
    const seeds = Object.fromEntries(names.map((name, k) => [name, k + 1]));
    const body = { inputs: [Array.from({ length: 300 }, (_, t) => [t, 1, -t, 2].map(Math.sin))] };
    const outputs = [];
    for (const one of [app, other]) {
      await make(one, '/v1/cells', { ...cell, initializer_seeds: seeds });
      outputs.push((await call(one, 'POST', '/v1/cells/large/sequences', body)).text);
    }
    expect(outputs[0]).toBe(outputs[1]);
    const { text } = await call(other, 'GET', '/metrics');
    expect(text).toMatch(/_seconds_count\{kind="sequence",place="thread"[^}]*\} 1\n/);
    await other.close();
  });
});

describe('a network in training over HTTP', () => {
  const layers = (...own: object[]) => ({
    class_name: 'Sequential',
    config: { layers: [{ class_name: 'InputLayer', config: { batch_shape: [null, null, 2] } }, ...own] },
  });
  const rows = [[[1], [3]].map(([x]) => [x, -x]), [[5], [7]].map(([x]) => [x, -x])];
  const step = { inputs: rows, targets: rows.map((row) => row.map(() => [0])), loss: 'mse', optimizer: SGD };

  it('moves the statistics of a BatchNormalization, which no gradient moves', async () => {
    const normalization = { class_name: 'BatchNormalization', config: { name: 'norm', momentum: 0.9 } };
    const dense = { class_name: 'Dense', config: { units: 1, name: 'head' } };
    await make(app, '/v1/cells', { id: 'bn', ...layers(normalization, dense) });
    expect((await call(app, 'POST', '/v1/cells/bn/training_steps', step)).status).toBe(200);
    // Of 1, 3, 5, 7: the mean is 4, the variance 5.
    const { weights } = (await call(app, 'GET', '/v1/cells/bn/weights')).body;
    expect(weights['norm.moving_mean'][0]).toBeCloseTo(0.4, 6);
    expect(weights['norm.moving_mean'][1]).toBeCloseTo(-0.4, 6);
    expect(weights['norm.moving_variance'][0]).toBeCloseTo(0.9 + 0.1 * 5, 6);
    const { variables } = (await call(app, 'GET', '/v1/cells/bn')).body;
    const mean = variables.find(({ name }: { name: string }) => name === 'norm.moving_mean');
    expect(mean).toMatchObject({ trainable: false, version: 2 });
    const slots = (await call(app, 'GET', '/v1/cells/bn/optimizer')).body;
    expect(JSON.stringify(slots)).not.toContain('moving_mean');
  });

  it('drops out by the seed of the request, and not in evaluation', async () => {
    const network = layers(
      { class_name: 'GRU', config: { units: 4, return_sequences: true, dropout: 0.4 } },
      { class_name: 'Dropout', config: { rate: 0.5 } },
      { class_name: 'Dense', config: { units: 1 } },
    );
    const losses = [];
    for (const [k, seed] of [1, 1, 2].entries()) {
      const seeds = { 'gru.kernel': 1, 'gru.recurrent_kernel': 2, 'dense.kernel': 3 };
      await make(app, '/v1/cells', { id: `drop${k}`, ...network, initializer_seeds: seeds });
      const before = (await call(app, 'POST', `/v1/cells/drop${k}/sequences`, { inputs: rows })).text;
      expect((await call(app, 'POST', `/v1/cells/drop${k}/sequences`, { inputs: rows })).text).toBe(before);
      losses.push(
        (await call(app, 'POST', `/v1/cells/drop${k}/training_steps`, { ...step, seed, repeat: 3 })).body.losses,
      );
    }
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[2]).not.toEqual(losses[0]);
  });

  it('refuses a token id that is out of range, and changes nothing', async () => {
    const wrong = await call(app, 'POST', `${NET}/training_steps`, { ...TRAINING, inputs: [[3, 1, 4, 1, 11]] });
    expectProblem(wrong, 'invalid-value', /Token id 11 is out of range/);
    expect((await call(app, 'GET', NET)).body.version).toBe(1);
  });
});
