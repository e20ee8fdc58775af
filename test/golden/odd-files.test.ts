import { readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { call, expectProblem } from '../support/call.ts';
import { download, postFile, putFile } from '../support/files.ts';
import { sharedApp } from '../support/serve.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor } from './compare.ts';

interface Run {
  readonly class: string;
  readonly inputs: GoldenTensor;
  readonly output: GoldenTensor;
}

const DIRECTORY = new URL('odd_files/', import.meta.url);
const FILES = readdirSync(DIRECTORY);
const EXPECTED: { keras: Record<string, Record<string, Run>>; onnx: Record<string, Omit<Run, 'class'>> } = JSON.parse(
  readFileSync(new URL('expected.json', DIRECTORY), 'utf8'),
);
const [KERAS, HDF5, ONNX] = ['application/x-keras', 'application/x-hdf5', 'application/x-onnx'];
/** Files whose classes are the model's own. */
const CUSTOM = ['registered', 'custom', 'subclassed'];

let app: TestApp;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
});

function bytesOf(file: string): Uint8Array {
  return readFileSync(new URL(file, DIRECTORY));
}

function typeOf(file: string): string {
  return file.endsWith('.keras') ? KERAS : HDF5;
}

async function outputOf(cell: string, inputs: FlatTensor, more: object = {}): Promise<FlatTensor> {
  const reply = await call(app, 'POST', `/v1/cells/${cell}/sequences`, { inputs, ...more, tensor_format: 'flat' });
  expect(reply.status, reply.text).toBe(200);
  return reply.body.output;
}

function expectHalf(actual: FlatTensor, expected: GoldenTensor): void {
  expect(actual.shape).toEqual(expected.shape);
  for (const [i, value] of expected.data.entries())
    expect(Math.abs(Number(actual.data[i]) - Number(value))).toBeLessThan(0.02);
}

const known = Object.entries(EXPECTED.keras).flatMap(([stem, runs]) => {
  const files = FILES.filter((file) => file === `${stem}.keras` || file === `${stem}.h5`);
  return CUSTOM.includes(stem) ? [] : files.map((file) => ({ file, runs: Object.entries(runs) }));
});

describe('a layer of a model of Keras, with the configuration that the file has', () => {
  it.each(known)('computes the same from $file', async ({ file, runs }) => {
    // Layers of one name are told apart by where they stand.
    const names = runs.map(([path]) => path.split('/').at(-1) ?? '');
    const asked = await postFile(app, typeOf(file), bytesOf(file), '?layer=none of them');
    for (const [i, [path, run]] of runs.entries()) {
      const twin = names.filter((name) => name === names[i]).length > 1;
      const archive = `layers/sequential${path.startsWith('decoder') ? '_1' : ''}/layers/lstm`;
      const layer = twin ? (file.endsWith('.keras') ? archive : path) : names[i];
      expect(asked.body.detail).toContain(`'${layer}'`);
      const made = await postFile(app, typeOf(file), bytesOf(file), `?layer=${layer}&id=cell${i}`);
      expect(made, made.text).toMatchObject({ status: 201, body: { class_name: run.class } });
      const output = await outputOf(`cell${i}`, asRequest(run.inputs));
      if (file.startsWith('bfloat16')) expectHalf(output, run.output);
      else expectClose(output, run.output, path);
      // What the cell is written as is read as the same again.
      for (const accept of [KERAS, `${HDF5}; profile=legacy`]) {
        const { bytes } = await download(app, `cell${i}`, accept);
        const again = await postFile(app, accept.split(';')[0], bytes);
        expect(again.status, again.text).toBe(201);
        expect(await outputOf(again.body.id, asRequest(run.inputs)), accept).toEqual(output);
      }
    }
  });
});

describe('a layer whose class is not one of Keras', () => {
  it.each(CUSTOM)('is not guessed from %s.keras, but made where a client says what it is', async (stem) => {
    const bytes = bytesOf(`${stem}.keras`);
    const [[, run]] = Object.entries(EXPECTED.keras[stem]);
    const reasons = { registered: /MyGRU/, custom: /inside 'block'.*'Block'/, subclassed: /does not name it/ };
    const asked = expectProblem(
      await postFile(app, KERAS, bytes),
      'ambiguous-file',
      reasons[stem as keyof typeof reasons],
    );
    expect(asked.errors).toContainEqual(expect.objectContaining({ pointer: '?config.activation' }));
    const query = stem === 'registered' ? '?class_name=GRU' : '?config.activation="relu"';
    const made = await postFile(app, KERAS, bytes, `${query}&id=made`);
    expect(made, made.text).toMatchObject({ status: 201, body: { config: { activation: 'relu' } } });
    expectClose(await outputOf('made', asRequest(run.inputs)), run.output, stem);
  });
});

