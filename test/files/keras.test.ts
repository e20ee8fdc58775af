import { describe, expect, it } from 'vitest';
import type { FileLayer, NamedTensors, WholeLayer } from '../../src/domain/files.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { DEFAULT_FILE_LIMITS } from '../../src/files/bounds.ts';
import { createHdf5 } from '../../src/files/hdf5/hdf5.ts';
import {
  readKeras as readArchive,
  readKerasH5 as readH5,
  writeKeras,
  writeKerasLegacy,
  writeKerasWeights,
} from '../../src/files/keras/files.ts';
import { inKerasOrder, orderCells } from '../../src/files/keras/model.ts';
import { readZip } from '../../src/files/zip.ts';
import { zipSlices } from '../../src/files/zip-writer.ts';
import { atOnce } from '../../src/threads/in-turns.ts';
import { bitsOf } from './arbitrary-tensors.ts';
import { EXPECTED, type ExpectedFile, expectTensor, goldenBytes } from './golden-files.ts';
import { fuzz, outcomeOf, refusal, truncations } from './hostile.ts';

const hdf5 = createHdf5();
const GOLDENS = EXPECTED.filter(({ format }) => format.startsWith('keras'));
const SAVED_AT = new Date('2026-01-02T03:04:05Z');

async function readKeras(...args: Parameters<typeof readArchive>): Promise<readonly FileLayer[]> {
  return (await readArchive(...args)).layers;
}

async function readKerasH5(...args: Parameters<typeof readH5>): Promise<readonly FileLayer[]> {
  return (await readH5(...args)).layers;
}

function layerConfigs({
  model_config: model,
}: ExpectedFile): { class_name: string; config: JsonObject & { name: string } }[] {
  const layers = model?.config.layers;
  return Array.isArray(layers) ? layers.filter(({ class_name }) => class_name !== 'InputLayer') : [];
}

function read(file: string, bytes: Uint8Array): Promise<readonly FileLayer[]> {
  return file.endsWith('.keras') ? readKeras(hdf5, bytes) : readKerasH5(hdf5, bytes);
}

/** Layers that have their configuration. */
function whole(layers: readonly FileLayer[]): WholeLayer[] {
  return layers.map((layer) => {
    const { className, config } = layer;
    if (className === undefined || config === undefined) throw new Error(`'${layer.name}' has no configuration`);
    return { ...layer, className, config };
  });
}

