import type { AddressInfo } from 'node:net';
import { readSafetensors } from '../../../src/files/safetensors/safetensors.ts';
import { startApp } from '../../support/app.ts';
import { drawWeights, type Named, type Sent, sent as sentTensor } from './numbers.ts';

interface Reply {
  readonly status: number;
  readonly bytes: Buffer;
}

/** What a cell is made from. */
export interface CellBody {
  readonly framework?: string;
  readonly class_name: string;
  readonly config: object;
  readonly input_shape?: readonly (number | null)[];
  /** Shapes of the weights, where the class leaves some of them to choose. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
}

/** The service refuses what it is sent. */
export class Refusal extends Error {}

/** The service on a port of its own. Cells are called `cell`: each is deleted before the next one is made. */
export async function startService() {
  const app = await startApp({ limits: { maxJsonBytes: 2 ** 26 } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;

  async function request(method: string, path: string, body?: Uint8Array | object, headers = {}): Promise<Reply> {
    const raw = body instanceof Uint8Array;
    const reply = await fetch(`http://127.0.0.1:${port}/v1${path}`, {
      method,
      headers: { ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: raw ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    return { status: reply.status, bytes: Buffer.from(await reply.arrayBuffer()) };
  }

  /** @throws {Refusal} for 4xx @throws for 5xx */
  async function send(method: string, path: string, body?: Uint8Array | object, headers = {}): Promise<Buffer> {
    const { status, bytes } = await request(method, path, body, headers);
    if (status >= 500) throw new Error(`${method} ${path}: ${status} ${bytes}`);
    if (status >= 400) throw new Refusal(`${method} ${path}: ${status} ${bytes}`);
    return bytes;
  }

  const json = async <T>(method: string, path: string, body?: object) =>
    JSON.parse((await send(method, path, body)).toString()) as T;

  async function forget(): Promise<void> {
    await request('DELETE', '/cells/cell');
  }

  return {
    send,
    json,
    forget,
    /** Makes the cell with drawn weights: its whole config, and the weights by name. */
    async make({ shapes, ...body }: CellBody, seed: number) {
      await forget();
      const zero = ([name, shape]: [string, readonly number[]]) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        return [name, { shape, dtype: 'float32', base64: Buffer.alloc(4 * size).toString('base64') }];
      };
      const weights = shapes && { weights: Object.fromEntries(Object.entries(shapes).map(zero)) };
      const made = await json<Made>('POST', '/cells', { id: 'cell', ...body, ...weights });
      const drawn = drawWeights(made.variables, seed);
      if (made.variables.length > 0) await json('PUT', '/cells/cell/weights', { weights: drawn });
      return { ...made, weights: drawn };
    },
    /** Output first, or the two of both directions, then the states. */
    async sequence(body: object): Promise<Sent[]> {
      const sent = { ...body, tensor_format: 'base64' };
      const reply = await json<{ output: Sent | Sent[]; states: Sent[] }>('POST', '/cells/cell/sequences', sent);
      return [reply.output, reply.states].flat();
    },
    /** Of the inputs, the states and the weights, by name. As a file: they may be larger than a reply of JSON. */
    async gradients(body: object): Promise<Gradients> {
      const headers = { accept: 'application/x-safetensors', 'content-type': 'application/json' };
      const bytes = await send('POST', '/cells/cell/gradients', Buffer.from(JSON.stringify(body)), headers);
      const { tensors } = readSafetensors(new Uint8Array(bytes));
      const named = [...tensors].map(([name, tensor]) => [name.replace('gradients.', ''), sentTensor(tensor)] as const);
      const isState = (name: string) => name.startsWith('initial_state.');
      return {
        ...{ of: Object.fromEntries(named.filter(([name]) => !isState(name))) },
        initialState: named.filter(([name]) => isState(name)).map(([, tensor]) => tensor),
      };
    },
    /** What a step of a cell gives. */
    async step(body: object): Promise<Sent[]> {
      const sent = { ...body, tensor_format: 'base64' };
      const reply = await json<{ output: Sent; states: Sent[] }>('POST', '/cells/cell/steps', sent);
      return [reply.output, ...reply.states];
    },
    async close() {
      await app.close();
    },
  };
}

export interface Gradients {
  readonly of: Named;
  readonly initialState: readonly Sent[];
}

export interface Made {
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: Named;
  readonly variables: readonly { readonly name: string; readonly shape: number[]; readonly dtype: 'float32' }[];
}

export type Service = Awaited<ReturnType<typeof startService>>;
