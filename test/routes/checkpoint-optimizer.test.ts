import { beforeEach, expect, it } from 'vitest';
import type { Tensor } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import type { TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { sharedApp } from '../support/serve.ts';

const CELL = { id: 'c', class_name: 'GRU', config: { units: 2, return_sequences: true }, input_shape: [null, null, 1] };
const ADAM = { class_name: 'Adam', config: { learning_rate: 0.05 } };
const BATCH = {
  inputs: [[[1], [2]]],
  targets: [
    [
      [1, 0],
      [0, 1],
    ],
  ],
  loss: 'mse',
};

let app: TestApp;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
  await make(app, '/v1/cells', CELL);
});

async function train(repeat: number, optimizer: object = ADAM): Promise<{ losses: number[]; iteration: number }> {
  const { status, body, text } = await call(app, 'POST', '/v1/cells/c/training_steps', { ...BATCH, optimizer, repeat });
  expect(status, text).toBe(200);
  return body;
}

const save = () => make(app, '/v1/checkpoints', { id: 'saved', cells: ['c'] });
const restore = (id = 'saved', body: object = {}) => call(app, 'POST', `/v1/checkpoints/${id}/restore`, body);
const optimizerOf = () => call(app, 'GET', '/v1/cells/c/optimizer?values=true');

/** Brings in the saved checkpoint with its optimizer, or its tensors, changed. */
async function importChanged(
  change: (cell: Record<string, unknown>, tensors: Map<string, Tensor>) => void,
): ReturnType<typeof call> {
  const { rawPayload } = await app.inject({ method: 'GET', url: '/v1/checkpoints/saved/content' });
  const { tensors, metadata } = readSafetensors(rawPayload);
  const manifest = JSON.parse(metadata.cellstep);
  const changed = new Map(tensors);
  change(manifest.cells[0], changed);
  const file = writeSafetensors(changed, { cellstep: JSON.stringify(manifest) });
  return call(app, 'POST', '/v1/checkpoints?id=changed', Buffer.from(file), {
    'content-type': 'application/x-safetensors',
  });
}

function dropOptimizer(cell: Record<string, unknown>, tensors: Map<string, Tensor>): void {
  delete cell.optimizer;
  for (const name of tensors.keys()) if (name.startsWith('optimizers/')) tensors.delete(name);
}

it('goes on from a checkpoint with the same losses', async () => {
  await train(3);
  await save();
  const before = (await optimizerOf()).body;
  const first = await train(2);
  expect((await restore()).status).toBe(200);
  expect((await optimizerOf()).body).toMatchObject({ iteration: 3, slots: before.slots, version: 3 });
  const again = await train(2);
  expect(again.losses).toEqual(first.losses);
  expect(again.iteration).toBe(5);
});

it('goes on in a cell that the restore makes anew', async () => {
  await train(3);
  await save();
  const first = await train(2);
  await call(app, 'DELETE', '/v1/cells/c');
  expect((await restore('saved', { create_missing: true })).body.created.cells).toEqual(['c']);
  expect((await optimizerOf()).body).toMatchObject({ iteration: 3, version: 1 });
  expect((await train(2)).losses).toEqual(first.losses);
});

it('starts anew where the cell was saved before its training', async () => {
  await save();
  const first = await train(3);
  expect((await restore()).status).toBe(200);
  expectProblem(await optimizerOf(), 'not-found');
  expect(await train(3)).toMatchObject({ losses: first.losses, iteration: 3 });
});

it('starts anew from a checkpoint of an older service', async () => {
  await train(3);
  await save();
  expect((await importChanged(dropOptimizer)).status).toBe(201);
  expect((await restore('changed')).status).toBe(200);
  expect((await train(1)).iteration).toBe(1);
});

it('keeps an optimizer without slots', async () => {
  await train(2, { class_name: 'SGD', config: {} });
  await save();
  await train(1);
  await restore();
  expect((await optimizerOf()).body).toMatchObject({ class_name: 'SGD', iteration: 2, slots: [] });
});

it.each<[string, (optimizer: Record<string, unknown>) => void, RegExp]>([
  ['an optimizer that is not known', (optimizer) => Object.assign(optimizer, { class_name: 'Lion' }), /"Lion"/],
  ['an impossible rate', (optimizer) => Object.assign(optimizer, { config: { learning_rate: -1 } }), /learning_rate/],
  [
    'slots of another optimizer',
    (optimizer) => Object.assign(optimizer, { class_name: 'Adagrad', config: {} }),
    /keep/,
  ],
])('restores nothing where the file has %s', async (_, change, detail) => {
  await train(3);
  await save();
  const imported = await importChanged((cell) => change(cell.optimizer as Record<string, unknown>));
  expect(imported.status, imported.text).toBe(201);
  const weights = (await call(app, 'GET', '/v1/cells/c/weights')).text;
  expectProblem(await restore('changed'), 'checkpoint-mismatch', detail);
  expect((await call(app, 'GET', '/v1/cells/c/weights')).text).toBe(weights);
});

it('restores nothing where a slot has another shape than its variable', async () => {
  await train(3);
  await save();
  await importChanged((_, tensors) => {
    tensors.set('optimizers/c/bias/momentum', tensors.get('optimizers/c/kernel/momentum')!);
  });
  expectProblem(await restore('changed'), 'checkpoint-mismatch', /'bias\/momentum' is float32 \[2,6\]/);
});

it('refuses a file whose optimizer has no cell that is built, or a slot twice', async () => {
  await train(1);
  await save();
  const unbuilt = await importChanged((cell, tensors) => {
    Object.assign(cell, { input_shape: null, variables: [] });
    for (const name of tensors.keys()) if (name.startsWith('cells/')) tensors.delete(name);
  });
  expectProblem(unbuilt, 'invalid-file', /not built has no optimizer/);
  const twice = await importChanged(({ optimizer }) => {
    const { slots } = optimizer as { slots: unknown[] };
    slots.push(slots[0]);
  });
  expectProblem(twice, 'invalid-file', /twice/);
});