function zerosOf(shape: number[], value = 0): Tensor {
  return new Tensor('float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
}

function gru(features: number, units: number): NamedTensors {
  return new Map([
    ['kernel', zerosOf([features, 3 * units], 1)],
    ['recurrent_kernel', zerosOf([units, 3 * units], 2)],
    ['bias', zerosOf([2, 3 * units], 3)],
  ]);
}

/** The archive with one member changed, or left out. */
async function withMember(file: string, name: string, content: string | Uint8Array | undefined): Promise<Uint8Array> {
  const members = await readZip('test', goldenBytes(file), DEFAULT_FILE_LIMITS);
  if (content === undefined) members.delete(name);
  else members.set(name, typeof content === 'string' ? new TextEncoder().encode(content) : content);
  return atOnce(zipSlices(members)).subarray();
}

describe('reading', () => {
  it('finds the goldens', () => expect(GOLDENS.length).toBe(12));

  it.each(GOLDENS)('reads every layer of $file', async (golden) => {
    const layers = await read(golden.file, goldenBytes(golden.file));
    const expected = layerConfigs(golden);
    expect(layers.map(({ name, className }) => [name, className])).toEqual(
      expected.map(({ class_name, config }) => [config.name, class_name]),
    );
    const weights = layers.flatMap(({ weights }, i) => [...orderCells(weights, expected[i].config)]);
    expect(weights.length).toBe(golden.weights?.length);
    golden.weights?.forEach((weight, i) => {
      expect(weights[i][0].split('.').at(-1)).toBe(weight.path.split('/').at(-1));
      expectTensor(weights[i][1], weight);
    });
    if (golden.format === 'keras_weights_h5') expect(layers.every(({ config }) => config === undefined)).toBe(true);
    else expect(layers.map(({ config }) => config)).toMatchObject(expected.map(({ config }) => config));
  });

  it('names the weights of a bidirectional layer by direction, and the weights of a stack by cell', async () => {
    const [bi] = await readKeras(hdf5, goldenBytes('bidirectional.keras'));
    expect([...bi.weights.keys()]).toEqual(
      ['forward_layer', 'backward_layer'].flatMap((direction) =>
        ['kernel', 'recurrent_kernel', 'bias'].map((name) => `${direction}.${name}`),
      ),
    );
    const [stack] = await readKeras(hdf5, goldenBytes('stacked.keras'));
    expect([...stack.weights.keys()]).toEqual(
      [0, 1, 2].flatMap((cell) => ['kernel', 'recurrent_kernel', 'bias'].map((name) => `cells.${cell}.${name}`)),
    );
    const [bare] = await readKerasH5(hdf5, goldenBytes('stacked.weights.h5'));
    expect([...bare.weights.keys()]).toContain('cells.lstm_cell.kernel');
  });

  it('takes a layer without weights from an archive that was saved before it was built', async () => {
    const empty = await hdf5.write({ groups: new Map([['', {}]]), datasets: new Map(), unread: new Map() });
    const [layer] = await readKeras(hdf5, await withMember('simple_rnn.keras', 'model.weights.h5', empty));
    expect([layer.name, layer.className, layer.weights.size, layer.config?.units]).toEqual([
      'rnn_a',
      'SimpleRNN',
      0,
      3,
    ]);
  });

  it('finds layers in nested models and distinguishes layers with one name', async () => {
    const inner = {
      class_name: 'Sequential',
      config: { layers: [{ class_name: 'GRU', config: { name: 'g', units: 1 } }] },
    };
    const config = {
      class_name: 'Functional',
      config: { layers: [inner, { class_name: 'GRU', config: { name: 'g', units: 2 } }] },
    };
    const layers = await readKeras(hdf5, await withMember('gru_lstm.keras', 'config.json', JSON.stringify(config)));
    expect(layers.map(({ name, config, weights }) => [name, config?.units, weights.size])).toEqual([
      ['layers/sequential/layers/gru', 1, 0],
      ['layers/gru', 2, 3],
      ['lstm_a', undefined, 3],
    ]);
  });

  it('reads a cell that was saved alone, by its shapes', async () => {
    for (const path of ['', 'vars/']) {
      const groups = new Map<string, Record<string, string>>([['', {}]]);
      if (path) groups.set('vars', { name: 'mine' });
      const datasets = new Map(
        [...gru(2, 3).values()].map((tensor, i) => [
          `${path}${i}`,
          {
            type: 'f32' as const,
            shape: tensor.shape,
            bytes: new Uint8Array(Float32Array.from(tensor.data, Number).buffer),
          },
        ]),
      );
      const [layer] = await readKerasH5(hdf5, await hdf5.write({ groups, datasets, unread: new Map() }));
      expect([layer.name, layer.className]).toEqual([path ? 'mine' : 'cell', 'GRUCell']);
      expect(bitsOf(layer.weights)).toEqual(bitsOf(gru(2, 3)));
    }
  });

  it('passes over layers that have a cell of another kind', async () => {
    const zeros = (shape: number[]) => ({
      type: 'f32' as const,
      shape,
      bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
    });
    const paths = ['layers', 'layers/conv_lstm2d', 'layers/conv_lstm2d/cell', 'layers/conv_lstm2d/cell/vars'];
    const weights = await hdf5.write({
      groups: new Map(['', ...paths].map((path) => [path, {}])),
      datasets: new Map(
        [0, 1].map((i): [string, ReturnType<typeof zeros>] => [
          `layers/conv_lstm2d/cell/vars/${i}`,
          zeros([3, 3, 1, 4]),
        ]),
      ),
      unread: new Map(),
    });
    expect(await refusal(() => readKerasH5(hdf5, weights))).toMatch(/no recurrent layer/);
    const model = { config: { layers: [{ class_name: 'ConvLSTM2D', config: { name: 'c' } }] } };
    const roots: Record<string, string>[] = [{ model_config: JSON.stringify(model) }, {}];
    for (const root of roots) {
      const legacy = await hdf5.write({
        groups: new Map<string, Record<string, string | string[]>>([
          ['', root],
          ['model_weights', { layer_names: ['c'] }],
          ['model_weights/c', { weight_names: ['kernel', 'recurrent_kernel'] }],
        ]),
        datasets: new Map(
          ['kernel', 'recurrent_kernel'].map((name): [string, ReturnType<typeof zeros>] => [
            `model_weights/c/${name}`,
            zeros([3, 3, 1, 4]),
          ]),
        ),
        unread: new Map(),
      });
      expect(await refusal(() => readKerasH5(hdf5, legacy))).toMatch(/no recurrent layer/);
    }
  });

  it('reads Keras 2 files of weights only, with their lists in parts', async () => {
    const names = ['kernel:0', 'recurrent_kernel:0', 'bias:0'].map((name) => `lstm/lstm_cell/${name}`);
    const file = await hdf5.write({
      groups: new Map<string, Record<string, string | string[]>>([
        ['', { layer_names: ['dense', 'lstm'] }],
        ['dense', { weight_names: ['dense/kernel:0'] }],
        ['lstm', { weight_names0: names.slice(0, 2), weight_names1: names.slice(2) }],
        ['lstm/lstm', {}],
        ['lstm/lstm/lstm_cell', {}],
      ]),
      datasets: new Map(
        names.map((name, i) => [
          `lstm/${name}`,
          { type: 'f32', shape: [[1, 4], [1, 4], [4]][i], bytes: new Uint8Array(16) },
        ]),
      ),
      unread: new Map(),
    });
    const layers = await readKerasH5(hdf5, file);
    expect(
      layers.map(({ name, className, config, weights }) => [name, className, config, [...weights.keys()]]),
    ).toEqual([['lstm', 'LSTM', undefined, ['kernel', 'recurrent_kernel', 'bias']]]);
  });

  it.each<[string, () => Promise<Uint8Array>, RegExp]>([
    [
      'an archive without weights',
      () => withMember('simple_rnn.keras', 'model.weights.h5', undefined),
      /no member model.weights.h5/,
    ],
    [
      'an archive without a configuration',
      () => withMember('simple_rnn.keras', 'config.json', undefined),
      /no member config.json/,
    ],
    [
      'a configuration that is not JSON',
      () => withMember('simple_rnn.keras', 'config.json', '{'),
      /config.json is not JSON/,
    ],
    [
      'a configuration that is a list',
      () => withMember('simple_rnn.keras', 'config.json', '[]'),
      /config.json is not a JSON object/,
    ],
    [
      'a configuration with a key twice',
      () => withMember('simple_rnn.keras', 'config.json', '{"a":1,"a":2}'),
      /occurs twice/,
    ],
    [
      'a configuration nested without end',
      () => withMember('simple_rnn.keras', 'config.json', `${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`),
      /nested deeper/,
    ],
    ['weights that are not HDF5', () => withMember('simple_rnn.keras', 'model.weights.h5', 'hello'), /HDF5 signature/],
    ['no archive', async () => goldenBytes('simple_rnn.h5'), /not a zip archive/],
  ])('refuses %s', async (_what, file, message) => {
    const text = await refusal(async () => readKeras(hdf5, await file()));
    expect(text).toMatch(/^invalid-file: /);
    expect(text).toMatch(message);
  });

  it('refuses HDF5 files that hold no recurrent layer, or half of one', async () => {
    const dataset = { type: 'f32' as const, shape: [1], bytes: new Uint8Array(4) };
    const refused = async (groups: [string, Record<string, string | string[]>][], path?: string) => {
      const file = await hdf5.write({
        groups: new Map([['', {}], ...groups]),
        datasets: new Map(path ? [[path, dataset]] : []),
        unread: new Map(),
      });
      return refusal(() => readKerasH5(hdf5, file));
    };
    expect(await refused([], 'x')).toMatch(/invalid-file: .*no recurrent layer or cell/);
    const cell = ['layers', 'layers/gru', 'layers/gru/cell', 'layers/gru/cell/vars'];
    expect(
      await refused(
        cell.map((group) => [group, {}]),
        'layers/gru/cell/vars/0',
      ),
    ).toMatch(/'layers\/gru\/cell\/vars' has no '1'/);
    const list = (weights: string[]): [string, Record<string, string[]>][] => [
      ['model_weights', { layer_names: ['a'] }],
      ['model_weights/a', { weight_names: weights }],
    ];
    expect(await refused(list([]))).toMatch(/no recurrent layer/);
    expect(await refused(list(['kernel', 'recurrent_kernel']), 'model_weights/a/kernel')).toMatch(
      /lists the weight 'recurrent_kernel'/,
    );
    expect(await refused(list(['recurrent_kernel', 'gamma']))).toMatch(/'gamma' is not one of a recurrent layer/);
    expect(await refused(list(['backward_a/kernel', 'backward_a/recurrent_kernel']))).toMatch(
      /weights of one direction only/,
    );
    expect(await refused([['', { model_config: '{' }], ...list(['kernel', 'recurrent_kernel'])])).toMatch(
      /model_config is not JSON/,
    );
    const other = '{"config":{"layers":[{"class_name":"GRU","config":{"name":"b"}}]}}';
    expect(await refused([['', { model_config: other }], ...list(['kernel', 'recurrent_kernel'])])).toMatch(
      /no layer 'a'/,
    );
  });

  it('refuses every truncation of an archive and never fails otherwise on damaged ones', async () => {
    const bytes = goldenBytes('gru_lstm.keras');
    for (const cut of truncations(bytes)) expect(await outcomeOf(() => readKeras(hdf5, cut))).toBe('refused');
    await fuzz(bytes, 100, (damaged) => readKeras(hdf5, damaged));
  });
});

describe('writing', () => {
  it.each(GOLDENS.filter(({ format }) => format === 'keras'))(
    'gives back what $file holds, in each format',
    async ({ file }) => {
      const layers = whole(await readKeras(hdf5, goldenBytes(file)));
      const name = file.replace('.keras', '');
      const archive = (await writeKeras(hdf5, name, layers, SAVED_AT)).subarray();
      const legacy = await writeKerasLegacy(hdf5, name, layers);
      const weights = await writeKerasWeights(hdf5, name, layers);
      const bits = layers.map((layer) => bitsOf(layer.weights));
      for (const again of [await readKeras(hdf5, archive), await readKerasH5(hdf5, legacy)]) {
        expect(again.map(({ name, className }) => [name, className])).toEqual(
          layers.map(({ name, className }) => [name, className]),
        );
        expect(again.map((layer) => bitsOf(layer.weights))).toEqual(bits);
        expect(again.map(({ config }) => config)).toEqual(layers.map(({ config }) => config));
      }
      const bare = await readKerasH5(hdf5, weights);
      expect(bare.map(({ weights }, i) => bitsOf(orderCells(weights, layers[i].config)))).toEqual(bits);
    },
  );

  it('puts everything where Keras puts it', async () => {
    for (const file of ['gru_lstm', 'bidirectional', 'stacked']) {
      const layers = whole(await readKeras(hdf5, goldenBytes(`${file}.keras`)));
      const keras = await hdf5.read(goldenBytes(`${file}.weights.h5`));
      const own = await hdf5.read(await writeKerasWeights(hdf5, file, layers));
      expect(own).toEqual(keras);
      const members = await readZip(
        'test',
        (await writeKeras(hdf5, file, layers, SAVED_AT)).subarray(),
        DEFAULT_FILE_LIMITS,
      );
      expect([...members.keys()]).toEqual(['metadata.json', 'config.json', 'model.weights.h5']);
      expect(new TextDecoder().decode(members.get('metadata.json'))).toBe(
        '{"keras_version":"3.15.1","date_saved":"2026-01-02@03:04:05"}',
      );
    }
  });

  it('puts a cell into an RNN layer, as a model is made of layers', async () => {
    const cell: WholeLayer = {
      name: 'mine',
      framework: 'keras',
      className: 'GRUCell',
      config: { name: 'gru_cell', units: 3 },
      weights: gru(2, 3),
    };
    const [layer] = await readKeras(hdf5, (await writeKeras(hdf5, 'model', [cell], SAVED_AT)).subarray());
    expect([layer.name, layer.className]).toEqual(['mine', 'RNN']);
    expect(layer.config?.cell).toMatchObject({
      class_name: 'GRUCell',
      config: cell.config,
      build_config: { input_shape: [null, 2] },
    });
    expect(bitsOf(layer.weights)).toEqual(bitsOf(cell.weights));
  });

  it('writes stacks of one class and of one cell', async () => {
    for (const count of [1, 11]) {
      const cells = Array.from({ length: count }, (_, i) => ({
        class_name: 'GRUCell',
        config: { name: `c${i}`, units: 2 },
      }));
      const weights = new Map(
        cells.flatMap((_, i) =>
          [...gru(2, 2)].map(([name, tensor]): [string, Tensor] => [
            `cells.${i}.${name}`,
            zerosOf([...tensor.shape], i),
          ]),
        ),
      );
      const config = { name: 'stack', cells };
      const stack: WholeLayer = { name: 's', framework: 'keras', className: 'StackedRNNCells', config, weights };
      const files = [
        await readKeras(hdf5, (await writeKeras(hdf5, 'm', [stack], SAVED_AT)).subarray()),
        await readKerasH5(hdf5, await writeKerasLegacy(hdf5, 'm', [stack])),
        await readKerasH5(hdf5, await writeKerasWeights(hdf5, 'm', [stack])),
      ];
      for (const [layer] of files) expect(bitsOf(layer.weights)).toEqual(bitsOf(weights));
    }
  });

  it('writes other floats as float32 and keeps float64', async () => {
    const weights = new Map(
      [...gru(1, 1)].map(([name, { shape, data }]): [string, Tensor] => [name, new Tensor('float16', shape, data)]),
    );
    weights.set('bias', new Tensor('float64', [2, 3], Float64Array.of(0.1, 2, 3, 4, 5, -0)));
    const layer: WholeLayer = { name: 'g', framework: 'keras', className: 'GRU', config: { name: 'g' }, weights };
    const [read] = await readKerasH5(hdf5, await writeKerasWeights(hdf5, 'm', [layer]));
    expect([...read.weights.values()].map(({ dtype }) => dtype)).toEqual(['float32', 'float32', 'float64']);
    expect(read.weights.get('bias')?.data).toEqual(weights.get('bias')?.data);
  });

  it('lets every layer but the last return sequences', async () => {
    const layers = whole(await readKeras(hdf5, goldenBytes('bidirectional.keras')));
    const members = await readZip(
      'test',
      (await writeKeras(hdf5, 'm', layers, SAVED_AT)).subarray(),
      DEFAULT_FILE_LIMITS,
    );
    const [, bi, last] = JSON.parse(new TextDecoder().decode(members.get('config.json'))).config.layers;
    expect(bi.config.return_sequences).toBeUndefined();
    expect([bi.config.layer, bi.config.backward_layer].map(({ config }) => config.return_sequences)).toEqual([
      true,
      true,
    ]);
    expect(last.config).toEqual(layers[1].config);
  });
});

describe('inKerasOrder', () => {
  it('counts cells by number', () => {
    const names = ['backward_layer.kernel', 'cells.10.bias', 'cells.2.bias', 'cells.2.kernel', 'forward_layer.bias'];
    const weights = new Map(names.toSorted().map((name) => [name, zerosOf([1])]));
    expect([...inKerasOrder(weights).keys()]).toEqual([
      'forward_layer.bias',
      'cells.2.kernel',
      'cells.2.bias',
      'cells.10.bias',
      'backward_layer.kernel',
    ]);
  });
});
