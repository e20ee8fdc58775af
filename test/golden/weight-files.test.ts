import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { sharedApp } from '../support/serve.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden } from './compare.ts';

interface Layer {
  readonly class_name: string;
  readonly config: Record<string, unknown> & { readonly name: string };
}

interface GoldenFile {
  readonly file: string;
  readonly format: string;
  readonly model_config?: { readonly config: { readonly layers: readonly Layer[] } };
  readonly weights?: readonly (GoldenTensor & { readonly path: string })[];
  readonly tensors?: Readonly<Record<string, GoldenTensor>>;
  readonly cell?: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly module?: string;
  readonly op?: string;
  readonly attributes?: Record<string, unknown>;
  readonly inputs: GoldenTensor & { readonly X: GoldenTensor };
  readonly outputs: GoldenTensor & Record<string, GoldenTensor>;
}

const { files } = readGolden<{ files: GoldenFile[] }>('weight_files/expected.json');
const TYPES: Readonly<Record<string, string>> = {
  npz: 'application/x-npz',
  npz_deflate: 'application/x-npz',
  safetensors: 'application/x-safetensors',
  keras: 'application/x-keras',
  keras_weights_h5: 'application/x-hdf5',
  keras_legacy_h5: 'application/x-hdf5',
  onnx: 'application/x-onnx',
};

let app: TestApp;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
});

function bytesOf({ file }: GoldenFile): Uint8Array {
  return readFileSync(new URL(`weight_files/${file}`, import.meta.url));
}

async function upload(golden: GoldenFile, query: string) {
  const reply = await call(app, 'POST', `/v1/cells${query}`, bytesOf(golden), { 'content-type': TYPES[golden.format] });
  expect(reply.status, reply.text).toBe(201);
  return reply.body;
}

