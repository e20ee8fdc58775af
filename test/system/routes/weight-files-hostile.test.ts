import { monitorEventLoopDelay } from 'node:perf_hooks';
import { strToU8, zipSync } from 'fflate';
import { File, ready } from 'h5wasm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PYTORCH, WEIGHT_FILE_TYPES } from '../../../src/domain/media-types.ts';
import { zeros } from '../../../src/domain/tensor.ts';
import { writeNpy } from '../../../src/files/numpy/npy.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { goldenBytes } from '../../files/golden-files.ts';
import { randomFrom } from '../../files/hostile.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { type Called, call, expectAnyProblem, expectProblem } from '../../support/call.ts';
import { download, postFile, putFile } from '../../support/files.ts';
import { writeNpz } from '../../support/npz.ts';
import { dump } from '../../support/stores.ts';

const [SAFETENSORS, NPZ, HDF5, KERAS, ONNX] = WEIGHT_FILE_TYPES;

const GOLDENS = [
  [SAFETENSORS, 'gru.safetensors'],
  [NPZ, 'gru_deflated.npz'],
  [HDF5, 'simple_rnn.weights.h5'],
  [HDF5, 'simple_rnn.h5'],
  [KERAS, 'simple_rnn.keras'],
  [ONNX, 'gru.onnx'],
  [PYTORCH, '../pytorch_modules/lstm.pt'],
] as const;

const MIB = 2 ** 20;
let app: TestApp;
let store: ReturnType<typeof openMemoryStore>;
let before: unknown;

beforeEach(async () => {
  store = openMemoryStore();
  app = await startApp({ store, limits: { maxCheckpointBytes: 8 * MIB } });
  await call(app, 'POST', '/v1/cells', {
    id: 'gru',
    class_name: 'GRUCell',
    config: { units: 3 },
    input_shape: [null, 2],
  });
  before = await dump(store);
});
afterEach(() => app.close());

/** Refused whether it is to become a cell or to be put into one, and nothing has changed. */
async function expectRefused(type: string, bytes: Uint8Array, codes = ['invalid-file']): Promise<string> {
  const replies: Called[] = [await postFile(app, type, bytes), await putFile(app, 'gru', type, bytes)];
  for (const reply of replies) expect(codes, reply.text).toContain(expectAnyProblem(reply).code);
  expect(await dump(store)).toEqual(before);
  return replies[0].body.detail;
}

/** What a file is refused for must not be read into memory first, nor keep others waiting. */
async function watched(work: () => Promise<unknown>): Promise<{ longestMs: number; grownBytes: number }> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const start = process.memoryUsage().rss;
  delay.enable();
  await work();
  delay.disable();
  return { longestMs: delay.max / 1e6, grownBytes: process.memoryUsage().rss - start };
}

describe('a file that is not what it should be', () => {
  it.each(GOLDENS)('%s %s is refused wherever it is cut off', async (type, file) => {
    const bytes = goldenBytes(file);
    const parts = type === HDF5 || type === KERAS ? 4 : 40;
    for (let part = 0; part < parts; part++) {
      await expectRefused(type, bytes.subarray(0, Math.floor((bytes.length * part) / parts)));
    }
    await expectRefused(type, bytes.subarray(0, bytes.length - 1));
  });

  it.each([...WEIGHT_FILE_TYPES, PYTORCH])('is refused under %s where it is of another type', async (type) => {
    for (const [own, file] of GOLDENS) if (own !== type) await expectRefused(type, goldenBytes(file));
    await expectRefused(type, strToU8('{"class_name":"GRUCell","config":{"units":1}}'));
    await expectRefused(type, new Uint8Array());
    await expectRefused(type, new Uint8Array(100_000).fill(0xff));
  });

  it.each(GOLDENS)('%s %s is taken or refused, whatever is damaged in it', async (type, file) => {
    const random = randomFrom(1);
    const golden = goldenBytes(file);
    for (let round = 0; round < (type === HDF5 || type === KERAS ? 10 : 200); round++) {
      const bytes = new Uint8Array(golden);
      for (let flips = 0; flips < 3; flips++)
        bytes[Math.floor(random() * bytes.length)] ^= 1 << Math.floor(random() * 8);
      const reply = await postFile(app, type, bytes);
      if (reply.status !== 201) expectAnyProblem(reply);
      expect(reply.status).toBeLessThan(500);
    }
  });
});

