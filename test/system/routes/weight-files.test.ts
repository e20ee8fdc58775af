import { expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
import { createHdf5 } from '../../../src/files/hdf5/hdf5.ts';
import { writeKerasLegacy } from '../../../src/files/keras/files.ts';
import { treeOfLegacy } from '../../../src/files/keras/legacy-writer.ts';
import { readNpz } from '../../../src/files/numpy/npz.ts';
import { writeSafetensors } from '../../../src/files/safetensors/safetensors.ts';
import { goldenBytes } from '../../files/golden-files.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../../support/call.ts';
import { download, postFile, putFile } from '../../support/files.ts';
import { writeNpz } from '../../support/npz.ts';
import { onEveryStore, onMemory } from '../../support/serve.ts';

const SAFETENSORS = 'application/x-safetensors';
const NPZ = 'application/x-npz';
const HDF5 = 'application/x-hdf5';
const KERAS = 'application/x-keras';
const ONNX = 'application/x-onnx';

const stack = [
  { class_name: 'LSTMCell', config: { units: 3, dtype: 'float32' } },
  { class_name: 'GRUCell', config: { units: 2, reset_after: false } },
  { class_name: 'GRUCell', config: { units: 2 } },
];
const leaky = {
  activations: ['LeakyRelu', 'Tanh', 'HardSigmoid'],
  activation_alpha: [0.01, 0.3],
  activation_beta: [0.1],
};

/** Cells of every framework, with what no default is. */
const CELLS = [
  { class_name: 'SimpleRNNCell', config: { units: 3, activation: 'relu', name: 'my_cell' }, input_shape: [null, 2] },
  { class_name: 'GRUCell', config: { units: 3, reset_after: false, use_bias: false }, input_shape: [null, 2] },
  {
    class_name: 'LSTMCell',
    config: { units: 2, dtype: 'float64', recurrent_activation: 'hard_sigmoid' },
    input_shape: [null, 1],
  },
  { class_name: 'StackedRNNCells', config: { cells: stack }, input_shape: [null, 4] },
  { class_name: 'GRU', config: { units: 2, return_sequences: true, dtype: 'float16' }, input_shape: [null, 3] },
  { class_name: 'LSTM', config: { units: 2, dtype: 'bfloat16', go_backwards: true }, input_shape: [null, 3] },
  { class_name: 'RNN', config: { cell: stack, zero_output_for_mask: true }, input_shape: [null, 2] },
  {
    class_name: 'Bidirectional',
    config: { merge_mode: 'sum', layer: { class_name: 'GRU', config: { units: 2, activation: 'gelu' } } },
    input_shape: [null, 3],
  },
  {
    class_name: 'Bidirectional',
    config: { layer: { class_name: 'RNN', config: { cell: stack } } },
    input_shape: [null, 1],
  },
  { class_name: 'GRU', config: { units: 2 }, input_shape: [null, 0] },
  { framework: 'pytorch', class_name: 'RNNCell', config: { input_size: 2, hidden_size: 3, nonlinearity: 'relu' } },
  {
    framework: 'pytorch',
    class_name: 'LSTM',
    config: { input_size: 2, hidden_size: 3, num_layers: 2, bidirectional: true, proj_size: 2, batch_first: true },
  },
  {
    framework: 'pytorch',
    class_name: 'GRU',
    config: { input_size: 2, hidden_size: 3, bias: false, dtype: 'torch.float64' },
  },
  {
    framework: 'onnx',
    class_name: 'LSTM',
    config: {
      hidden_size: 2,
      direction: 'bidirectional',
      ...{ ...leaky, activations: [...leaky.activations, 'Sigmoid', 'Tanh', 'Tanh'] },
      clip: 0.7,
    },
    input_shape: [null, 3],
  },
  {
    framework: 'onnx',
    class_name: 'GRU',
    config: { hidden_size: 2, linear_before_reset: 1, dtype: 'float64', layout: 1 },
    input_shape: [null, 1],
  },
  { framework: 'onnx', class_name: 'RNN', config: { hidden_size: 2, dtype: 'bfloat16' }, input_shape: [null, 1] },
].map((cell, i) => ({ id: `c${i}`, ...cell }));
/** A stack whose sizes fit in two orders: a file that tells only the classes of its cells is not enough. */
const AMBIGUOUS = ['c6'];

function named(entries: Record<string, Tensor>): ReadonlyMap<string, Tensor> {
  return new Map(Object.entries(entries));
}

function floats(shape: readonly number[], fill = (i: number) => (i % 7) / 8): Tensor {
  return new Tensor(
    'float32',
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => fill(i)),
  );
}

