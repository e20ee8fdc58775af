import { Agent, request } from 'node:http';

export interface Sent {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly key?: string;
  /** The version that If-Match asks for. */
  readonly ifMatch?: number;
}

export interface Answer {
  readonly status: number;
  /** Of the ETag. */
  readonly version?: number;
  /** Whether it is the kept reply of an earlier request with the same key. */
  readonly replayed: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: replies of every shape
  readonly body: any;
}

/** No answer, or not the whole of it: whether the request was carried out is not known. */
export class NoAnswer extends Error {}

export function createAgent(sockets = 64): Agent {
  return new Agent({ keepAlive: true, maxSockets: sockets });
}

/** One request, sent once. @throws {NoAnswer} when the connection fails, or after so many milliseconds. */
export function exchange(agent: Agent, base: string, sent: Sent, milliseconds: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const payload = sent.body === undefined ? undefined : JSON.stringify(sent.body);
  const headers: Record<string, string> = {};
  if (payload !== undefined) headers['content-type'] = 'application/json';
  if (sent.key !== undefined) headers['idempotency-key'] = sent.key;
  if (sent.ifMatch !== undefined) headers['if-match'] = `"${sent.ifMatch}"`;
  const outgoing = request(base + sent.path, { agent, method: sent.method, headers }, (incoming) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', (error) => reject(new NoAnswer(error.message)));
    incoming.on('end', () => {
      if (!incoming.complete) return reject(new NoAnswer('the reply was cut off'));
      const text = Buffer.concat(chunks).toString();
      const json = /json/.test(incoming.headers['content-type'] ?? '') && text !== '';
      const { etag } = incoming.headers;
      resolve({
        status: incoming.statusCode ?? 0,
        replayed: incoming.headers['idempotency-replayed'] === 'true',
        ...(etag === undefined ? {} : { version: Number(etag.replaceAll('"', '')) }),
        text,
        body: json ? JSON.parse(text) : undefined,
      });
    });
  });
  outgoing.on('error', (error) => reject(new NoAnswer(error.message)));
  const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  outgoing.end(payload);
  return promise.finally(() => clearTimeout(timer));
}