async function sequence(cell: string, body: object): Promise<{ output: FlatTensor; states: FlatTensor[] }> {
  const reply = await call(app, 'POST', `/v1/cells/${cell}/sequences`, { ...body, tensor_format: 'flat' });
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

/** Runs one cell after another, as the model does. */
async function runModel(golden: GoldenFile, layers: readonly Layer[], cells: readonly string[]): Promise<void> {
  let inputs: FlatTensor = asRequest(golden.inputs);
  for (const [i, cell] of cells.entries()) {
    const inner = layers[i].config.layer as Layer | undefined;
    const { return_sequences } = inner?.config ?? layers[i].config;
    inputs = (await sequence(cell, { inputs: { shape: inputs.shape, data: inputs.data }, return_sequences })).output;
  }
  expectClose(inputs, golden.outputs, 'output');
}

/** All values of a cell, in its own order. */
async function valuesOf(cell: string): Promise<number[][]> {
  const { body } = await call(app, 'GET', `/v1/cells/${cell}/weights`);
  return Object.values(body.weights as Record<string, unknown[]>).map((value) => value.flat(9) as number[]);
}

function expectBits(values: readonly number[][], expected: readonly GoldenTensor[]): void {
  expect(values.map((own) => own.map(Math.fround))).toEqual(
    expected.map(({ data }) => data.map(Number).map(Math.fround)),
  );
}

function filesOf(...formats: string[]): GoldenFile[] {
  return files.filter(({ format }) => formats.includes(format));
}

function layersOf({ model_config }: GoldenFile): Layer[] {
  return (model_config?.config.layers ?? []).filter(({ class_name }) => class_name !== 'InputLayer');
}

/** The part of the model's weights that is one layer's, whose paths begin with the model's and the layer's name. */
function weightsOf({ weights = [] }: GoldenFile, { config: { name } }: Layer): GoldenTensor[] {
  return weights.filter(({ path }) => path.split('/')[1] === name);
}

it('has a test here for every file except the checkpoints of TensorFlow, which the API does not read', () => {
  const others = files.filter(({ format }) => TYPES[format] === undefined).map(({ format }) => format);
  expect(new Set(others)).toEqual(new Set(['tf_checkpoint']));
  expect(files.length - others.length).toBe(25);
});

describe('a model of Keras with its configuration, posted layer by layer', () => {
  it.each(filesOf('keras', 'keras_legacy_h5'))('$file', async (golden) => {
    const layers = layersOf(golden);
    for (const [i, layer] of layers.entries()) {
      const made = await upload(golden, `?id=layer${i}${layers.length > 1 ? `&layer=${layer.config.name}` : ''}`);
      expect(made).toMatchObject({ framework: 'keras', class_name: layer.class_name, built: true });
      expect(JSON.stringify(made.config)).toBe(JSON.stringify(layer.config));
      expectBits(await valuesOf(`layer${i}`), weightsOf(golden, layer));
    }
    await runModel(
      golden,
      layers,
      layers.map((_, i) => `layer${i}`),
    );
  });
});

describe('weights of Keras without a configuration', () => {
  it.each(filesOf('keras_weights_h5'))('$file, posted', async (golden) => {
    const layers = layersOf(golden);
    for (const [i, layer] of layers.entries()) {
      const query = `?id=layer${i}${layers.length > 1 ? `&layer=${layer.config.name}` : ''}`;
      const type = { 'content-type': TYPES[golden.format] };
      const asked = await call(app, 'POST', `/v1/cells${query}`, bytesOf(golden), type);
      expectProblem(asked, 'ambiguous-file', /no configuration.*\?config\./);
      const option = layer.class_name === 'Bidirectional' ? 'merge_mode' : 'return_sequences';
      const made = await upload(golden, `${query}&config.${option}=${JSON.stringify(layer.config[option])}`);
      expect(made).toMatchObject({ class_name: layer.class_name, built: true, config: { name: layer.config.name } });
      expect(made.config[option]).toBe(layer.config[option]);
      expectBits(await valuesOf(`layer${i}`), weightsOf(golden, layer));
    }
  });

  it.each(filesOf('keras_weights_h5'))('$file, put into cells that have it', async (golden) => {
    const layers = layersOf(golden);
    for (const [i, layer] of layers.entries()) {
      const features = weightsOf(golden, layer)[0].shape[0];
      await make(app, '/v1/cells', { id: `layer${i}`, ...only(layer), input_shape: [null, features] });
      const query = layers.length > 1 ? `?layer=${layer.config.name}` : '';
      const put = await call(app, 'PUT', `/v1/cells/layer${i}/weights${query}`, bytesOf(golden), {
        'content-type': 'application/x-hdf5',
      });
      expect(put, put.text).toMatchObject({ status: 200, body: { version: 2 } });
      expectBits(await valuesOf(`layer${i}`), weightsOf(golden, layer));
    }
    await runModel(
      golden,
      layers,
      layers.map((_, i) => `layer${i}`),
    );
  });
});

function only({ class_name, config }: Layer): Layer {
  return { class_name, config };
}

describe('arrays of NumPy', () => {
  it.each(filesOf('npz', 'npz_deflate'))('$file', async (golden) => {
    const made = await upload(golden, '');
    expect(made).toMatchObject({ framework: 'keras', class_name: golden.cell?.class_name, built: true });
    expect(made.config).toMatchObject({ units: golden.cell?.config.units, name: golden.cell?.config.name });
    const { kernel, recurrent_kernel, bias } = golden.tensors ?? {};
    expectBits(await valuesOf(made.id), [kernel, recurrent_kernel, bias]);
  });
});

/** `LSTM(3, 4, num_layers=2)` → ['LSTM', { input_size: 3, hidden_size: 4, num_layers: 2 }] */
function parseModule(module = ''): [className: string, config: Record<string, unknown>] {
  const [, className, list] = /^(\w+)\((.*)\)$/.exec(module) ?? [];
  const config = list.split(', ').map((argument, i): [string, unknown] => {
    const [name, value = name] = argument.split('=');
    return [['input_size', 'hidden_size'][i] ?? name, value === 'True' ? true : Number(value)];
  });
  return [className, Object.fromEntries(config)];
}

describe('a state_dict of PyTorch', () => {
  it.each(filesOf('safetensors'))('$file', async (golden) => {
    const [className, config] = parseModule(golden.module);
    const made = await upload(golden, className.endsWith('Cell') ? '' : '?config.batch_first=false');
    expect(made).toMatchObject({ framework: 'pytorch', class_name: className, built: true });
    const layered = className.endsWith('Cell') ? {} : { num_layers: 1, bidirectional: false };
    expect(made.config).toMatchObject({ bias: true, ...layered, ...config });
    const names = made.variables.map(({ name }: { name: string }) => name);
    expectBits(
      await valuesOf(made.id),
      names.map((name: string) => golden.tensors?.[name]),
    );
  });
});

describe('a node of ONNX', () => {
  it.each(filesOf('onnx'))('$file', async (golden) => {
    const made = await upload(golden, '?id=node');
    expect(made).toMatchObject({ framework: 'onnx', class_name: golden.op, config: golden.attributes, built: true });
    expectBits(await valuesOf('node'), Object.values(golden.tensors ?? {}));
    const { output, states } = await sequence('node', { inputs: asRequest(golden.inputs.X) });
    expectClose(output, golden.outputs.Y, 'Y');
    expectClose(states[0], golden.outputs.Y_h, 'Y_h');
    if (golden.outputs.Y_c) expectClose(states[1], golden.outputs.Y_c, 'Y_c');
  });
});