/** What a file of weights only does not tell, as a query. */
function said({ framework, class_name }: { framework: string; class_name: string }, format: string): string {
  if (framework === 'pytorch' && !class_name.endsWith('Cell')) return '?config.batch_first=true';
  if (framework !== 'keras' || format !== HDF5) return '';
  return class_name === 'Bidirectional' ? '?config.merge_mode="sum"' : '?config.return_sequences=false';
}

const GRU_WEIGHTS = { kernel: floats([2, 9]), recurrent_kernel: floats([3, 9]), bias: floats([2, 9]) };

/** Every value by name, whatever its dtype. */
async function valuesOf(app: TestApp, cell: string): Promise<Record<string, number[]>> {
  const tensors = await readNpz((await download(app, cell, NPZ)).bytes);
  return Object.fromEntries([...tensors].map(([name, { data }]) => [name, Array.from(data, Number)]));
}

onMemory('a cell that goes out as a file', (served) => {
  it.each(CELLS)('comes back the same from safetensors: $class_name, $id', async (cell) => {
    const { app } = served;
    const { body: made } = await make(app, '/v1/cells', cell);
    const { bytes } = await download(app, cell.id, SAFETENSORS);
    const again = await postFile(app, SAFETENSORS, bytes, '?id=again');
    expect(again.status, again.text).toBe(201);
    const { framework, class_name, state_shapes, parameter_count } = made;
    expect(again.body).toMatchObject({ framework, class_name, state_shapes, parameter_count, built: true });
    expect(JSON.stringify(again.body.config)).toBe(JSON.stringify(made.config));
    // The whole file: config, names, order, dtypes and bits.
    expect((await download(app, 'again', SAFETENSORS)).bytes.equals(bytes)).toBe(true);
  });

  it.each(CELLS)('keeps its bits in every format that there is of it: $class_name, $id', async (cell) => {
    const { app } = served;
    const { body: made } = await make(app, '/v1/cells', cell);
    const before = (await download(app, cell.id, SAFETENSORS)).bytes;
    const formats = [SAFETENSORS, NPZ];
    if (made.framework === 'onnx') formats.push(ONNX);
    if (made.framework === 'keras') formats.push(KERAS, HDF5, `${HDF5}; profile=legacy`);
    await make(app, '/v1/cells', { ...cell, id: 'other', config: { ...made.config } });
    for (const format of formats) {
      const { bytes, headers } = await download(app, cell.id, format);
      const type = String(headers['content-type']);
      expect(format.startsWith(type), type).toBe(true);
      // Into another cell of the same config …
      const zeros = Object.fromEntries(
        made.variables.map(({ name, shape }: { name: string; shape: number[] }) => [
          name,
          { shape, data: Array(shape.reduce((a, b) => a * b, 1)).fill(0) },
        ]),
      );
      await call(app, 'PUT', '/v1/cells/other/weights', { weights: zeros });
      const put = await putFile(app, 'other', type, bytes);
      expect(put.status, `${format}: ${put.text}`).toBe(200);
      expect((await download(app, 'other', SAFETENSORS)).bytes.equals(before), format).toBe(true);
      // … and as a new one, where the format has a configuration or the sizes tell it.
      const again = await postFile(app, type, bytes, said(made, format));
      if (format === HDF5 && AMBIGUOUS.includes(cell.id)) {
        expectProblem(again, 'invalid-file', /order of the cells .*more than one order fit/);
        continue;
      }
      expect(again.status, `${format}: ${again.text}`).toBe(201);
      const [values, expected] = [await valuesOf(app, again.body.id), await valuesOf(app, cell.id)];
      expect(values, format).toEqual(expected);
      if (type === ONNX) expect(JSON.stringify(again.body.config)).toBe(JSON.stringify(made.config));
      if (type !== KERAS && !format.includes('legacy')) continue;
      const asLayer = made.class_name.endsWith('Cell') || made.class_name.endsWith('Cells');
      expect(again.body.class_name).toBe(asLayer ? 'RNN' : made.class_name);
      const config = asLayer ? again.body.config.cell.config : again.body.config;
      expect(JSON.stringify(config), format).toBe(JSON.stringify(made.config));
    }
  });

  it('is named after the cell, versioned by its ETag, and different for each Accept', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, id: 'a.cell', input_shape: [null, 1] });
    for (const [accept, type, name] of [
      [SAFETENSORS, SAFETENSORS, 'a.cell.safetensors'],
      [NPZ, NPZ, 'a.cell.npz'],
      [KERAS, KERAS, 'a.cell.keras'],
      [HDF5, HDF5, 'a.cell.weights.h5'],
      [`${HDF5};profile="legacy"`, HDF5, 'a.cell.h5'],
    ]) {
      const { headers } = await download(app, 'a.cell', accept);
      expect(headers).toMatchObject({ 'content-type': type, etag: '"1"', vary: 'Accept' });
      expect(headers['content-disposition']).toBe(`attachment; filename="${name}"`);
      const known = await app.inject({ url: '/v1/cells/a.cell/weights', headers: { accept, 'if-none-match': '"1"' } });
      expect(known).toMatchObject({ statusCode: 304, payload: '', headers: { etag: '"1"', vary: 'Accept' } });
    }
  });

  it('has the type that Accept prefers, and is JSON without a preference', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    for (const [accept, type] of [
      [undefined, 'application/json; charset=utf-8'],
      ['*/*', 'application/json; charset=utf-8'],
      ['application/*;q=0.1', 'application/json; charset=utf-8'],
      ['text/html, */*;q=0.8', 'application/json; charset=utf-8'],
      ['application/json;q=0.5, application/x-npz;q=0.6', NPZ],
      ['application/json;q=0, */*', SAFETENSORS],
    ] as const) {
      const reply = await app.inject({
        url: '/v1/cells/cell/weights',
        headers: accept === undefined ? {} : { accept },
      });
      expect(reply.headers, accept).toMatchObject({ 'content-type': type, vary: 'Accept', etag: '"1"' });
    }
  });

  it('is refused by 406, with what there is, where Accept names nothing of it', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/cells', { framework: 'onnx', ...ONNX_CELL });
    await make(app, '/v1/cells', { ...CELLS[10], id: 'torch' });
    const get = (cell: string, accept: string) => call(app, 'GET', `/v1/cells/${cell}/weights`, undefined, { accept });
    const keras = expectProblem(await get('cell', ONNX), 'not-acceptable', /x-onnx.*cell 'cell'/);
    expect(keras.detail).toMatch(
      /application\/json, .*x-npz, .*x-hdf5, application\/x-hdf5; profile=legacy, .*x-keras\.$/,
    );
    expectProblem(
      await get('node', KERAS),
      'not-acceptable',
      /json, application\/x-safetensors, application\/x-npz, application\/x-onnx\.$/,
    );
    expectProblem(
      await get('torch', HDF5),
      'not-acceptable',
      /json, application\/x-safetensors, application\/x-npz\.$/,
    );
    expectProblem(await get('cell', 'image/png'), 'not-acceptable');
    expectProblem(await get('cell', 'application/x-hdf5; profile=odd'), 'not-acceptable');
    expectProblem(await get('none', KERAS), 'not-found');
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, id: 'unbuilt' });
    expectProblem(await get('unbuilt', KERAS), 'not-built');
  });

  it('is not a file of Keras where it has stacks inside stacks', async () => {
    const { app } = served;
    const inner = { class_name: 'StackedRNNCells', config: { cells: stack } };
    const config = { cells: [inner, { class_name: 'LSTMCell', config: { units: 1 } }] };
    await make(app, '/v1/cells', { id: 's', class_name: 'StackedRNNCells', config, input_shape: [null, 1] });
    for (const accept of [KERAS, HDF5, `${HDF5};profile=legacy`]) {
      const reply = await call(app, 'GET', '/v1/cells/s/weights', undefined, { accept });
      expectProblem(reply, 'not-acceptable', /'cells.0.cells.0.kernel'.*application\/x-safetensors/);
    }
    const { bytes } = await download(app, 's', NPZ);
    const again = await postFile(app, NPZ, bytes);
    expect((await download(app, again.body.id, NPZ)).bytes.equals(bytes)).toBe(true);
  });

  it('is not a legacy HDF5 file where its names cannot be told apart there', async () => {
    const { app } = served;
    const twins = [1, 2].map((units) => ({ class_name: 'GRUCell', config: { units, name: 'twin' } }));
    await make(app, '/v1/cells', {
      id: 's',
      class_name: 'StackedRNNCells',
      config: { cells: twins },
      input_shape: [null, 1],
    });
    const reply = await call(app, 'GET', '/v1/cells/s/weights', undefined, { accept: `${HDF5};profile=legacy` });
    expectProblem(reply, 'not-acceptable', /"twin".*application\/x-keras/);
    await download(app, 's', KERAS);
  });

  it.each(['.', '..', 'ünï', 'a b', 'a.b', '\ud800', 'x'.repeat(200)])('may have the name %j', async (name) => {
    const { app } = served;
    const config = { units: 1, name };
    await make(app, '/v1/cells', { id: 'odd', class_name: 'LSTM', config, input_shape: [null, 1] });
    const before = (await download(app, 'odd', NPZ)).bytes;
    for (const accept of [SAFETENSORS, KERAS, HDF5, `${HDF5};profile=legacy`]) {
      const { bytes, headers } = await download(app, 'odd', accept);
      const query = accept === HDF5 ? '?config.return_sequences=false' : '';
      const again = await postFile(app, String(headers['content-type']), bytes, query);
      expect(again.status, `${accept} ${again.text}`).toBe(201);
      expect((await download(app, again.body.id, NPZ)).bytes.equals(before)).toBe(true);
    }
  });
});

