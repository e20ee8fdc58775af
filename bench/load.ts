import { connect, type Socket } from 'node:net';
import type { Contender } from './measure.ts';

/** One request as bytes; a body is JSON, `key` an Idempotency-Key. */
export function request(method: 'GET' | 'POST', path: string, body?: unknown, key?: string): Buffer {
  const text = body === undefined ? '' : JSON.stringify(body);
  const content =
    body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
  const once = key === undefined ? '' : `idempotency-key: ${key}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${once}${content}\r\n${text}`);
}

/** What a client sends: the same request again and again, or the next of a list until its end. */
export type Requests = Buffer | (() => Buffer | undefined);

/**
 * Clients that each have a connection and send their request again as soon as it is answered. Less work for this process
 * than a whole HTTP client, so that more of the machine is left to what is measured.
 */
export class Load {
  private readonly clients: Client[];
  private readonly opened: Promise<unknown>;

  constructor(url: string, requests: readonly Requests[]) {
    this.clients = requests.map((own) => new Client(url, typeof own === 'function' ? own : () => own));
    this.opened = Promise.all(this.clients.map(({ opened }) => opened));
  }

  /** Answers in about `ms` milliseconds, and the milliseconds that each took. Throws where one is not a success. */
  async run(ms: number): Promise<{ perSecond: number; latencies: number[] }> {
    await this.opened;
    const started = performance.now();
    const latencies = (await Promise.all(this.clients.map((client) => client.run(started + ms)))).flat();
    return { perSecond: (latencies.length * 1000) / (performance.now() - started), latencies };
  }

  contender(name: string): Contender {
    return { name, measure: async (ms) => 1e9 / (await this.run(ms)).perSecond };
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}

class Client {
  readonly opened: Promise<void>;
  private readonly socket: Socket;
  private readonly next: () => Buffer | undefined;
  private received = '';
  private closed: Error | undefined;
  private answered: () => void = () => undefined;
  private failed: (error: Error) => void = () => undefined;

  constructor(url: string, next: () => Buffer | undefined) {
    const { hostname, port } = new URL(url);
    this.next = next;
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
    this.socket.setEncoding('latin1').on('data', (chunk: string) => this.read(chunk));
    this.socket.on('close', () => {
      this.closed = new Error('the service has closed a connection');
      this.failed(this.closed);
    });
  }

  async run(end: number): Promise<number[]> {
    const latencies: number[] = [];
    do {
      const bytes = this.next();
      if (!bytes) break;
      if (this.closed) throw this.closed;
      const sent = performance.now();
      await new Promise<void>((resolve, reject) => {
        this.answered = resolve;
        this.failed = reject;
        this.socket.write(bytes);
      });
      latencies.push(performance.now() - sent);
    } while (performance.now() < end);
    return latencies;
  }

  close(): void {
    this.failed = () => undefined;
    this.socket.destroy();
  }

  private read(chunk: string): void {
    this.received += chunk;
    const head = this.received.indexOf('\r\n\r\n');
    if (head < 0) return;
    if (!this.received.startsWith('HTTP/1.1 20')) {
      this.failed(new Error(this.received.slice(0, 1000)));
      return;
    }
    const [, length] = /^content-length: (\d+)/im.exec(this.received.slice(0, head)) ?? [];
    if (length === undefined || this.received.length < head + 4 + Number(length)) return;
    this.received = '';
    this.answered();
  }
}
