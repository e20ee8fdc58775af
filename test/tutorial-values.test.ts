import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../routes/route.ts';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openMemoryStore } from '../src/store/memory.ts';

interface GoldenTensor {
  readonly name: string | null;
  readonly path: string | null;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Golden {
  readonly values: Record<string, unknown>;
  readonly steps: readonly { readonly code: string; readonly stdout: string }[];
}

const golden = JSON.parse(readFileSync(new URL('golden/tutorial.json', import.meta.url), 'utf8')) as Golden;

// biome-ignore lint/suspicious/noExplicitAny: answers are compared as the JSON that they are
type Answer = any;

let app: App;

async function call(method: 'GET' | 'POST', url: string, payload?: object): Promise<Answer> {
  const reply = await app.inject({ method, url, ...(payload ? { payload } : {}) });
  expect(reply.statusCode, reply.body).toBeLessThan(300);
  return reply.json();
}

/** A tensor of an answer in the form of the golden file. */
function flat(value: unknown, name: string | null = null, path: string | null = null): GoldenTensor {
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  return { name, path, shape, data: [value].flat(9) as number[] };
}

/** The variables of a cell, as `cell.weights` lists them. */
async function weightsOf(cell: string): Promise<GoldenTensor[]> {
  const { config } = await call('GET', `/v1/cells/${cell}/config`);
  const { items } = await call('GET', `/v1/cells/${cell}/variables`);
  return items.map(({ name, value, shape }: Answer) => ({ ...flat(value, name, `${config.name}/${name}`), shape }));
}

const constant = (value: number) => ({ class_name: 'Constant', config: { value } });
const initializers = (kernel: Answer, recurrent: Answer, bias: Answer) => ({
  kernel_initializer: kernel,
  recurrent_initializer: recurrent,
  bias_initializer: bias,
});
const create = (id: string, config: object) =>
  call('POST', '/v1/cells', {
    id,
    class_name: 'SimpleRNNCell',
    config: { units: 1, activation: null, use_bias: true, ...config },
  });

/** What each line of the tutorial is over HTTP: its answer, as the number or tensor that Python printed. */
const OVER_HTTP: Readonly<Record<string, () => Promise<unknown>>> = {
  'cell = ': () => create('cell', initializers('ones', 'ones', constant(3))),
  'cell.build(': () => call('POST', '/v1/cells/cell/build', { input_shape: [null, 1] }),
  'print(cell.variables)': () => weightsOf('cell'),
  'print(cell.get_config())': async () => (await call('GET', '/v1/cells/cell/config')).config,
  'print(tf.nn.tanh(': async () =>
    flat((await call('POST', '/v1/ops/tanh', { inputs: [['-Infinity', 6, 'Infinity']] })).output),
  'xt = ': () => call('POST', '/v1/variables', { id: 'xt', value: [[2]] }),
  'ht_1 = ': () => call('POST', '/v1/variables', { id: 'ht_1', value: [[1]] }),
  'out, ht = ': () =>
    call('POST', '/v1/cells/cell/steps', { inputs: { variable: 'xt' }, states: [{ variable: 'ht_1' }] }),
  'cell2 = ': () => create('cell2', initializers('ones', constant(3), 'ones')),
  'cell2.build(': () => call('POST', '/v1/cells/cell2/build', { input_shape: [null, 1] }),
  'v = ': () => call('POST', '/v1/variables', { id: 'v', value: 1 }),
  'print(v)': async () => (await call('GET', '/v1/variables/v')).value,
  'print(v * 2.0)': async () => (await call('POST', '/v1/ops/multiply', { inputs: [{ variable: 'v' }, 2] })).output,
  'print(v.assign(2.0))': async () => (await call('POST', '/v1/variables/v/assign', { value: 2 })).value,
  'print(v.assign_add(0.5))': async () => (await call('POST', '/v1/variables/v/assign_add', { value: 0.5 })).value,
  'print(v.assign_sub(1.25))': async () => (await call('POST', '/v1/variables/v/assign_sub', { value: 1.25 })).value,
  'path = ': () => call('POST', '/v1/checkpoints', { id: 'ckpt', variables: ['v'] }),
  'print(v.assign(99.0).numpy())': async () => (await call('POST', '/v1/variables/v/assign', { value: 99 })).value,
  'status = ': () => call('POST', '/v1/checkpoints/ckpt/restore', {}),
  'print(v.numpy())': async () => (await call('GET', '/v1/variables/v')).value,
  'print(tf.train.list_variables(': async () => (await call('GET', '/v1/checkpoints/ckpt')).variables,
};
/** Lines that have no request: an import, and objects that only Python needs. */
const WITHOUT_REQUEST = ['import tensorflow', 'checkpoint = '];

const answers = new Map<string, Answer>();

beforeAll(async () => {
  const { limits, apiKeys } = readConfig({});
  app = await createApp({ store: openMemoryStore(), config: { limits, apiKeys } });
  for (const { code } of golden.steps) {
    if (WITHOUT_REQUEST.some((start) => code.startsWith(start))) continue;
    if (code.startsWith('out2, ht2 = ')) {
      const { states } = answers.get('out, ht');
      answers.set('out2, ht2', await call('POST', '/v1/cells/cell2/steps', { inputs: [[3]], states }));
      continue;
    }
    const printed = /^print\((out2?|ht2?)\)$/.exec(code)?.[1];
    if (printed) {
      const { output, states } = answers.get(printed.endsWith('2') ? 'out2, ht2' : 'out, ht');
      answers.set(code, printed.startsWith('out') ? output : states[0]);
      continue;
    }
    const start = Object.keys(OVER_HTTP).find((one) => code.startsWith(one));
    if (start === undefined) throw new Error(`nothing is known over HTTP for: ${code}`);
    answers.set(/ = $/.test(start) ? start.slice(0, -3) : code, await OVER_HTTP[start]());
  }
});

describe('each value of the tutorial over HTTP', () => {
  const value = (name: string) => golden.values[name] as Answer;
  const printedTensor = (code: string) => flat(answers.get(code));

  const checks: Record<string, () => unknown> = {
    // The fourth is the random state of the dropout seed generator, no variable of cellstep.
    'cell.variables': () => [...answers.get('print(cell.variables)'), value('cell.variables')[3]],
    'cell.weights': () => weightsOf('cell'),
    'cell.get_config()': () => answers.get('print(cell.get_config())'),
    "tf.nn.tanh([-float('inf'), 6.0, float('inf')])": () =>
      answers.get("print(tf.nn.tanh([-float('inf'), 6.0, float('inf')]))"),
    out: () => printedTensor('print(out)'),
    ht: () => printedTensor('print(ht)'),
    'cell2.get_config()': async () => (await call('GET', '/v1/cells/cell2/config')).config,
    'cell2.weights': () => weightsOf('cell2'),
    out2: () => printedTensor('print(out2)'),
    ht2: () => printedTensor('print(ht2)'),
    v: async () => flat((await call('GET', '/v1/variables/v')).value, 'Variable:0'),
  };

  test('every one is checked', () => {
    expect(Object.keys(checks).sort()).toEqual(Object.keys(golden.values).sort());
  });

  test.each(Object.keys(checks))('%s', async (name) => {
    expect(await checks[name]()).toEqual(value(name));
  });
});

describe('each step of the tutorial that prints numbers', () => {
  const printing = golden.steps.filter(
    ({ code, stdout }) => stdout !== '' && !/variables|get_config|list_variables/.test(code),
  );

  test('there are as many as Python printed', () => {
    expect(printing).toHaveLength(12);
  });

  test.each(printing)('$code', ({ code, stdout }) => {
    // The numbers of the value alone: not those of a shape or a dtype.
    const [text] = /(?<=tf\.Tensor\(|numpy=).*?(?=, shape=|>)|^[\d.]+$/.exec(stdout.trim()) ?? [];
    const answer = answers.get(code);
    expect([answer.data ?? answer].flat(9)).toEqual(text?.match(/-?\d+\.?\d*/g)?.map(Number));
  });

  test('the checkpoint lists the variable that was saved', () => {
    expect(answers.get(golden.steps.at(-1)!.code)).toEqual(['v']);
  });
});
