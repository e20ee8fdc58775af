import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface OpenLoopOptions {
  readonly url: string;
  /** The next request, as bytes. */
  readonly next: () => Buffer;
  readonly connections: number;
}

/** What was sent at one rate, and what came of it. */
export interface OpenLoopResult {
  /** How many were answered with each status, in the seconds that count. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Successes a second. */
  readonly perSecond: number;
  /** Milliseconds from when a request was due to its answer, sorted. */
  readonly latencies: readonly number[];
  readonly refusals: readonly number[];
  /** Requests a second that were sent in fact. */
  readonly sentPerSecond: number;
}

/** What is not answered then is given up. */
const PATIENCE_MS = 10_000;

/**
 * Sends requests at a fixed rate, whether the ones before are answered or not. A time is counted from when its request was due,
 * so a service that stalls is not asked less, and a client that is late does not hide it. Connections are kept; what a
 * connection has not been answered yet is followed by the next request, as HTTP/1.1 allows.
 */
export class OpenLoop {
  private readonly options: OpenLoopOptions;
  private readonly connections: Connection[] = [];
  private next = 0;

  constructor(options: OpenLoopOptions) {
    this.options = options;
  }

  async open(): Promise<void> {
    for (let k = 0; k < this.options.connections; k++) {
      const connection = new Connection(this.options.url);
      await connection.opened;
      this.connections.push(connection);
    }
  }

  /** @throws {Error} where the service ends a connection, or does not answer */
  async run(rate: number, seconds: number, warmUpSeconds = 1): Promise<OpenLoopResult> {
    const { connections } = this;
    const from = performance.now();
    const counted = from + warmUpSeconds * 1000;
    const end = counted + seconds * 1000;
    const seen = new Seen(counted);
    for (const connection of connections) connection.seen = seen;
    const total = Math.floor((rate * (end - from)) / 1000);
    let sent = 0;
    while (sent < total) {
      const now = performance.now();
      const due = Math.min(total, Math.floor(((now - from) * rate) / 1000));
      const each = new Map<Connection, Buffer[]>();
      for (; sent < due; sent++) {
        const number = this.next++;
        const connection = connections[number % connections.length];
        connection.expect(from + (sent * 1000) / rate);
        const bytes = this.options.next();
        const together = each.get(connection);
        if (together) together.push(bytes);
        else each.set(connection, [bytes]);
      }
      for (const [connection, bytes] of each) connection.send(bytes);
      const broken = connections.find(({ failure }) => failure);
      if (broken) throw broken.failure;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const sending = performance.now() - from;
    for (const last = performance.now() + PATIENCE_MS; connections.some(({ waits }) => waits); ) {
      if (performance.now() > last) throw new Error(`a request was not answered within ${PATIENCE_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return {
      statuses: seen.statuses,
      perSecond: seen.latencies.length / seconds,
      latencies: seen.latencies.sort((a, b) => a - b),
      refusals: seen.refusals.sort((a, b) => a - b),
      sentPerSecond: (total * 1000) / sending,
    };
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}

/** Answers to requests that were due in the time that counts. */
class Seen {
  readonly statuses = new Map<number, number>();
  readonly latencies: number[] = [];
  readonly refusals: number[] = [];
  private readonly from: number;

  constructor(from: number) {
    this.from = from;
  }

  add(status: number, due: number, now: number): void {
    if (due < this.from) return;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    (status === 200 ? this.latencies : this.refusals).push(now - due);
  }
}

class Connection {
  readonly opened: Promise<unknown>;
  seen: Seen | undefined;
  failure: Error | undefined;
  private readonly socket: Socket;
  private readonly due: number[] = [];
  private received = '';

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.opened = once(this.socket, 'connect');
    this.socket.setEncoding('latin1').on('data', (text: string) => this.read(text));
    this.socket.on('error', (error) => {
      this.failure ??= error;
    });
    this.socket.on('close', () => {
      this.failure ??= new Error('the service has closed a connection');
    });
  }

  get waits(): boolean {
    return this.due.length > 0;
  }

  expect(due: number): void {
    this.due.push(due);
  }

  send(requests: readonly Buffer[]): void {
    this.socket.write(requests.length === 1 ? requests[0] : Buffer.concat(requests));
  }

  close(): void {
    this.failure = new Error('closed');
    this.socket.destroy();
  }

  /** Answers follow each other: head, and as many bytes as it says. */
  private read(text: string): void {
    const now = performance.now();
    const all = this.received + text;
    let at = 0;
    for (;;) {
      const head = all.indexOf('\r\n\r\n', at);
      if (head < 0) break;
      const length = /\r\ncontent-length: (\d+)/i.exec(all.slice(at, head))?.[1];
      const next = head + 4 + Number(length ?? 0);
      if (next > all.length) break;
      this.seen?.add(Number(all.slice(at + 9, at + 12)), this.due.shift() ?? now, now);
      at = next;
    }
    this.received = all.slice(at);
  }
}
