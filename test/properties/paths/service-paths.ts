import fc from 'fast-check';
import { expect } from 'vitest';
import { type Dtype, rounder, Tensor } from '../../../src/domain/tensor.ts';
import { decodeElements, encodeElements } from '../../../src/domain/tensor-bytes.ts';
import { readSafetensors, writeSafetensors } from '../../../src/files/safetensors/safetensors.ts';
import type { TestApp } from '../../support/app.ts';
import { type AnyCell, anyCell, layerOverCell, type Run, withRun } from '../arbitrary-cells.ts';
import { at, type Flat } from '../flat.ts';
import { indices, SEED } from './options.ts';

/** Cases that are tried where nothing else is said. */
export const USUAL = 16;
export const SAFETENSORS = 'application/x-safetensors';

/** A tensor of a reply, by its bits. */
interface Bits {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: string;
}

export interface Result {
  readonly output: Bits;
  readonly states: readonly Bits[];
}

/** Layers whose dtype is not that of their cell, among others. */
const cells: fc.Arbitrary<AnyCell> = fc.oneof(
  anyCell,
  layerOverCell,
  fc.tuple(layerOverCell, fc.constantFrom('float32', 'float64', 'float16', 'bfloat16')).map(([cell, dtype]) => {
    const { class_name, config } = cell.body;
    return class_name === 'RNN' ? { ...cell, body: { class_name, config: { ...config, dtype } } } : cell;
  }),
);
export const drawn = fc.sample(withRun(cells, { minBatch: 1, minTime: 1 }), {
  seed: SEED,
  numRuns: Math.max(...indices(USUAL)) + 1,
});

/** How tensors go there and back. */
export const FORMATS = ['flat', 'nested', 'base64', 'safetensors'] as const;
export type Format = (typeof FORMATS)[number];

const value = (element: number | string | boolean) => Number(element);
/** float64 has the bits of whatever a request may say. */
const asTensor = ({ shape, data }: Flat) => new Tensor('float64', shape, Float64Array.from(data, value));
const minusZero = (text: string) => text.replaceAll('"minus zero"', '-0');
const jsonOf = (body: unknown) =>
  minusZero(JSON.stringify(body, (_, one) => (Object.is(one, -0) ? 'minus zero' : one)));

function nested({ shape, data }: Flat): unknown {
  if (shape.length === 0) return data[0];
  const [extent, ...rest] = shape;
  const size = data.length / extent;
  return Array.from({ length: extent }, (_, k) => nested({ shape: rest, data: data.slice(k * size, (k + 1) * size) }));
}

function sent(tensor: Flat, format: Format): unknown {
  if (format === 'nested') return nested(tensor);
  if (format === 'flat') return tensor;
  const base64 = Buffer.from(encodeElements(asTensor(tensor))).toString('base64');
  return { shape: tensor.shape, dtype: 'float64', base64 };
}

/** All NaN are one. */
function bitsOf({ dtype, shape, data }: Tensor): Bits {
  const round = rounder(dtype);
  const values = Array.from(data as Float64Array, (one) => (Number.isNaN(one) ? Number.NaN : round(one)));
  const own = new Tensor(dtype, shape, new (dtype === 'float64' ? Float64Array : Float32Array)(values));
  return { dtype, shape: [...shape], bytes: Buffer.from(encodeElements(own)).toString('hex') };
}

/** What a reply in JSON has for a tensor; nested arrays tell neither dtype nor shape, which `like` does. */
function received(tensor: unknown, format: Format, like: Bits | undefined): Bits {
  if (format === 'base64') {
    const { dtype, shape, base64 } = tensor as { dtype: Dtype; shape: number[]; base64: string };
    return bitsOf(decodeElements(dtype, shape, new Uint8Array(Buffer.from(base64, 'base64'))));
  }
  const flat = format === 'nested' ? (tensor as never[]).flat(9) : (tensor as Flat).data;
  const { dtype, shape } = format === 'nested' ? like! : (tensor as Flat & { dtype: Dtype });
  const values = new (dtype === 'float64' ? Float64Array : Float32Array)(flat.map(value));
  return bitsOf(new Tensor(dtype, shape, values));
}

interface Call {
  readonly url: string;
  readonly tensors: Readonly<Record<string, Flat>>;
  /** States, and the field that they are sent in. */
  readonly states?: readonly [field: string, tensors: readonly Flat[]];
  readonly fields?: object;
}

/** The service, wherever it runs. */
export type Send = (
  method: 'GET' | 'POST' | 'PUT',
  url: string,
  body?: string | Uint8Array,
  headers?: Record<string, string>,
) => Promise<{ status: number; bytes: Buffer }>;