const ONNX_CELL = { id: 'node', class_name: 'RNN', config: { hidden_size: 1 }, input_shape: [null, 1] };

onEveryStore('a file that becomes a cell', (served) => {
  it('has the id and precision of the query, or an id of the service', async () => {
    const { app } = served;
    const file = writeNpz(named(GRU_WEIGHTS));
    const made = await postFile(app, NPZ, file, '?id=gru&precision=exact');
    expect(made).toMatchObject({ status: 201, headers: { location: '/v1/cells/gru', etag: '"1"' } });
    expect(made.body).toMatchObject({ id: 'gru', class_name: 'GRUCell', version: 1, precision: 'exact', built: true });
    expect((await postFile(app, NPZ, file)).body.id).toMatch(/^cell_a\d+$/);
    expectProblem(await postFile(app, NPZ, file, '?id=gru'), 'already-exists');
    expectProblem(await postFile(app, NPZ, file, '?id=no/id'), 'invalid-request');
    expectProblem(await postFile(app, NPZ, file, '?precision=high'), 'invalid-request');
    const step = await call(app, 'POST', '/v1/cells/gru/steps', { inputs: [[1, 2]] });
    expect(step.status, step.text).toBe(200);
  });

  it('is made once for one Idempotency-Key', async () => {
    const { app } = served;
    const key = { 'idempotency-key': 'k' };
    const file = writeNpz(named(GRU_WEIGHTS));
    const first = await postFile(app, NPZ, file, '', key);
    const second = await postFile(app, NPZ, file, '', key);
    expect(second.text).toBe(first.text);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect((await call(app, 'GET', '/v1/cells')).body.items.length).toBe(1);
    const other = writeNpz(named({ ...GRU_WEIGHTS, bias: floats([2, 9], () => 1) }));
    expectProblem(await postFile(app, NPZ, other, '', key), 'idempotency-key-reused');
  });

  it('takes the place of all weights of a cell, or of none', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { id: 'gru', class_name: 'GRUCell', config: { units: 3 }, input_shape: [null, 2] });
    const before = (await download(app, 'gru', NPZ)).bytes;
    const { bias, ...rest } = GRU_WEIGHTS;
    const odd = writeNpz(named({ ...rest, bias: floats([9]) }));
    expectProblem(await putFile(app, 'gru', NPZ, odd), 'wrong-shape', /'bias' has shape \[9\]. Send shape \[2,9\]/);
    expectProblem(await putFile(app, 'gru', NPZ, writeNpz(named(rest))), 'wrong-shape', /'bias' is missing/);
    const file = writeNpz(named(GRU_WEIGHTS));
    expectProblem(await putFile(app, 'gru', NPZ, file, { headers: { 'if-match': '"2"' } }), 'version-mismatch');
    expect((await download(app, 'gru', NPZ)).bytes.equals(before)).toBe(true);

    const headers = { 'if-match': '"1"', 'idempotency-key': 'k' };
    const put = await putFile(app, 'gru', NPZ, file, { headers });
    expect(put).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { version: 2 } });
    expect((await download(app, 'gru', NPZ)).bytes.equals(file)).toBe(true);
    const replayed = await putFile(app, 'gru', NPZ, file, { headers });
    expect(replayed).toMatchObject({ text: put.text, headers: { 'idempotency-replayed': 'true' } });
    expectProblem(await putFile(app, 'none', NPZ, file), 'not-found');
    await make(app, '/v1/cells', { id: 'unbuilt', class_name: 'GRUCell', config: { units: 3 } });
    expectProblem(await putFile(app, 'unbuilt', NPZ, file), 'not-built');
  });
});

