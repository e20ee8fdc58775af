import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { KERAS, OCTET_STREAM, PYTORCH, SAFETENSORS, ZIP } from '../../src/domain/media-types.ts';
import type { ProblemCode } from '../../src/domain/problems.ts';
import { type Tensor, zeros } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import type { TestApp } from '../support/app.ts';
import { call, expectProblem } from '../support/call.ts';
import { download, postFile, putFile } from '../support/files.ts';
import { sharedApp } from '../support/serve.ts';
import { expectModule, MODULES, type ModuleCase, moduleCases, postModule } from './pytorch-modules.ts';

const cases = moduleCases(MODULES);

let app: TestApp;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
});

function caseOf(name: string): ModuleCase {
  const found = cases.find((one) => one.name === name);
  if (!found) throw new Error(`There is no case ${name}`);
  return found;
}

function bytesOf(name: string): Uint8Array {
  return readFileSync(join(MODULES, caseOf(name).file));
}

/** The case with other fields in its query. */
function asked(name: string, fields: Readonly<Record<string, string>>): ModuleCase {
  const one = caseOf(name);
  return { ...one, query: { ...one.query, ...fields } };
}

/** The tensors of an LSTM of 4 features and 5 units, projected to 2. */
function project(tensors: Map<string, Tensor>): void {
  const shapes = {
    weight_ih_l0: [20, 4],
    weight_hh_l0: [20, 2],
    weight_hr_l0: [2, 5],
    bias_ih_l0: [20],
    bias_hh_l0: [20],
  };
  for (const [name, shape] of Object.entries(shapes)) tensors.set(`rnn.${name}`, zeros('float32', shape));
}

const chain = (...names: string[]) => ({ 'config.chain': JSON.stringify(names) });

describe('a chain of the layers of a PyTorch module', () => {
  it.each(cases)('computes what the module computes: $name', (one) => expectModule(app, MODULES, one));

  it('steps in a session as its sequence', async () => {
    const one = caseOf('lstm');
    await postModule(app, MODULES, one);
    const tokens = one.inputs.data.slice(0, 6);
    const inputs = { shape: [1, 6], data: tokens };
    const { output } = (await call(app, 'POST', '/v1/cells/lstm/sequences', { inputs })).body;
    await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'lstm' });
    for (const [k, token] of tokens.entries()) {
      const step = await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [token] });
      expect(step.body.output[0]).toEqual(output[0][k]);
    }
  });

  it('lists what it did not take, and takes the rest', async () => {
    const made = await postModule(app, MODULES, asked('lstm', chain('embedding', 'lstm')));
    const reason = 'Its layer is not in config.chain.';
    expect(made.body.imported).toEqual({
      layers: ['embedding', 'lstm'],
      skipped: [
        { name: 'head.weight', reason },
        { name: 'head.bias', reason },
      ],
    });
    const whole = await postModule(app, MODULES, { ...caseOf('lstm'), name: 'whole' });
    expect(whole.body).not.toHaveProperty('imported');
    expect(whole.body.variables.map(({ name }: { name: string }) => name)).toEqual([
      ...['embedding.embeddings', 'lstm.kernel', 'lstm.recurrent_kernel', 'lstm.bias', 'head.kernel', 'head.bias'],
    ]);
  });

  it('lists what a checkpoint has besides tensors', async () => {
    const { skipped } = (await postModule(app, MODULES, caseOf('checkpoint'))).body.imported;
    expect(skipped).toContainEqual({ name: 'epoch', reason: 'It is number 3, not a tensor.' });
    expect(skipped).toContainEqual({
      name: 'optimizer.state.0.exp_avg',
      reason: 'Its layer is not in config.chain.',
    });
  });

  it.each([ZIP, OCTET_STREAM])('is recognised under %s by its first bytes', async (type) => {
    const { query } = caseOf('lstm');
    const made = await postFile(app, type, bytesOf('lstm'), `?${new URLSearchParams(query)}`);
    expect(made.status, made.text).toBe(201);
  });

  it('may stand in the metadata of a safetensors file', async () => {
    const { tensors } = readSafetensors(bytesOf('gru'));
    const config = {
      chain: ['embedding', 'rnn', 'head'],
      'head.activation': 'softmax',
      rnn: { return_sequences: false },
    };
    const bytes = writeSafetensors(tensors, { config: JSON.stringify(config) });
    const made = await postFile(app, SAFETENSORS, bytes, '?id=said');
    expect(made.status, made.text).toBe(201);
    const reply = await call(app, 'POST', '/v1/cells/said/sequences', { inputs: [[1, 2, 3]] });
    const [probabilities] = reply.body.output as number[][];
    expect(probabilities).toHaveLength(11);
    expect(probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5);
  });

  it('fills a network that is there already', async () => {
    await postModule(app, MODULES, caseOf('lstm'));
    const before = (await download(app, 'lstm', SAFETENSORS)).bytes;
    const zero = (shape: number[]) => ({ shape, data: new Array(shape.reduce((a, b) => a * b, 1)).fill(0) });
    const { variables } = (await call(app, 'GET', '/v1/cells/lstm')).body;
    const zeros = variables.map(({ name, shape }: { name: string; shape: number[] }) => [name, zero(shape)]);
    await call(app, 'PUT', '/v1/cells/lstm/weights', { weights: Object.fromEntries(zeros) });
    const query = `?${new URLSearchParams(caseOf('lstm').query)}`;
    const put = await putFile(app, 'lstm', PYTORCH, bytesOf('lstm'), { query });
    expect(put.status, put.text).toBe(200);
    expect((await download(app, 'lstm', SAFETENSORS)).bytes.equals(before)).toBe(true);
  });
});

