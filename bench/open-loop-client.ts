/** The process of an open loop: it keeps the rate that it is told, and tells what was answered. */
import { connect, type Socket } from 'node:net';

/** A request as bytes, or its two parts between which a key is put that no other request has. */
export type Template = readonly [Buffer] | readonly [Buffer, Buffer];

export interface ClientOptions {
  readonly url: string;
  /** Sent by turns. */
  readonly templates: readonly Template[];
  /** Connections that it opens at most. */
  readonly connections: number;
}

export interface Pace {
  readonly rate: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export interface Told {
  readonly statuses: ReadonlyMap<number, number>;
  readonly latencies: Float64Array;
  readonly refusals: Float64Array;
  readonly unsent: number;
  readonly closed: number;
  readonly failure?: string;
}

/** Of an answer. */
const MOST_BYTES = 2 ** 16;
/** Connections that were not used for longer are left. */
const MOST_IDLE_MS = 5_000;
/** What is not answered then is given up. */
const PATIENCE_MS = 10_000;

class Client {
  private readonly options: ClientOptions;
  private readonly free: Connection[] = [];
  private readonly all = new Set<Connection>();
  private sent = 0;
  private seen = new Seen(0);

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** A time is counted from when its request was due, so a client that is late does not hide a wait. */
  async keep({ rate, seconds, warmUpSeconds }: Pace): Promise<Told> {
    const from = performance.now();
    const seen = new Seen(from + warmUpSeconds * 1000);
    this.seen = seen;
    const total = Math.floor(rate * (warmUpSeconds + seconds));
    for (let begun = 0; begun < total; ) {
      const due = Math.min(total, Math.floor(((performance.now() - from) * rate) / 1000));
      for (; begun < due; begun++) this.send(from + (begun * 1000) / rate);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const last = performance.now() + PATIENCE_MS; this.all.size > this.free.length; ) {
      if (performance.now() > last) {
        return seen.told(`${this.all.size - this.free.length} requests were not answered within ${PATIENCE_MS} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return seen.told();
  }

  private send(due: number): void {
    const connection = this.fresh() ?? this.opened();
    if (!connection) {
      this.seen.leave(due);
      return;
    }
    const { templates } = this.options;
    const number = this.sent++;
    const [before, after] = templates[number % templates.length];
    connection.ask(due, after ? Buffer.concat([before, Buffer.from(`k${number}`), after]) : before);
  }

  /** The connection that was used last. The service ends those that say nothing for long. */
  private fresh(): Connection | undefined {
    for (let connection = this.free.pop(); connection; connection = this.free.pop()) {
      if (connection.idleMs < MOST_IDLE_MS) return connection;
      this.all.delete(connection);
      connection.leave();
    }
    return undefined;
  }

  private opened(): Connection | undefined {
    if (this.all.size >= this.options.connections) return undefined;
    const connection = new Connection(this.options.url, {
      answered: (status, since) => {
        this.seen.add(status, since);
        if (this.all.has(connection)) this.free.push(connection);
      },
      closed: (since) => {
        this.all.delete(connection);
        const place = this.free.indexOf(connection);
        if (place >= 0) this.free.splice(place, 1);
        this.seen.close(since);
      },
    });
    this.all.add(connection);
    return connection;
  }
}

/** Answers to requests that were due in the time that counts. */
class Seen {
  private readonly statuses = new Map<number, number>();
  private readonly latencies: number[] = [];
  private readonly refusals: number[] = [];
  private unsent = 0;
  private closed = 0;
  private readonly from: number;

  constructor(from: number) {
    this.from = from;
  }

  add(status: number, due: number): void {
    if (due < this.from) return;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    (status === 200 ? this.latencies : this.refusals).push(performance.now() - due);
  }

  leave(due: number): void {
    if (due >= this.from) this.unsent++;
  }

  /** `due`: of the request that was not answered, if there was one. */
  close(due: number | undefined): void {
    this.closed++;
    if (due !== undefined) this.add(0, due);
  }

  told(failure?: string): Told {
    const { statuses, unsent, closed } = this;
    const [latencies, refusals] = [Float64Array.from(this.latencies), Float64Array.from(this.refusals)];
    return { statuses, latencies, refusals, unsent, closed, failure };
  }
}

interface Outcomes {
  readonly answered: (status: number, due: number) => void;
  readonly closed: (due: number | undefined) => void;
}

/** One connection, with one request under way at most. */
class Connection {
  private readonly socket: Socket;
  private readonly outcomes: Outcomes;
  private due: number | undefined;
  private received = '';
  private used = performance.now();

  constructor(url: string, outcomes: Outcomes) {
    this.outcomes = outcomes;
    const { hostname, port } = new URL(url);
    this.socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(MOST_BYTES),
        callback: (count, bytes) => {
          this.read((bytes as Buffer).toString('latin1', 0, count));
          return true;
        },
      },
    });
    this.socket.on('error', () => undefined);
    this.socket.once('close', () => outcomes.closed(this.due));
  }

  get idleMs(): number {
    return performance.now() - this.used;
  }

  leave(): void {
    this.socket.removeAllListeners('close').destroy();
  }

  ask(due: number, bytes: Buffer): void {
    this.due = due;
    this.used = performance.now();
    this.socket.write(bytes);
  }

  private read(text: string): void {
    const all = this.received === '' ? text : this.received + text;
    const head = all.indexOf('\r\n\r\n');
    const length = head < 0 ? undefined : /\r\ncontent-length: (\d+)/i.exec(all)?.[1];
    if (length === undefined || all.length < head + 4 + Number(length) || this.due === undefined) {
      this.received = all;
      return;
    }
    this.received = '';
    const { due } = this;
    this.due = undefined;
    // The service closes it now, and the next request must not be on its way then.
    if (/\r\nconnection: close/i.test(all.slice(0, head))) this.socket.destroy();
    this.outcomes.answered(Number(all.slice(9, 12)), due);
  }
}

let client: Client | undefined;
process.on('message', (message: ClientOptions | Pace) => {
  if ('url' in message) client = new Client(message);
  else client?.keep(message).then((told) => process.send?.(told));
});
process.on('disconnect', () => process.exit(0));