describe('an export of torch.onnx', () => {
  const runs = Object.entries(EXPECTED.onnx).map(([file, run]) => ({ file, ...run }));

  /** The model and what torch wrote beside it, as curl sends them. */
  async function post(file: string, names: Readonly<Record<string, string>>) {
    const form = new FormData();
    form.append('model', new Blob([Buffer.from(bytesOf(file))]), file);
    for (const [name, data] of Object.entries(names))
      form.append('data', new Blob(FILES.includes(data) ? [Buffer.from(bytesOf(data))] : []), name);
    const body = new Response(form);
    const bytes = new Uint8Array(await body.arrayBuffer());
    return postFile(app, body.headers.get('content-type') ?? '', bytes, '?id=net');
  }

  it.each(runs)('computes the same from $file', async ({ file, inputs, output }) => {
    const beside = FILES.filter((name) => name === `${file}.data` || (file === 'beside.onnx' && name === 'beside.bin'));
    const made = await post(file, Object.fromEntries(beside.map((name) => [name, name])));
    expect(made.status, made.text).toBe(201);
    const ours = await outputOf('net', asRequest(inputs));
    // [time, directions, batch, hidden] → [time, batch, directions · hidden]
    const [time, directions, batch, hidden] = ours.shape;
    expect([time, batch, directions * hidden]).toEqual(output.shape);
    const data = output.data.map((_, at) => {
      const [t, b, d, k] = [
        Math.floor(at / (batch * directions * hidden)),
        Math.floor(at / (directions * hidden)) % batch,
        Math.floor(at / hidden) % directions,
        at % hidden,
      ];
      return ours.data[((t * directions + d) * batch + b) * hidden + k];
    });
    expectClose({ shape: output.shape, data }, output, file);
  });

  it('says to send the data that is in another file, and opens none', async () => {
    const asked = await postFile(app, ONNX, bytesOf('beside.onnx'));
    expectProblem(asked, 'invalid-file', /'beside.bin'.*multipart\/form-data/);
    expectProblem(await post('beside.onnx', { 'other.bin': 'beside.bin' }), 'invalid-file', /'beside.bin'/);
    expectProblem(await post('beside.onnx', { 'beside.bin': 'nothing' }), 'invalid-file', /which has 0 bytes/);
  });

  it('is taken twice under one Idempotency-Key, whatever boundary a client draws', async () => {
    const send = async (boundary: string) => {
      const part = (name: string, file: string) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${file}"\r\n\r\n`;
      const bytes = Buffer.concat([
        Buffer.from(part('model', 'beside.onnx')),
        bytesOf('beside.onnx'),
        Buffer.from(`\r\n${part('data', 'beside.bin')}`),
        bytesOf('beside.bin'),
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ]);
      return postFile(app, `multipart/form-data; boundary=${boundary}`, bytes, '', { 'idempotency-key': 'k' });
    };
    const [first, second] = [await send('one'), await send('two')];
    expect(first.status, first.text).toBe(201);
    expect(second.body).toEqual(first.body);
  });
});

describe('a file without its own content type', () => {
  it.each([
    ['per_step_lstm.keras', 'application/zip'],
    ['per_step_lstm.keras', 'application/octet-stream'],
    ['per_step_lstm.h5', 'application/octet-stream'],
    ['dynamo_gru.onnx', 'application/octet-stream'],
    ['../weight_files/gru.npz', 'application/zip'],
    ['../weight_files/rnn_cell.safetensors', 'application/octet-stream'],
  ])('is recognised by its first bytes: %s as %s', async (file, type) => {
    const made = await postFile(app, type, bytesOf(file), '?id=made');
    expect(made.status, made.text).toBe(201);
    expect((await putFile(app, 'made', type, bytesOf(file))).status).toBe(200);
  });

  it('is refused if it is another file', async () => {
    const text = Buffer.from('hello');
    expectProblem(
      await postFile(app, 'application/octet-stream', text),
      'unsupported-media-type',
      /does not start like a weight file/,
    );
  });
});