export const injected =
  (app: TestApp): Send =>
  async (method, url, body, headers = {}) => {
    const reply = await app.inject({
      method,
      url,
      ...(body === undefined ? {} : { payload: Buffer.from(body) }),
      headers,
    });
    return { status: reply.statusCode, bytes: reply.rawPayload };
  };

const JSON_BODY = { 'content-type': 'application/json' };

export async function make(send: Send, url: string, body: object): Promise<void> {
  const { status, bytes } = await send('POST', url, jsonOf(body), JSON_BODY);
  expect(status, bytes.toString()).toBeLessThan(300);
}

export async function compute(send: Send, { url, tensors, states, fields = {} }: Call, format: Format, like?: Result) {
  if (format === 'safetensors') {
    const named = Object.entries(tensors).map(([name, tensor]) => [name, asTensor(tensor)] as const);
    const given = (states?.[1] ?? []).map((state, k) => [`${states![0]}.${k}`, asTensor(state)] as const);
    const metadata = Object.fromEntries(Object.entries(fields).map(([name, each]) => [name, JSON.stringify(each)]));
    const body = writeSafetensors(new Map([...named, ...given]), metadata);
    const reply = await send('POST', url, body, { 'content-type': SAFETENSORS, accept: SAFETENSORS });
    expect(reply.status, reply.bytes.toString()).toBe(200);
    const file = readSafetensors(new Uint8Array(reply.bytes)).tensors;
    const names = [...file.keys()].filter((name) => name.startsWith('states.'));
    return { output: bitsOf(file.get('output')!), states: names.map((_, k) => bitsOf(file.get(`states.${k}`)!)) };
  }
  const given = Object.entries(tensors).map(([name, tensor]) => [name, sent(tensor, format)]);
  const own = states ? { [states[0]]: states[1].map((state) => sent(state, format)) } : {};
  const body = { ...Object.fromEntries(given), ...own, ...fields, tensor_format: format };
  const reply = await send('POST', url, jsonOf(body), JSON_BODY);
  expect(reply.status, reply.bytes.toString()).toBe(200);
  // -0 is written as it is, which JSON.parse reads.
  const { output, states: after } = JSON.parse(reply.bytes.toString());
  return {
    output: received(output, format, like?.output),
    states: after.map((state: unknown, k: number) => received(state, format, like?.states[k])),
  };
}

/** The numbers of a state, to send them again. */
function numbersOf({ dtype, shape, bytes }: Bits): Flat {
  const { data } = decodeElements(dtype, shape, new Uint8Array(Buffer.from(bytes, 'hex')));
  return { shape, data: Array.from(data as Float64Array, (one) => (Number.isFinite(one) ? one : `${one}`)) };
}

export const wholeCall = (cell: string, { inputs, initial }: Run): Call => ({
  url: `/v1/cells/${cell}/sequences`,
  tensors: { inputs },
  states: ['initial_state', initial],
  fields: { return_sequences: true },
});

/** Step by step with the states in the client's hands: the result of the last step. */
export async function carried(send: Send, cell: string, { inputs, initial, time }: Run, format: Format, like: Result) {
  let states = initial;
  let result: Result | undefined;
  for (let t = 0; t < time; t++) {
    const call: Call = {
      url: `/v1/cells/${cell}/steps`,
      tensors: { inputs: at(inputs, 1, t) },
      states: ['states', states],
    };
    result = await compute(send, call, format === 'nested' ? 'flat' : format, like);
    states = result.states.map(numbersOf);
  }
  return result!;
}

/** Step by step in a session; `between` is called after each step and gives who answers the next one. */
export async function inSession(
  send: Send,
  cell: string,
  id: string,
  { inputs, initial, time, batch }: Run,
  format: Format,
  between = async () => send,
) {
  await make(send, '/v1/sessions', { id, cell, batch_size: batch, initial_state: initial });
  let now = send;
  let result: Result | undefined;
  for (let t = 0; t < time; t++) {
    const call: Call = {
      url: `/v1/sessions/${id}/steps`,
      tensors: { inputs: at(inputs, 1, t) },
      fields: { return_states: true },
    };
    result = await compute(now, call, format);
    now = await between();
  }
  return result!;
}

/** The last output of a whole sequence, and its states. */
export function ending({ output, states }: Result, { batch, time }: Run): Result {
  const row = output.bytes.length / (batch * time);
  const last = Array.from({ length: batch }, (_, b) =>
    output.bytes.slice((b * time + time - 1) * row, (b + 1) * time * row),
  );
  return { output: { ...output, shape: [batch, output.shape[2]], bytes: last.join('') }, states };
}