onMemory('a file with several layers', (served) => {
  it('is asked which, and names those that it has', async () => {
    const { app } = served;
    const keras = goldenBytes('gru_lstm.keras');
    const bare = goldenBytes('gru_lstm.weights.h5');
    const asked = expectProblem(await postFile(app, HDF5, bare), 'several-layers', /'gru_a', 'lstm_a'.*\?layer=/);
    expect(asked.layers).toEqual(['gru_a', 'lstm_a']);
    expectProblem(
      await postFile(app, KERAS, keras, '?layer=rnn'),
      'invalid-value',
      /no layer 'rnn'.*'gru_a', 'lstm_a'/,
    );
    expect((await call(app, 'GET', '/v1/cells')).body.items).toEqual([]);
    const made = await postFile(app, KERAS, keras, '?layer=lstm_a&id=lstm');
    expect(made.body).toMatchObject({ class_name: 'LSTM', config: { name: 'lstm_a' } });
    expectProblem(await putFile(app, 'lstm', KERAS, keras), 'several-layers');
    expectProblem(await putFile(app, 'lstm', KERAS, keras, { query: '?layer=gru_a' }), 'wrong-shape');
    expect((await putFile(app, 'lstm', KERAS, keras, { query: '?layer=lstm_a' })).status).toBe(200);
  });

  it('tells modules of PyTorch by what stands before their names', async () => {
    const { app } = served;
    const module = (prefix: string, hidden: number) => ({
      [`${prefix}weight_ih_l0`]: floats([3 * hidden, 2]),
      [`${prefix}weight_hh_l0`]: floats([3 * hidden, hidden]),
      [`${prefix}bias_ih_l0`]: floats([3 * hidden]),
      [`${prefix}bias_hh_l0`]: floats([3 * hidden]),
    });
    const head = { 'head.weight': floats([1, 4]), 'head.bias': floats([1]) };
    const one = writeSafetensors(named({ ...module('encoder.gru.', 2), ...head }));
    expect((await postFile(app, SAFETENSORS, one, '?config.batch_first=true')).body).toMatchObject({
      class_name: 'GRU',
      config: { hidden_size: 2, batch_first: true },
      imported: { layers: ['encoder.gru'], skipped: [{ name: 'head.weight' }, { name: 'head.bias' }] },
    });
    const two = writeSafetensors(named({ ...module('encoder.gru.', 2), ...module('', 4), ...head }));
    const asked = expectProblem(await postFile(app, SAFETENSORS, two), 'several-layers');
    expect(asked.layers).toEqual(['encoder.gru', '.']);
    const top = await postFile(app, SAFETENSORS, two, '?layer=.&config.batch_first=false');
    expect(top.body).toMatchObject({ class_name: 'GRU', config: { hidden_size: 4 } });
    expectProblem(await postFile(app, SAFETENSORS, two, '?layer=tail'), 'invalid-value', /'encoder.gru', '.'/);
  });

  it('passes over tensors that are not a whole layer, unless there is nothing else', async () => {
    const { app } = served;
    const part = { 'old.kernel': floats([2, 9]), step: new Tensor('int64', [], BigInt64Array.of(7n)) };
    const file = writeNpz(named({ ...GRU_WEIGHTS, ...part }));
    expect((await postFile(app, NPZ, file)).body).toMatchObject({ class_name: 'GRUCell' });
    expectProblem(await postFile(app, NPZ, writeNpz(named(part))), 'invalid-file', /'old' .* no 'recurrent_kernel'/);
    expectProblem(await postFile(app, NPZ, file, '?layer=old'), 'invalid-file', /'old' .* no 'recurrent_kernel'/);
    const none = writeNpz(named({ step: part.step }));
    expectProblem(await postFile(app, NPZ, none), 'invalid-file', /'step'.*kernel, recurrent_kernel/);
    expectProblem(await postFile(app, NPZ, writeNpz(new Map())), 'invalid-file', /nothing/);
  });
});

