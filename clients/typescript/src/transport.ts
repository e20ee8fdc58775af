import { CellstepUnreachable, problemOf } from './problem.ts';
import { readSafetensors, SAFETENSORS, type TensorFile, writeSafetensors } from './safetensors.ts';

export interface ClientOptions {
  /** Where the service is, `http://127.0.0.1:8080`. */
  readonly url: string;
  /** An API key or a bearer token. */
  readonly key?: string;
  /** How often a request that failed without a lasting reason is sent again. 5 where left out. */
  readonly retries?: number;
  /** For one try, in milliseconds. 60,000 where left out. */
  readonly timeout?: number;
}

export interface Call {
  readonly method: string;
  /** From the service's root, `/v1/cells`. */
  readonly path: string;
  readonly json?: unknown;
  readonly file?: TensorFile;
  /** A body as it is, with its media type: a weight file. */
  readonly content?: { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> };
  readonly accept?: string;
  /** Sent as Idempotency-Key: then the call can be repeated without being carried out twice. */
  readonly idempotencyKey?: string;
  /** The call changes nothing, or nothing twice, without a key of its own. */
  readonly repeatable?: boolean;
  /** The version that the thing must have, as If-Match. */
  readonly ifMatch?: number;
  readonly signal?: AbortSignal;
}

/** Statuses that pass by themselves; a 409 only where the first try of the same key is still under way. */
const PASSING = new Set([429, 502, 503, 504]);
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/** Sends requests, and sends them again where that is safe: without changing anything twice. */
export class Transport {
  readonly options: Required<Omit<ClientOptions, 'key'>> & Pick<ClientOptions, 'key'>;

  constructor({ url, key, retries = 5, timeout = 60_000 }: ClientOptions) {
    this.options = { url: url.replace(/\/+$/, ''), key, retries, timeout };
  }

  async json<T>(call: Call): Promise<T> {
    const reply = await this.send(call);
    return (reply.status === 204 ? undefined : await reply.json()) as T;
  }

  async file(call: Omit<Call, 'accept'>): Promise<TensorFile> {
    const reply = await this.send({ ...call, accept: SAFETENSORS });
    return readSafetensors(new Uint8Array(await reply.arrayBuffer()));
  }

  /**
   * The reply of a call that was carried out.
   * @throws {CellstepProblem} what the service refused; {CellstepUnreachable} after the last try
   */
  async send(call: Call): Promise<Response> {
    const repeatable = call.method === 'GET' || call.repeatable || call.idempotencyKey !== undefined;
    for (let tries = 0; ; tries++) {
      const last = !repeatable || tries >= this.options.retries;
      const outcome = await this.tryOnce(call).catch((error: unknown) => {
        if (call.signal?.aborted || last) throw unreachable(call, error);
        return undefined;
      });
      if (outcome?.ok) return outcome;
      const problem = outcome && problemOf(outcome.status, await outcome.text());
      if (problem && (last || !passes(problem))) throw problem;
      await wait(tries, outcome?.headers.get('retry-after'), call.signal);
    }
  }

  private tryOnce({ method, path, signal, ...call }: Call): Promise<Response> {
    const { url, key, timeout } = this.options;
    const headers = new Headers();
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
    if (call.accept !== undefined) headers.set('accept', call.accept);
    if (call.idempotencyKey !== undefined) headers.set('idempotency-key', call.idempotencyKey);
    if (call.ifMatch !== undefined) headers.set('if-match', `"${call.ifMatch}"`);
    const body = bodyOf(call);
    if (body) headers.set('content-type', body.type);
    const limit = AbortSignal.timeout(timeout);
    return fetch(url + path, {
      method,
      headers,
      ...(body ? { body: body.content } : {}),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  }
}

function bodyOf({ json, file, content }: Pick<Call, 'json' | 'file' | 'content'>) {
  if (content) return { type: content.type, content: content.bytes };
  if (file) return { type: SAFETENSORS, content: writeSafetensors(file) };
  return json === undefined ? undefined : { type: 'application/json', content: JSON.stringify(json) };
}

function passes({ status, code }: { readonly status: number; readonly code: string }): boolean {
  return PASSING.has(status) || code === 'in-progress';
}

function unreachable({ method, path, signal }: Call, error: unknown): unknown {
  if (signal?.aborted) return signal.reason;
  return new CellstepUnreachable(`${method} ${path}: ${error instanceof Error ? error.message : error}`, {
    cause: error,
  });
}

/** Waits as long as the service asks, else twice as long each time, less a random part so that clients spread out. */
export async function wait(tries: number, retryAfter: string | null | undefined, signal?: AbortSignal): Promise<void> {
  const asked = Number(retryAfter ?? Number.NaN) * 1000;
  const own = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (0.5 + Math.random() / 2);
  const milliseconds = Number.isFinite(asked) ? Math.min(LONGEST_WAIT_MS, Math.max(asked, own)) : own;
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
