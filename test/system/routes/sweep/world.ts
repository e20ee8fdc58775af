import { openMemoryStore } from '../../../../src/store/memory.ts';
import { startApp, type TestApp } from '../../../support/app.ts';
import { type Called, call, type Method, make } from '../../../support/call.ts';
import { dump } from '../../../support/stores.ts';
import type { Base } from './bases.ts';
import type { Route } from './routes.ts';

/** A service with one of everything, which can be put back as it was. */
export interface World {
  readonly app: TestApp;
  /** Keys that the store holds now with other bytes than at first. */
  changes(): Promise<string[]>;
  /** Puts the store back as it was at first. */
  restore(): Promise<void>;
}

export async function buildWorld(): Promise<World> {
  const store = openMemoryStore();
  const app = await startApp({ store });
  const config = { units: 2, activation: 'tanh' };
  await make(app, '/v1/cells', { id: 'cell', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
  await make(app, '/v1/cells', { id: 'free', class_name: 'GRUCell', config: { units: 1 } });
  await make(app, '/v1/cells', { id: 'lazy', class_name: 'LSTMCell', config: { units: 1 } });
  await make(app, '/v1/cells', { id: 'trained', class_name: 'GRUCell', config: { units: 1 }, input_shape: [null, 1] });
  const training = { inputs: [[[1]]], targets: [[[1]]], loss: 'mse', optimizer: 'sgd' };
  await call(app, 'POST', '/v1/cells/trained/training_steps', training);
  await make(app, '/v1/variables', { id: 'v', value: [1, 2] });
  await make(app, '/v1/variables', { id: 'x', value: [[1]] });
  await make(app, '/v1/variables', { id: 'h', value: [[1, 2]] });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell', history: 3 });
  await make(app, '/v1/sessions', { id: 'unbuilt', cell: 'lazy' });
  await make(app, '/v1/checkpoints', { id: 'c', all: true });
  const first = await dump(store);
  const changes = async () => {
    const now = await dump(store);
    return [...new Set([...Object.keys(first), ...Object.keys(now)])].filter((key) => first[key] !== now[key]);
  };
  return {
    app,
    changes,
    async restore() {
      for (const key of await changes()) {
        const bytes = first[key];
        await store.commit([bytes === undefined ? { key, delete: true } : { key, bytes: Buffer.from(bytes, 'hex') }]);
      }
    },
  };
}

/** A request about to be sent: its parts, each of which may be damaged. */
export interface Request extends Omit<Base, 'body'> {
  /** As JSON text, or whatever. */
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Parameters stand in the path as they are, without escapes. */
  readonly raw?: boolean;
}

export function send(
  app: TestApp,
  route: Route,
  { params = {}, query = {}, body, headers, raw }: Request,
): Promise<Called> {
  const [method, path] = route.split(' ') as [Method, string];
  const encode = raw ? (text: string) => text : encodeURIComponent;
  const url = path.replaceAll(/:(\w+)/g, (_, name: string) => encode(params[name] ?? ''));
  const search = Object.entries(query).map(([name, value]) => `${encodeURIComponent(name)}=${encode(value)}`);
  return call(app, method, url + (search.length > 0 ? `?${search.join('&')}` : ''), body, headers);
}

/** The base request as it is: what a sweep starts from. */
export function requestOf({ params, query, body }: Base): Request {
  return { params, query, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
}