onMemory('weights of another dtype', (served) => {
  const gru = { id: 'gru', class_name: 'GRUCell', config: { units: 3 }, input_shape: [null, 2] };
  const wide = (fill: number) => {
    const entries = Object.entries(GRU_WEIGHTS).map(([name, { shape, data }]) => {
      return [name, new Tensor('float64', shape, new Float64Array(data.length).fill(fill))] as const;
    });
    return writeNpz(new Map(entries));
  };

  it('are cast to the dtype of their cell, by the rules of an assignment', async () => {
    const { app } = served;
    await make(app, '/v1/cells', gru);
    expect((await putFile(app, 'gru', NPZ, wide(0.1))).status).toBe(200);
    const { body } = await call(app, 'GET', '/v1/cells/gru/variables/bias');
    expect(body).toMatchObject({ dtype: 'float32', value: [Array(9).fill(0.1), Array(9).fill(0.1)] });
    expectProblem(await putFile(app, 'gru', NPZ, wide(1e39)), 'value-out-of-range', /1e\+39/);
  });

  it('make a cell of that dtype, where all have it', async () => {
    const { app } = served;
    const made = await postFile(app, NPZ, wide(0.1));
    expect(made.body.variables.map(({ dtype }: { dtype: string }) => dtype)).toEqual(Array(3).fill('float64'));
    const mixed = writeNpz(named({ ...GRU_WEIGHTS, bias: new Tensor('float16', [2, 9], new Float32Array(18)) }));
    const other = await postFile(app, NPZ, mixed);
    expect(other.body.variables.map(({ dtype }: { dtype: string }) => dtype)).toEqual(Array(3).fill('float32'));
  });

  it('are refused where they are integers', async () => {
    const { app } = served;
    await make(app, '/v1/cells', gru);
    const integers = writeNpz(named({ ...GRU_WEIGHTS, bias: new Tensor('int32', [2, 9], new Int32Array(18)) }));
    expectProblem(await putFile(app, 'gru', NPZ, integers), 'invalid-file', /'bias' is of dtype int32/);
    expectProblem(await postFile(app, NPZ, integers), 'invalid-file', /'bias' is of dtype int32/);
  });
});

