import { Agent, type ClientRequest, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Served } from './attack.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A body as it is sent: text, bytes, or anything else as JSON; with its type, JSON where it is left out. */
export interface Payload {
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
}

export interface Outcome {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly bytes: number;
  /** The first of the reply. */
  readonly text: string;
  readonly milliseconds: number;
}

const SHOWN_BYTES = 4_096;
const PATIENCE_MS = 120_000;
/** Times its seconds for which a flood waits for its last answers. */
const GRACE = 2;

/** What an attacker has: connections to the service, and a list of what was answered. */
export class Target implements Served {
  readonly url: string;
  readonly grpcUrl: string;
  /** For how long an attack that lasts goes on. */
  readonly seconds: number;
  readonly statuses = new Map<number, number>();
  private readonly address: string;
  private readonly agent: Agent;
  private readonly sockets = new Set<Socket>();
  private readonly outgoing = new Set<ClientRequest>();

  /** `address` is where it comes from: clients without keys are told apart by it. */
  constructor({ url, grpcUrl }: Served, seconds: number, address = '127.0.0.1') {
    this.url = url;
    this.grpcUrl = grpcUrl;
    this.seconds = seconds;
    this.address = address;
    this.agent = new Agent({ keepAlive: true, maxSockets: 256, localAddress: address });
  }

  /** Another client, who means no harm. */
  neighbour(): Target {
    return new Target(this, this.seconds, '127.0.0.3');
  }

  /** One request; its reply is read and thrown away. */
  send(method: Method, path: string, { body, type, accept }: Payload = {}): Promise<Outcome> {
    const payload = bytesOf(body);
    const headers: Record<string, string | number> = accept ? { accept } : {};
    if (payload)
      Object.assign(headers, { 'content-type': type ?? 'application/json', 'content-length': payload.length });
    const started = performance.now();
    return new Promise((resolve) => {
      const end = (status: number, bytes = 0, text = '') => {
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
        resolve({ status, bytes, text, milliseconds: performance.now() - started });
      };
      const outgoing = request(
        this.url + path,
        { agent: this.agent, method, headers, timeout: PATIENCE_MS },
        (incoming) => {
          let bytes = 0;
          let text = '';
          incoming.on('data', (chunk: Buffer) => {
            if (bytes < SHOWN_BYTES) text += chunk.toString('latin1', 0, SHOWN_BYTES - bytes);
            bytes += chunk.length;
          });
          incoming.once('close', () => end(incoming.complete ? (incoming.statusCode ?? 0) : 0, bytes, text));
        },
      );
      this.outgoing.add(outgoing);
      outgoing.once('close', () => this.outgoing.delete(outgoing));
      outgoing.once('timeout', () => outgoing.destroy());
      outgoing.once('error', () => end(0));
      outgoing.end(payload);
    });
  }

  post(path: string, body: unknown, rest: Omit<Payload, 'body'> = {}): Promise<Outcome> {
    return this.send('POST', path, { ...rest, body });
  }

  /** Makes what an attack needs. @throws {Error} where it is refused */
  async make(path: string, body: unknown, rest: Omit<Payload, 'body'> = {}): Promise<void> {
    const { status, text } = await this.post(path, body, rest);
    if (status !== 201 && status !== 200) throw new Error(`${path}: ${status} ${text.slice(0, 300)}`);
  }

  /**
   * The same by so many clients at once, again and again, until the attack's time is over. What is not answered some time after
   * that is given up.
   */
  async flood(clients: number, act: (client: number) => Promise<unknown>): Promise<void> {
    const end = performance.now() + this.seconds * 1000;
    const tired = setTimeout(() => this.hangUp(), (1 + GRACE) * this.seconds * 1000);
    const one = async (client: number) => {
      do await act(client);
      while (performance.now() < end);
    };
    await Promise.all(Array.from({ length: clients }, (_, client) => one(client)));
    clearTimeout(tired);
  }

  /** Ends all requests that wait for an answer. */
  hangUp(): void {
    for (const outgoing of this.outgoing) outgoing.destroy();
  }

  /** Connections on which bytes are sent and what comes is not read. */
  async silent(count: number, bytes: Buffer): Promise<void> {
    for (let k = 0; k < count; k++) this.open(bytes).pause();
    await delay(this.seconds * 1000);
  }

  open(bytes: Buffer): Socket {
    const { port, hostname } = new URL(this.url);
    const socket = connect({ port: Number(port), host: hostname, localAddress: this.address }, () =>
      socket.write(bytes),
    );
    socket.on('error', () => undefined);
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.agent.destroy();
  }
}

/** The head of a request, as bytes. */
export function head(method: Method, path: string, headers: Readonly<Record<string, string | number>> = {}): Buffer {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
