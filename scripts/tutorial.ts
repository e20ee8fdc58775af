/**
 * The tutorial of SimpleRNNCell over HTTP, printing what the same steps print in Python with Keras and TensorFlow. Every
 * value comes from an answer of the service; only TensorFlow's own labels are written here.
 *
 * Where it differs, and why:
 * - Keras lists a fourth variable, the state of the cell's dropout seed generator: two numbers that are other ones in each
 *   run. In cellstep dropout is drawn from a seed that the request sends, so there is no such variable.
 * - TensorFlow's checkpoint lists two entries of its own book-keeping, `_CHECKPOINTABLE_OBJECT_GRAPH` and `save_counter`.
 *   A checkpoint of cellstep holds what was saved and nothing else.
 *
 * `npm run tutorial` starts a service of its own in a temporary directory, and starts it anew between saving and restoring.
 * With CELLSTEP_URL it talks to a service that runs already (and to one with keys by the first of CELLSTEP_API_KEYS),
 * cannot restart it, and deletes what it made.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../src/domain/json.ts';
import {
  type FlatTensor,
  kerasVariableString,
  numpyString,
  type PrintedVariable,
  pythonRepr,
  tensorString,
  tfVariableString,
} from './tutorial-print.ts';
import { type ServiceProcess, startService } from './tutorial-service.ts';

interface Variable extends PrintedVariable {
  readonly id: string;
  readonly name: string;
}

interface Step {
  readonly output: FlatTensor;
  readonly states: readonly FlatTensor[];
}

/** With the dtype, which nested arrays do not tell. */
const FLAT = { tensor_format: 'flat' } as const;

/** Calls a service; every answer but a success is an Error with the whole problem in it. */
class Client {
  url: string;
  private readonly made: string[] = [];

  constructor(url: string) {
    this.url = url;
  }

  async send(method: string, path: string, body?: unknown): Promise<Response> {
    const [key] = (process.env.CELLSTEP_API_KEYS ?? '').split(',');
    const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(new URL(path, this.url), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path} → ${response.status} ${await response.text()}`);
    return response;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.send('GET', path)).json()) as T;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return (await (await this.send('POST', path, body)).json()) as T;
  }

  /** Makes a thing under an id of the service's choice, to be deleted in the end. */
  async create<T extends { id: string }>(path: string, body: unknown): Promise<T> {
    const thing = await this.post<T>(path, body);
    this.made.unshift(`${path}/${thing.id}`);
    return thing;
  }

  async deleteAll(): Promise<void> {
    for (const path of this.made.splice(0)) await this.send('DELETE', path);
  }
}

async function cellOf(client: Client, initializers: JsonObject): Promise<string> {
  const config = { units: 1, activation: null, use_bias: true, kernel_initializer: 'ones', ...initializers };
  const { id } = await client.create('/v1/cells', { class_name: 'SimpleRNNCell', config });
  await client.post(`/v1/cells/${id}/build`, { input_shape: [null, 1] });
  return id;
}

/** Prints the lines of the tutorial. `restart` is what happens between saving and restoring. */
async function tutorial(client: Client, print: (line: string) => void, restart: () => Promise<void>): Promise<void> {
  const constant = (value: number) => ({ class_name: 'Constant', config: { value } });

  const cell = await cellOf(client, { recurrent_initializer: 'ones', bias_initializer: constant(3) });
  const { config } = await client.get<{ config: JsonObject }>(`/v1/cells/${cell}/config`);
  const { items } = await client.get<{ items: Variable[] }>(`/v1/cells/${cell}/variables`);
  print(`[${items.map((item) => kerasVariableString(`${config.name}/${item.name}`, item)).join(', ')}]`);
  print(pythonRepr(config));

  const tanh = await client.post<Pick<Step, 'output'>>('/v1/ops/tanh', {
    inputs: [['-Infinity', 6, 'Infinity']],
    ...FLAT,
  });
  print(tensorString(tanh.output));

  const first = await client.post<Step>(`/v1/cells/${cell}/steps`, { inputs: [[2]], states: [[[1]]], ...FLAT });
  print(tensorString(first.output));
  print(tensorString(first.states[0]));

  const cell2 = await cellOf(client, { recurrent_initializer: constant(3), bias_initializer: 'ones' });
  const second = await client.post<Step>(`/v1/cells/${cell2}/steps`, { inputs: [[3]], states: first.states, ...FLAT });
  print(tensorString(second.output));
  print(tensorString(second.states[0]));

  const v = await client.create<Variable>('/v1/variables', { value: 1 });
  const at = `/v1/variables/${v.id}`;
  // TensorFlow calls a variable without a name 'Variable:0', and what an assignment returns 'UnreadVariable'.
  print(tfVariableString('Variable:0', v));
  const product = { inputs: [{ variable: v.id }, 2], ...FLAT };
  print(tensorString((await client.post<Pick<Step, 'output'>>('/v1/ops/multiply', product)).output));
  for (const [update, value] of Object.entries({ assign: 2, assign_add: 0.5, assign_sub: 1.25 })) {
    print(tfVariableString('UnreadVariable', await client.post<Variable>(`${at}/${update}`, { value })));
  }

  // tf.train.Checkpoint(v=v): names, and what they stand for.
  const saved: Readonly<Record<string, string>> = { v: v.id };
  const checkpoint = await client.create('/v1/checkpoints', { variables: Object.values(saved) });
  print(numpyString((await client.post<Variable>(`${at}/assign`, { value: 99 })).value));
  await restart();
  await client.post(`/v1/checkpoints/${checkpoint.id}/restore`, {});
  print(numpyString((await client.get<Variable>(at)).value));
  print(await listVariables(client, checkpoint.id, saved));
}

/** `tf.train.list_variables`: name and shape of each saved variable, from the checkpoint's file. */
async function listVariables(client: Client, checkpoint: string, names: Readonly<Record<string, string>>) {
  const file = Buffer.from(await (await client.send('GET', `/v1/checkpoints/${checkpoint}/content`)).arrayBuffer());
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE(0))).toString()) as JsonObject;
  const entries = Object.entries(names).map(([name, id]) => {
    const tensor = header[`variables/${id}`] as { shape: number[] } | undefined;
    if (!tensor) throw new Error(`the checkpoint has ${Object.keys(header).join(', ')}, no variable ${id}`);
    return `(${pythonRepr(`${name}/.ATTRIBUTES/VARIABLE_VALUE`)}, ${pythonRepr(tensor.shape)})`;
  });
  return `[${entries.join(', ')}]`;
}

async function onRunningService(url: string): Promise<void> {
  const client = new Client(url);
  try {
    await tutorial(client, console.log, async () => {});
  } finally {
    await client.deleteAll();
  }
}

async function onOwnService(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cellstep-tutorial-'));
  const start = () => startService({ CELLSTEP_STORE: `lmdb:${join(directory, 'data')}` });
  let service: ServiceProcess | undefined;
  try {
    service = await start();
    const client = new Client(service.url);
    await tutorial(client, console.log, async () => {
      await service?.stop();
      service = await start();
      client.url = service.url;
    });
  } finally {
    await service?.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const url = process.env.CELLSTEP_URL;
try {
  await (url ? onRunningService(url) : onOwnService());
} catch (error) {
  const { message, cause } = error as Error;
  console.error(`tutorial: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`);
  process.exitCode = 1;
}