onMemory('what a file says of itself', (served) => {
  const describe = (description: unknown) => {
    const text = typeof description === 'string' ? description : JSON.stringify(description);
    return writeSafetensors(named(GRU_WEIGHTS), { cellstep_cell: text });
  };

  it('is checked as strictly as a request', async () => {
    const { app } = served;
    const gru = { framework: 'keras', class_name: 'GRUCell', config: { units: 3 } };
    expect((await postFile(app, SAFETENSORS, describe(gru))).status).toBe(201);
    for (const [description, code] of [
      ['{', 'invalid-file'],
      [[], 'invalid-file'],
      [{ ...gru, framework: 'jax' }, 'invalid-file'],
      [{ ...gru, more: 1 }, 'invalid-file'],
      [{ ...gru, class_name: 'Dense' }, 'invalid-config'],
      [{ ...gru, config: { units: 3, unit: 4 } }, 'invalid-config'],
      [{ ...gru, config: { units: '3' } }, 'invalid-config'],
      [{ ...gru, config: { units: 4 } }, 'wrong-shape'],
      [{ ...gru, config: { units: 1e9 } }, 'limit-exceeded'],
      [{ ...gru, class_name: '__proto__' }, 'invalid-config'],
    ] as const) {
      expectProblem(await postFile(app, SAFETENSORS, describe(description)), code);
    }
    expect((await call(app, 'GET', '/v1/cells')).body.items.length).toBe(1);
  });
});

