import { CellstepProblem, CellstepUnreachable, type ProblemDocument } from './problem.ts';
import { readSafetensors, type TensorFile, writeSafetensors } from './safetensors.ts';
import { type Transport, wait } from './transport.ts';

const SUBPROTOCOL = 'cellstep.v1';
/** Changes of a session that nobody has taken yet; beyond that the oldest are dropped, and the next one says how many. */
const MOST_CHANGES = 1_000;

interface Pending {
  readonly message: string | Uint8Array<ArrayBuffer>;
  readonly resolve: (answer: TensorFile) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
}

type Change = Readonly<Record<string, unknown>>;

/**
 * One WebSocket for any number of sessions. Where the connection breaks it is made anew, and what was not answered is sent
 * again with the same keys, so that each step happens once.
 */
export class Socket {
  private readonly transport: Transport;
  private readonly pending = new Map<string, Pending>();
  private readonly listeners = new Map<string, Set<(change: Change | undefined) => void>>();
  private connection: WebSocket | undefined;
  private failures = 0;
  private closed = false;
  private nextId = 0;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** The answer to a message, when it is durable. @throws {CellstepProblem}, {CellstepUnreachable} */
  send({ tensors, metadata }: TensorFile): Promise<TensorFile> {
    const id = `${this.nextId++}`;
    const message = writeSafetensors({ tensors, metadata: { ...metadata, id: JSON.stringify(id) } });
    return this.post(id, message);
  }

  /** Each change of a session, until `signal` says stop or the session is closed. */
  async *subscribe(session: string, signal?: AbortSignal): AsyncGenerator<Change, void> {
    const queue: (Change | undefined)[] = [];
    let wake: () => void = () => undefined;
    const hear = (change: Change | undefined) => {
      queue.push(change);
      if (queue.length > MOST_CHANGES) queue.shift();
      wake();
    };
    const stop = () => hear(undefined);
    const heard = this.listeners.get(session) ?? new Set();
    this.listeners.set(session, heard.add(hear));
    signal?.addEventListener('abort', stop, { once: true });
    try {
      if (heard.size === 1) await this.say({ op: 'subscribe', session });
      while (!signal?.aborted) {
        while (queue.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const change = queue.shift();
        if (change === undefined) return;
        yield change;
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      heard.delete(hear);
      if (heard.size === 0) {
        this.listeners.delete(session);
        if (!this.closed) await this.say({ op: 'unsubscribe', session }).catch(() => undefined);
      }
    }
  }

  /** Closes the connection for good; what waits for an answer is rejected. */
  close(): void {
    this.closed = true;
    this.connection?.close(1000);
    this.fail(new CellstepUnreachable('The client was closed.'));
    for (const heard of this.listeners.values()) for (const hear of heard) hear(undefined);
  }

  private say(fields: Readonly<Record<string, unknown>>): Promise<TensorFile> {
    const id = `${this.nextId++}`;
    return this.post(id, JSON.stringify({ ...fields, id }));
  }

  private post(id: string, message: Pending['message']): Promise<TensorFile> {
    if (this.closed) return Promise.reject(new CellstepUnreachable('The client was closed.'));
    return new Promise((resolve, reject) => {
      this.pending.set(id, { message, resolve, reject, tries: 0 });
      if (!this.connection) this.connect();
      else if (this.connection.readyState === WebSocket.OPEN) this.connection.send(message);
    });
  }

  private connect(): void {
    const { url, key } = this.transport.options;
    const connection = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/stream`, [SUBPROTOCOL]);
    this.connection = connection;
    connection.binaryType = 'arraybuffer';
    connection.addEventListener('open', () => {
      if (key !== undefined) connection.send(JSON.stringify({ op: 'auth', token: key }));
      for (const session of this.listeners.keys()) connection.send(JSON.stringify({ op: 'subscribe', session }));
      for (const { message } of this.pending.values()) connection.send(message);
    });
    connection.addEventListener('message', ({ data }: { readonly data: string | ArrayBuffer }) => {
      this.failures = 0;
      this.hear(data);
    });
    connection.addEventListener('close', ({ code, reason }) => {
      if (this.connection === connection) void this.again(code, reason);
    });
  }

  /** After a connection that broke: another one, unless nothing waits for it or it has failed too often. */
  private async again(code: number, reason: string): Promise<void> {
    this.connection = undefined;
    const wanted = () => !this.closed && (this.pending.size > 0 || this.listeners.size > 0);
    if (!wanted()) return;
    // The service will not have this client: a wrong key, or messages against the protocol.
    const refused = code === 1002 || code === 1007 || code === 1008 || code === 1009;
    if (refused || this.failures >= this.transport.options.retries) {
      this.fail(new CellstepUnreachable(`The socket was closed: ${code} ${reason}`.trim()));
      return;
    }
    await wait(this.failures++, undefined);
    if (wanted() && !this.connection) this.connect();
  }

  private hear(data: string | ArrayBuffer): void {
    const file = typeof data === 'string' ? undefined : readSafetensors(new Uint8Array(data));
    const fields = file ? fieldsOf(file) : (JSON.parse(data as string) as Record<string, unknown>);
    if (typeof fields.event === 'string') {
      this.tell(fields);
      return;
    }
    const pending = this.pending.get(`${fields.id}`);
    if (!pending) return;
    const problem = fields.problem as (ProblemDocument & { readonly retry_after?: number }) | undefined;
    if (
      problem &&
      (problem.status === 503 || problem.status === 429) &&
      pending.tries < this.transport.options.retries
    ) {
      return void this.repeat(pending, problem.retry_after);
    }
    this.pending.delete(`${fields.id}`);
    if (problem) pending.reject(new CellstepProblem(problem));
    else pending.resolve(file ?? { tensors: new Map(), metadata: asMetadata(fields) });
  }

  private async repeat(pending: Pending, seconds: number | undefined): Promise<void> {
    await wait(pending.tries++, seconds === undefined ? undefined : `${seconds}`);
    if (this.connection?.readyState === WebSocket.OPEN) this.connection.send(pending.message);
  }

  private tell(event: Change): void {
    for (const hear of this.listeners.get(`${event.session}`) ?? []) hear(event.event === 'closed' ? undefined : event);
  }

  private fail(error: unknown): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}

function fieldsOf({ metadata }: TensorFile): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, JSON.parse(text)]));
}

function asMetadata(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]));
}