describe('a .pt file without a chain', () => {
  it('gives its recurrent layer, and lists what was left out', async () => {
    const bytes = bytesOf('lstm');
    expectProblem(await postFile(app, PYTORCH, bytes), 'ambiguous-file', /batch_first/);
    const made = await postFile(app, PYTORCH, bytes, '?config.batch_first=true');
    expect(made.body).toMatchObject({ framework: 'pytorch', class_name: 'LSTM', imported: { layers: ['lstm'] } });
    const names = made.body.imported.skipped.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['embedding.weight', 'head.weight', 'head.bias']);
  });
});

describe('a chain is refused', () => {
  const problems: readonly [string, string, Record<string, string>, ProblemCode, RegExp][] = [
    [
      'with a name that the file lacks',
      'lstm',
      chain('embedding', 'gru'),
      'invalid-value',
      /no layer 'gru'.*'lstm' \(weight_ih_l0 \[20,4\]/s,
    ],
    ['with a part of a name', 'encoder', chain('body'), 'invalid-value', /no layer 'body'.*'body\.rnn'/s],
    ['with a name twice', 'lstm', chain('lstm', 'lstm'), 'invalid-value', /'lstm' twice/],
    ['that is empty', 'lstm', { 'config.chain': '[]' }, 'invalid-value', /1 to 64 layers/],
    ['that is no list', 'lstm', { 'config.chain': '"lstm"' }, 'invalid-value', /"lstm"/],
    ['that is not JSON', 'lstm', { 'config.chain': 'lstm' }, 'invalid-request', /not JSON/],
    [
      'whose widths do not fit',
      'lstm',
      chain('lstm', 'embedding'),
      'wrong-shape',
      /'embedding' takes 4 features.*'lstm' before it gives 5/s,
    ],
    ['in another order', 'lstm', chain('embedding', 'head', 'lstm'), 'wrong-shape', /'head' takes 5 features/],
    [
      'whose first layer may be two things',
      'square_embedding',
      { 'config.embedding.class_name': '"Other"' },
      'invalid-value',
      /"Linear", or "Embedding"/,
    ],
    [
      'with an option of no layer',
      'lstm',
      { 'config.tail.activation': '"relu"' },
      'invalid-value',
      /'config\.tail\.activation' names no layer/,
    ],
    [
      'with an option that the layer lacks',
      'lstm',
      { 'config.lstm.activation': '"relu"' },
      'invalid-value',
      /no option 'activation'.*return_sequences/,
    ],
    ['with an activation that is none', 'lstm', { 'config.head.activation': '"best"' }, 'invalid-config', /best/],
    ['beside a layer', 'lstm', { layer: 'lstm' }, 'invalid-value', /Leave out \?layer=/],
    ['beside a class', 'lstm', { class_name: 'LSTM' }, 'invalid-value', /Leave out \?class_name=/],
  ];
  it.each(problems)('%s', async (_, name, fields, code, detail) => {
    expectProblem(await postModule(app, MODULES, asked(name, fields)), code, detail);
  });

  it('where it does not tell an Embedding from a Linear', async () => {
    const one = caseOf('square_embedding');
    const { 'config.embedding.class_name': _, ...query } = one.query;
    expectProblem(await postModule(app, MODULES, { ...one, query }), 'ambiguous-file', /config\.embedding\.class_name/);
  });

  it('where the file tells its layers itself', async () => {
    const bytes = readFileSync(new URL('networks/char_lm.keras', import.meta.url));
    const query = `?${new URLSearchParams(chain('gru'))}`;
    expectProblem(await postFile(app, KERAS, bytes, query), 'invalid-value', /Leave config\.chain out/);
  });

  const changed: readonly [string, string, (tensors: Map<string, Tensor>) => void, ProblemCode, RegExp][] = [
    ['without a tensor', 'rnn.weight_hh_l0', (all) => all.delete('rnn.weight_hh_l0'), 'invalid-file', /weight_hh_l0/],
    [
      'without a bias',
      'rnn.bias_hh_l0',
      (all) => all.delete('rnn.bias_hh_l0'),
      'invalid-file',
      /'rnn\.bias_hh_l0' is missing.*weight_ih_l0/s,
    ],
    [
      'with a convolution',
      'head.weight',
      (all) => all.set('head.weight', zeros('float32', [2, 5, 3])),
      'unsupported-layer',
      /'head' \(bias \[11\], weight \[2,5,3\]\)/,
    ],
    ['with a projection', 'rnn.weight_hr_l0', project, 'unsupported-layer', /projection/],
  ];
  it.each(changed)('of a file %s (%s)', async (_, __, change, code, detail) => {
    const tensors = new Map(readSafetensors(bytesOf('gru')).tensors);
    change(tensors);
    const query = `?${new URLSearchParams(caseOf('gru').query)}`;
    expectProblem(await postFile(app, SAFETENSORS, writeSafetensors(tensors), query), code, detail);
  });
});