onMemory('content types', (served) => {
  it('that a route does not take are refused by 415, with those that it takes', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const file = writeNpz(named(GRU_WEIGHTS));
    const refuse = async (method: 'POST' | 'PUT', url: string, type: string, detail: RegExp) =>
      expectProblem(await call(app, method, url, file, { 'content-type': type }), 'unsupported-media-type', detail);
    await refuse('POST', '/v1/cells', 'application/x-tar', /'application\/x-tar'.*application\/json, .*x-npz/);
    await refuse('PUT', '/v1/cells/cell/weights', 'application/x-tar', /application\/json, .*x-onnx/);
    await refuse(
      'POST',
      '/v1/cells/cell/steps',
      NPZ,
      /does not accept Content-Type 'application\/x-npz'\. Send application\/json, application\/x-safetensors\.$/,
    );
    await refuse('POST', '/v1/checkpoints', NPZ, /Send application\/json, application\/x-safetensors\.$/);
    expect((await postFile(app, 'Application/X-NPZ; charset=binary', file)).status).toBe(201);
  });

  it('of JSON take no parameter that is for files', async () => {
    const { app } = served;
    for (const query of ['?id=x', '?layer=x', '?precision=exact'])
      expectProblem(
        await call(app, 'POST', `/v1/cells${query}`, TUTORIAL_CELL),
        'invalid-request',
        /is only for a body that is a file/,
      );
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const weights = { kernel: [[1]], recurrent_kernel: [[1]], bias: [1] };
    const put = await call(app, 'PUT', '/v1/cells/cell/weights?layer=x', { weights });
    expectProblem(put, 'invalid-request', /\?layer/);
    expectProblem(await call(app, 'POST', '/v1/cells', { ...TUTORIAL_CELL, unit: 1 }), 'invalid-request', /"unit"/);
  });

  it('of files have the limit of checkpoints, JSON has the limit of bodies', async () => {
    const app = await startApp({ limits: { maxBodyBytes: 2048, maxCheckpointBytes: 8192 } });
    const big = writeNpz(named({ ...GRU_WEIGHTS, 'x.y': floats([600]) }));
    expect(big.length).toBeGreaterThan(2048);
    expect((await postFile(app, NPZ, big)).status).toBe(201);
    const bigger = writeNpz(named({ ...GRU_WEIGHTS, 'x.y': floats([6000]) }));
    expectProblem(await postFile(app, NPZ, bigger), 'body-too-large', /8192 bytes/);
    const json = { ...TUTORIAL_CELL, config: { ...TUTORIAL_CELL.config, name: 'x'.repeat(4000) } };
    expectProblem(await call(app, 'POST', '/v1/cells', json), 'body-too-large', /2048 bytes/);
    await app.close();
  });
});

