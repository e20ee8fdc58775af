import { type Bytes, PartOfBytes } from '../../domain/bytes.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { NOT_SMALL_BYTES } from '../../http/bodies/bytes.ts';
import { atOnce, inTurns } from '../../threads/in-turns.ts';
import type { InferCall } from './infer-request.ts';
import { decodeMessage, frameMessage, type InferResponse, MAX_SMALL_BYTES } from './messages.ts';

/** A request of the protocol over HTTP. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: string | Buffer;
}

/** What HTTP answered. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Bytes;
}

/** A call with one request and one reply, translated to and from HTTP. */
export interface UnaryCall {
  /** Read in turns of the client, where it is not small. @throws {Problem} if the message names nothing that exists */
  ask(message: Buffer, client: string): HttpRequest | Promise<HttpRequest>;
  /** The message as it is sent, made in turns of the client where it is long; undefined if the reply is an error of the call. */
  answer(reply: HttpReply, client: string): Buffer | undefined | Promise<Buffer>;
}

interface Named {
  readonly name?: unknown;
  readonly version?: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** Calls with small requests. `unless` is the reply if HTTP answers with that status. */
function smallCall(
  name: string,
  ask: (fields: Fields) => HttpRequest,
  answer: (body: object) => object,
  unless?: { readonly status: number; readonly reply: object },
): [string, UnaryCall] {
  function* frame(body: Bytes): Generator<void, Buffer> {
    const reply = answer(JSON.parse(textOfBytes(body)));
    yield;
    return frameMessage(`${name}Response`, reply);
  }
  const call: UnaryCall = {
    ask: (message) => ask(readSmall(`${name}Request`, message)),
    answer({ status, body }, client) {
      if (status === unless?.status) return frameMessage(`${name}Response`, unless.reply);
      return status === 200 ? paced(frame(body), body.length, client) : undefined;
    },
  };
  return [name, call];
}

const get = (url: string): HttpRequest => ({ method: 'GET', url });
const post = (url: string, body: object): HttpRequest => ({ method: 'POST', url, payload: JSON.stringify(body) });
const same = (body: object) => body;
const empty = () => ({});
const notReady = (status: number) => ({ status, reply: { ready: false } });

/** Every call with one request and one reply, except ModelInfer. */
export const SMALL_CALLS: ReadonlyMap<string, UnaryCall> = new Map([
  smallCall('ServerLive', () => get('/v2/health/live'), same),
  smallCall('ServerReady', () => get('/v2/health/ready'), same, notReady(503)),
  smallCall('ServerMetadata', () => get('/v2'), same),
  smallCall('ModelReady', (named) => get(`${modelPath(named)}/ready`), same, notReady(404)),
  smallCall('ModelMetadata', (named) => get(modelPath(named)), same),
  smallCall(
    'ModelConfig',
    (named) => get(`${modelPath(named)}/config`),
    (config) => ({ config }),
  ),
  smallCall(
    'ModelStatistics',
    (named) => get(named.name === '' ? '/v2/models/stats' : `${modelPath(named)}/stats`),
    same,
  ),
  smallCall(
    'RepositoryIndex',
    ({ ready }) => post('/v2/repository/index', { ready }),
    (models) => ({ models }),
  ),
  smallCall(
    'RepositoryModelLoad',
    ({ model_name: name, parameters }) => post(`/v2/repository${modelPath({ name }, '')}/load`, { parameters }),
    empty,
  ),
  smallCall(
    'RepositoryModelUnload',
    ({ model_name: name, parameters }) =>
      post(`/v2/repository${modelPath({ name }, '')}/unload`, { parameters: plain(parameters) }),
    empty,
  ),
]);

/** POST /v2/models/{cell}/infer. */
export function inferRequest({ model, version, body, headerLength }: InferCall): HttpRequest {
  return {
    method: 'POST',
    url: `${modelPath({ name: model, version })}/infer`,
    headers: { 'inference-header-content-length': `${headerLength}` },
    payload: body,
  };
}

/** The ModelInferResponse that a reply is. */
export function inferResponse({ headers, body }: HttpReply): InferResponse {
  const length = Number(headers['inference-header-content-length'] ?? body.length);
  const { outputs, ...header } = JSON.parse(textOfBytes(body, length));
  let start = length;
  const raw = outputs.map(({ parameters: { binary_data_size: size } }: SentOutput) => {
    start += size;
    return new PartOfBytes(body, start - size, size);
  });
  return { fields: { ...header, outputs }, raw };
}

/** The text of the first bytes. */
export function textOfBytes(bytes: Bytes, length = bytes.length): string {
  return Buffer.from(bytes.subarray(0, length)).toString();
}

interface SentOutput {
  readonly parameters: { readonly binary_data_size: number };
}

/** @throws {Problem} invalid-request for a name that would be another path */
function modelPath({ name, version = '' }: Named, prefix = '/v2'): string {
  const model = `${prefix}/models/${segment('model name', name)}`;
  return version === '' ? model : `${model}/versions/${segment('model version', version)}`;
}

/** Characters of a name. A longer one is cut one character later: still too long for the id of a cell. */
const MOST_NAME = 200;

function segment(what: string, value: unknown): string {
  const text = String(value ?? '').slice(0, MOST_NAME + 1);
  if (!/^\.{0,2}$/.test(text)) return encodeURIComponent(text.toWellFormed());
  throw fieldProblem('invalid-request', '', `The ${what} is '${text}'. Send the id of a cell.`);
}

/** @throws {Problem} body-too-large, bad-request */
function readSmall(name: string, message: Buffer): Fields {
  if (message.length > MAX_SMALL_BYTES) {
    throw new Problem(
      'body-too-large',
      `The message has ${message.length} bytes. A ${name} has at most ${MAX_SMALL_BYTES}.`,
    );
  }
  try {
    return decodeMessage(name, message);
  } catch (error) {
    throw new Problem('bad-request', `The message is not a ${name}: ${(error as Error).message}.`);
  }
}

/** Parameters with their values as in JSON. */
function plain(parameters: unknown): object {
  const entries = Object.entries(parameters as Record<string, object>);
  return Object.fromEntries(entries.map(([name, choice]) => [name, Object.values(choice)[0]]));
}

/** Work on so many bytes: at once where they are few. */
export async function paced<T>(work: Generator<void, T>, bytes: number, client: string): Promise<T> {
  return bytes < NOT_SMALL_BYTES ? atOnce(work) : inTurns(work, client);
}