describe('a small file that claims to be huge', () => {
  const limits = ['invalid-file', 'limit-exceeded'];

  async function expectCheap(type: string, bytes: Uint8Array, codes = limits): Promise<void> {
    expect(bytes.length).toBeLessThan(8 * MIB);
    const { longestMs, grownBytes } = await watched(() => expectRefused(type, bytes, codes));
    expect(longestMs).toBeLessThan(1000);
    expect(grownBytes).toBeLessThan(256 * MIB);
  }

  it('by its safetensors header', async () => {
    const header = (shape: number[], end: number) => {
      const json = strToU8(JSON.stringify({ weight_ih: { dtype: 'F32', shape, data_offsets: [0, end] } }));
      const file = new Uint8Array(8 + json.length);
      new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
      file.set(json, 8);
      return file;
    };
    await expectCheap(SAFETENSORS, header([50_000, 50_000], 1e10));
    await expectCheap(SAFETENSORS, header([2 ** 40, 2 ** 40], 1e10));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, 10n ** 10n, true);
    await expectCheap(SAFETENSORS, length);
  });

  it('by the shape of an array in an npz', async () => {
    const text = (shape: string) => `{'descr': '<f4', 'fortran_order': True, 'shape': ${shape}, }`.padEnd(117);
    const npy = (shape: string) => {
      const file = new Uint8Array(128);
      file.set(writeNpy(zeros('float32', [1])).subarray(0, 10));
      file.set(strToU8(`${text(shape)}\n`), 10);
      return file;
    };
    await expectCheap(NPZ, zipSync({ 'kernel.npy': npy('(50000, 50000)') }, { level: 0 }));
    await expectCheap(NPZ, zipSync({ 'kernel.npy': npy(`(${'9'.repeat(40)},)`) }, { level: 0 }));
  });

  it('by unpacking to a thousand times its size', async () => {
    const bomb = zipSync({ 'kernel.npy': new Uint8Array(512 * MIB) }, { level: 9 });
    await expectCheap(NPZ, bomb, ['limit-exceeded']);
    await expectCheap(KERAS, bomb, ['limit-exceeded']);
    // The same, but the directory has another size.
    const liar = new Uint8Array(bomb);
    const view = new DataView(liar.buffer);
    view.setUint32(view.getUint32(liar.length - 6, true) + 24, 1000, true);
    await expectCheap(NPZ, liar, ['invalid-file']);
  });

  it('by many members that share their bytes', async () => {
    const npz = writeNpz(
      new Map([
        ['kernel', zeros('float32', [500, 500])],
        ['recurrent_kernel', zeros('float32', [1, 1])],
      ]),
    );
    const twice = new Uint8Array(npz);
    const view = new DataView(twice.buffer);
    const directory = view.getUint32(twice.length - 6, true);
    const second = directory + 46 + view.getUint16(directory + 28, true);
    view.setUint32(second + 42, 0, true);
    await expectCheap(NPZ, twice, ['invalid-file']);
  });

  it('by an HDF5 dataset of which nothing is stored', async () => {
    const { FS } = await ready;
    const file = new File('/huge.h5', 'w');
    const group = file.create_group('layers').create_group('gru').create_group('cell').create_group('vars');
    for (const name of ['0', '1', '2']) {
      group.create_dataset({
        name,
        data: new Float32Array(4),
        shape: [2, 2],
        maxshape: [null, null],
        chunks: [1000, 1000],
        compression: 9,
      });
      file.get(`layers/gru/cell/vars/${name}`);
      const dataset = group.get(name);
      if (dataset && 'resize' in dataset) dataset.resize([50_000, 50_000]);
    }
    file.flush();
    file.close();
    const bytes = FS.readFile('/huge.h5');
    FS.unlink('/huge.h5');
    await expectCheap(HDF5, bytes, ['limit-exceeded']);
    const members = {
      'metadata.json': strToU8('{}'),
      'config.json': strToU8('{"config":{"layers":[]}}'),
      'model.weights.h5': bytes,
    };
    await expectCheap(KERAS, zipSync(members, { level: 0 }), ['limit-exceeded']);
  });

  it('by the dimensions of an ONNX tensor', async () => {
    const onnx = new Uint8Array(goldenBytes('rnn.onnx'));
    // dims of W: field 1, varint 3 → 127
    const at = Buffer.from(onnx).indexOf(Buffer.from([0x08, 1, 0x08, 3, 0x08, 2]));
    expect(at).toBeGreaterThan(0);
    for (const offset of [1, 3, 5]) onnx[at + offset] = 0x7f;
    await expectCheap(ONNX, onnx, ['invalid-file']);
  });
});

describe('a large file', () => {
  it('of nothing but names does not keep others waiting', async () => {
    const entries = Array.from({ length: 150_000 }, (_, i) => `"${'cells.1.'.repeat(2)}${i}":{}`).join(',');
    const json = strToU8(`{${entries}}`);
    const file = new Uint8Array(8 + json.length);
    new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
    file.set(json, 8);
    const { longestMs } = await watched(() => expectRefused(SAFETENSORS, file, ['invalid-file', 'limit-exceeded']));
    expect(longestMs).toBeLessThan(2000);
  });

  it('of real weights does not keep others waiting, out and in', async () => {
    const big = await startApp();
    const cell = { id: 'big', class_name: 'LSTMCell', config: { units: 1024, recurrent_initializer: 'zeros' } };
    await call(big, 'POST', '/v1/cells', { ...cell, input_shape: [null, 1024] });
    for (const type of [SAFETENSORS, NPZ, HDF5]) {
      const out = await watched(() => download(big, 'big', type));
      expect(out.longestMs, `${type} out`).toBeLessThan(2000);
      const { bytes } = await download(big, 'big', type);
      expect(bytes.length).toBeGreaterThan(32 * MIB);
      const back = await watched(async () => expect((await putFile(big, 'big', type, bytes)).status).toBe(200));
      expect(back.longestMs, `${type} in`).toBeLessThan(2000);
    }
    await big.close();
  });

  it('of more units, elements or layers than the service takes is refused', async () => {
    const small = await startApp({ limits: { maxUnits: 2, maxElements: 1000 } });
    expectProblem(
      await postFile(small, SAFETENSORS, goldenBytes('rnn_cell.safetensors')),
      'limit-exceeded',
      /hidden_size/,
    );
    const wide = writeNpz(
      new Map([
        ['kernel', zeros('float32', [600, 2])],
        ['recurrent_kernel', zeros('float32', [2, 2])],
      ]),
    );
    expectProblem(await postFile(small, NPZ, wide), 'limit-exceeded', /CELLSTEP_MAX_ELEMENTS/);
    await small.close();
  });
});
