import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHdf5 } from '../../src/files/hdf5/hdf5.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { type Called, call, expectProblem } from '../support/call.ts';
import { download, postFile, putFile } from '../support/files.ts';
import { asRequest, expectClose, type GoldenTensor, readGolden } from './compare.ts';

interface Case {
  readonly name: string;
  readonly file: string;
  readonly model: { readonly class_name: string };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly outputs: GoldenTensor;
  readonly reference_float64?: { readonly outputs: GoldenTensor };
}

const { cases } = readGolden<{ cases: Case[] }>('networks/cases.json');
const [KERAS, HDF5, SAFETENSORS] = ['application/x-keras', 'application/x-hdf5', 'application/x-safetensors'];
const NPZ = 'application/x-npz';

let app: TestApp;
/** What answered the file of each case, by its name. */
const made = new Map<string, Called>();
beforeAll(async () => {
  app = await startApp();
  for (const one of cases) made.set(one.name, await postFile(app, KERAS, bytesOf(one), `?id=${one.name}`));
});
afterAll(() => app.close());

function bytesOf({ file }: Case): Uint8Array {
  return readFileSync(new URL(`networks/${file}`, import.meta.url));
}

describe('a .keras file of a whole network', () => {
  it.each(cases)('makes the network that computes the same: $name', async (one) => {
    const answer = made.get(one.name)!;
    expect(answer, answer.text).toMatchObject({ status: 201, body: { class_name: one.model.class_name, built: true } });
    expect(answer.body.variables.map(({ name }: { name: string }) => name)).toEqual(Object.keys(one.weights));
    const body = { inputs: asRequest(one.inputs), tensor_format: 'flat' };
    const reply = await call(app, 'POST', `/v1/cells/${one.name}/sequences`, body);
    expect(reply.status, reply.text).toBe(200);
    const tolerance = one.reference_float64 ? 4e-6 : 2 ** -6;
    expectClose(reply.body.output, one.reference_float64?.outputs ?? one.outputs, 'output', tolerance);
  });

  it('goes out and comes back as safetensors', async () => {
    const { bytes } = await download(app, 'char_lm', SAFETENSORS);
    const again = await postFile(app, SAFETENSORS, bytes, '?id=again');
    expect(again.status, again.text).toBe(201);
    expect((await download(app, 'again', SAFETENSORS)).bytes.equals(bytes)).toBe(true);
  });

  it.each(cases)('goes out and comes back as files of Keras: $name', async ({ name }) => {
    const before = (await download(app, name, SAFETENSORS)).bytes;
    for (const [type, accept] of [
      [KERAS, KERAS],
      [HDF5, `${HDF5}; profile=legacy`],
    ]) {
      const { bytes } = await download(app, name, accept);
      const id = `${name}-${type === KERAS ? 'keras' : 'legacy'}`;
      const again = await postFile(app, type, bytes, `?id=${id}`);
      expect(again.status, again.text).toBe(201);
      expect(again.body.config).toEqual((await call(app, 'GET', `/v1/cells/${name}`)).body.config);
      expect((await download(app, id, SAFETENSORS)).bytes.equals(before)).toBe(true);
    }
  });

  it.each(cases)('is filled by a .weights.h5 of it: $name', async ({ name }) => {
    const before = (await download(app, name, SAFETENSORS)).bytes;
    const { bytes } = await download(app, name, HDF5);
    const { variables } = (await call(app, 'GET', `/v1/cells/${name}`)).body;
    const zeros = variables.map((one: { name: string; shape: number[] }) => [
      one.name,
      { shape: one.shape, data: new Array(one.shape.reduce((a, b) => a * b, 1)).fill(0) },
    ]);
    await call(app, 'PUT', `/v1/cells/${name}/weights`, { weights: Object.fromEntries(zeros) });
    const put = await putFile(app, name, HDF5, bytes);
    expect(put.status, put.text).toBe(200);
    expect(put.body).not.toHaveProperty('imported');
    expect((await download(app, name, SAFETENSORS)).bytes.equals(before)).toBe(true);
  });

  it('refuses a .weights.h5 of another network, naming what is missing', async () => {
    const { bytes } = await download(app, 'dense_front', HDF5);
    expectProblem(await putFile(app, 'char_lm', HDF5, bytes), 'wrong-shape', /'embedding\.embeddings' is missing/);
  });

  it('fills a network that is there already', async () => {
    const [one] = cases;
    const before = (await download(app, one.name, SAFETENSORS)).bytes;
    const weights = Object.fromEntries(
      Object.entries(one.weights).map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }]),
    );
    expect((await call(app, 'PUT', `/v1/cells/${one.name}/weights`, { weights })).status).toBe(200);
    const put = await putFile(app, one.name, KERAS, bytesOf(one));
    expect(put.status, put.text).toBe(200);
    expect((await download(app, one.name, SAFETENSORS)).bytes.equals(before)).toBe(true);
  });

  it.each(['char_lm', 'bidirectional_tagger', 'dense_front'])('is put back as %s.npz', async (name) => {
    const before = (await download(app, name, SAFETENSORS)).bytes;
    const { bytes } = await download(app, name, NPZ);
    const { variables } = (await call(app, 'GET', `/v1/cells/${name}`)).body;
    const zeros = variables.map((one: { name: string; shape: number[] }) => [
      one.name,
      { shape: one.shape, data: new Array(one.shape.reduce((a, b) => a * b, 1)).fill(0) },
    ]);
    const cleared = await call(app, 'PUT', `/v1/cells/${name}/weights`, { weights: Object.fromEntries(zeros) });
    expect(cleared.status, cleared.text).toBe(200);
    expect((await download(app, name, SAFETENSORS)).bytes.equals(before)).toBe(false);
    const put = await putFile(app, name, NPZ, bytes);
    expect(put.status, put.text).toBe(200);
    expect((await download(app, name, SAFETENSORS)).bytes.equals(before)).toBe(true);
  });

  it('refuses an .npz that is not all of its weights, naming one that is missing', async () => {
    const { bytes } = await download(app, 'dense_front', NPZ);
    expectProblem(await putFile(app, 'char_lm', NPZ, bytes), 'wrong-shape', /'embedding\.embeddings' is missing/);
  });

  it('lists the weights that learn first in a legacy file, as Keras does', async () => {
    const input = { class_name: 'InputLayer', config: { batch_shape: [null, 4, 3] } };
    const gru = (name: string, trainable: boolean) => ({ class_name: 'GRU', config: { units: 2, name, trainable } });
    const backward = gru('backward_gru', true);
    const both = {
      class_name: 'Bidirectional',
      config: {
        name: 'both',
        layer: gru('gru', false),
        backward_layer: { ...backward, config: { ...backward.config, go_backwards: true } },
      },
    };
    const dense = (name: string, trainable: boolean) => ({
      class_name: 'Dense',
      config: { units: 1, name, trainable, use_bias: false },
    });
    const inner = {
      class_name: 'Sequential',
      config: { name: 'inner', layers: [dense('first', false), dense('second', true)] },
    };
    const config = { name: 'half_frozen', layers: [input, both, inner] };
    await call(app, 'POST', '/v1/cells', { id: 'half-frozen', class_name: 'Sequential', config });
    const { bytes } = await download(app, 'half-frozen', `${HDF5}; profile=legacy`);
    const { groups } = await createHdf5().read(new Uint8Array(bytes));
    const names = ['kernel', 'recurrent_kernel', 'bias'];
    expect(groups.get('model_weights/both')?.weight_names).toEqual([
      ...names.map((name) => `half_frozen/both/backward_gru/gru_cell/${name}`),
      ...names.map((name) => `half_frozen/both/forward_gru/gru_cell/${name}`),
    ]);
    expect(groups.get('model_weights/inner')?.weight_names).toEqual([
      'half_frozen/inner/second/kernel',
      'half_frozen/inner/first/kernel',
    ]);
  });

  it('says what is left out of an .npz, which does not tell the network', async () => {
    const made = await postFile(app, NPZ, (await download(app, 'char_lm', NPZ)).bytes);
    expect(made, made.text).toMatchObject({
      status: 201,
      body: { class_name: 'GRUCell', imported: { layers: ['gru'] } },
    });
    const names = made.body.imported.skipped.map(({ name }: { name: string }) => name);
    expect(names.toSorted()).toEqual(['dense', 'embedding.embeddings']);
  });

  it('gives the layer that ?layer= names, and lists what was left out', async () => {
    const [one] = cases;
    const made = await postFile(app, KERAS, bytesOf(one), '?layer=gru');
    expect(made.body).toMatchObject({ class_name: 'GRU', imported: { layers: ['gru'] } });
    const names = made.body.imported.skipped.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['embedding', 'dense']));
  });
});
