import { Tensor } from '../../src/domain/tensor.ts';
import { writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { codecFor } from '../../src/http/numbers/codec.ts';
import { CONNECTIONS, type Load } from './wrk.ts';

/** Features by units. */
export const SIZES = { 64: 16, 512: 512 } as const;
export type Units = keyof typeof SIZES;

const JSON_TYPE = { 'Content-Type': 'application/json' };
const FILE_TYPES = { 'Content-Type': 'application/x-safetensors', Accept: 'application/x-safetensors' };

/** Values of an LSTM's step: inputs, hidden and cell state, always the same. */
function valuesOf(units: Units) {
  const wave = (length: number, phase: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + phase));
  return { x: wave(SIZES[units], 0), h: wave(units, 1), c: wave(units, 2) };
}

const text = (values: Float32Array) => codecFor(0).print(values, [1, values.length]);

/** Makes the cells and, one for each connection, the sessions of 64 units. */
export async function prepareCellstep(url: string): Promise<void> {
  for (const [units, features] of Object.entries(SIZES)) {
    const config = { units: Number(units), recurrent_initializer: 'glorot_uniform' };
    await post(`${url}/v1/cells`, {
      id: `lstm${units}`,
      class_name: 'LSTMCell',
      config,
      input_shape: [null, features],
    });
  }
  for (let i = 0; i < CONNECTIONS; i++) await post(`${url}/v1/sessions`, { id: `s${i}`, cell: 'lstm64' });
}

async function post(url: string, body: unknown): Promise<void> {
  const reply = await fetch(url, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`${url}: ${await reply.text()}`);
}

const sessionPaths = (before: string, after: string) =>
  Array.from({ length: CONNECTIONS }, (_, i) => `${before}s${i}${after}`);

/** A step whose state the client carries, or of a session; as numbers in JSON, or as bytes. */
export interface Kind {
  readonly carried: boolean;
  readonly binary: boolean;
  readonly units: Units;
}

/** The steps that are measured, by their names. */
export const KINDS: Readonly<Record<string, Kind>> = {
  'session, JSON, 64': { carried: false, binary: false, units: 64 },
  'carried, JSON, 64': { carried: true, binary: false, units: 64 },
  'session, binary, 64': { carried: false, binary: true, units: 64 },
  'carried, binary, 64': { carried: true, binary: true, units: 64 },
  'carried, JSON, 512': { carried: true, binary: false, units: 512 },
  'carried, binary, 512': { carried: true, binary: true, units: 512 },
};

export function cellstepLoad(url: string, { carried, binary, units }: Kind): Load {
  const paths = carried ? [`/v1/cells/lstm${units}/steps`] : sessionPaths('/v1/sessions/', '/steps');
  const { x, h, c } = valuesOf(units);
  if (!binary) return { url, paths, headers: JSON_TYPE, body: jsonBody(units, carried) };
  const named = Object.entries({ inputs: x, ...(carried ? { 'states.0': h, 'states.1': c } : {}) });
  const tensors = named.map(([name, data]) => [name, new Tensor('float32', [1, data.length], data)] as const);
  return { url, paths, headers: FILE_TYPES, body: writeSafetensors(new Map(tensors)) };
}

function jsonBody(units: Units, carried: boolean): Buffer {
  const { x, h, c } = valuesOf(units);
  return Buffer.from(carried ? `{"inputs":${text(x)},"states":[${text(h)},${text(c)}]}` : `{"inputs":${text(x)}}`);
}

/** The same request to the server that only reads and answers, as many bytes as cellstep does. */
export async function limitLoad(url: string, own: Load, binary: boolean): Promise<Load> {
  const reply = await fetch(own.url + own.paths[0], {
    method: 'POST',
    headers: own.headers,
    body: Buffer.from(own.body),
  });
  const { byteLength } = await reply.arrayBuffer();
  return { ...own, url, paths: [`/${byteLength}/${binary ? 'binary' : 'json'}`] };
}

export function fastApiLoad(url: string, way: 'plain' | 'tuned' | 'binary', { carried, units }: Kind): Load {
  const paths = carried ? [`/${way}/steps/${units}`] : sessionPaths(`/${way}/sessions/`, '');
  if (way !== 'binary') return { url, paths, headers: JSON_TYPE, body: jsonBody(units, carried) };
  const { x, h, c } = valuesOf(units);
  const parts = (carried ? [x, h, c] : [x]).map((values) => new Uint8Array(values.buffer));
  return { url, paths, headers: { 'Content-Type': 'application/octet-stream' }, body: Buffer.concat(parts) };
}

/** A step over the Open Inference Protocol, tensors as flat lists in JSON. */
export function inferenceLoad(url: string, units: Units): Load {
  const inputs = Object.entries(valuesOf(units)).map(([name, data]) => {
    const list = codecFor(0).print(data, [data.length]);
    return `{"name":"${name}","shape":[1,${data.length}],"datatype":"FP32","data":${list}}`;
  });
  const body = Buffer.from(`{"inputs":[${inputs.join(',')}]}`);
  return { url, paths: [`/v2/models/lstm${units}/infer`], headers: JSON_TYPE, body };
}