onMemory('a file that Keras 2 wrote', (served) => {
  const legacy = async (more: JsonObject, version?: string) => {
    const config = { name: 'old', units: 3, dtype: 'float32', implementation: 2, reset_after: true, ...more };
    const weights = new Map(Object.entries(GRU_WEIGHTS));
    if (version !== undefined) {
      const layer = { name: 'old', framework: 'keras', className: 'GRU', config, weights } as const;
      const { groups, ...tree } = treeOfLegacy('model', [layer]);
      const root = { ...groups.get(''), keras_version: version };
      return createHdf5().write({ ...tree, groups: new Map([...groups, ['', root]]) });
    }
    return writeKerasLegacy(createHdf5(), 'model', [
      { name: 'old', framework: 'keras', className: 'GRU', config, weights },
    ]);
  };

  it('may have the options that Keras 3 has no more, where they change nothing', async () => {
    const { app } = served;
    const glorot = { class_name: 'GlorotUniform', config: { seed: null } };
    const old = { time_major: false, batch_input_shape: [null, null, 2], kernel_initializer: glorot };
    const made = await postFile(app, HDF5, await legacy(old));
    expect(made, made.text).toMatchObject({
      status: 201,
      body: { class_name: 'GRU', config: { name: 'old', units: 3 } },
    });
    expect(made.body.config).not.toHaveProperty('time_major');
    const other = await postFile(app, HDF5, await legacy({ time_major: true }));
    expectProblem(other, 'invalid-config', /time_major/);
  });

  it('means by hard_sigmoid what Keras 2 meant', async () => {
    const { app } = served;
    const options = { recurrent_activation: 'hard_sigmoid', activation: 'linear' };
    const z = async (id: string, version: string) => {
      await postFile(app, HDF5, await legacy(options, version), `?id=${id}`);
      const reply = await call(app, 'POST', `/v1/cells/${id}/steps`, { inputs: [[1, 1]], trace: true });
      expect(reply.status, reply.text).toBe(200);
      return reply.body.trace.z as { before: number[][]; after: number[][] };
    };
    const [old, present] = [await z('old', '2.15.0'), await z('present', '3.15.1')];
    expect(old.before).toEqual(present.before);
    const gate = old.before[0].map((value) => Math.min(Math.max(0.2 * value + 0.5, 0), 1));
    old.after[0].forEach((value, i) => {
      expect(value).toBeCloseTo(gate[i], 6);
    });
    expect(old.after).not.toEqual(present.after);
    // Keras 3 has no name for it: the cell goes out, and comes back, as safetensors only.
    const accept = { accept: KERAS };
    expectProblem(await call(app, 'GET', '/v1/cells/old/weights', undefined, accept), 'not-acceptable', /Keras 2/);
    const again = await postFile(app, SAFETENSORS, (await download(app, 'old', SAFETENSORS)).bytes);
    expect(again.status, again.text).toBe(201);
  });
});
