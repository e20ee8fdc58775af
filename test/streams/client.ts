import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { PATIENCE_MS } from '../support/patience.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape
export type Answer = any;

/** A client of /v1/stream that keeps what it hears, in order. */
export class StreamClient {
  readonly socket: WebSocket;
  readonly heard: Answer[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly opened: Promise<void>;

  constructor(
    base: string,
    headers: Readonly<Record<string, string>> = {},
    protocol = 'cellstep.v1',
    options: { readonly autoPong?: boolean; readonly localAddress?: string } = {},
  ) {
    this.socket = new WebSocket(`${base.replace(/^http/, 'ws')}/v1/stream`, protocol, { headers, ...options });
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    this.opened.catch(() => undefined);
    this.socket.on('message', (data: Buffer, isFile) => this.heard.push(isFile ? data : JSON.parse(data.toString())));
    this.closed = new Promise((resolve) => {
      this.socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    onTestFinished(() => this.socket.terminate());
  }

  open(): Promise<void> {
    return this.opened;
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  /** The first thing heard that is so; waits for it. */
  async hear(what: (answer: Answer) => boolean): Promise<Answer> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = this.heard.find(what);
      if (found) return found;
      if (Date.now() > end) throw new Error(`not heard within ${PATIENCE_MS} ms: ${JSON.stringify(this.heard)}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Sends a message under an id, and waits for its answer. */
  async ask(message: { readonly id: string | number; readonly [field: string]: unknown }): Promise<Answer> {
    this.say(message);
    return this.hear(({ id }) => id === message.id);
  }
}

/** A stream of lines both ways. */
export class LinesClient {
  readonly request: ReturnType<typeof request>;
  readonly lines: Answer[] = [];
  readonly ended: Promise<void>;
  private text = '';

  constructor(base: string, headers: Readonly<Record<string, string>> = {}) {
    const type = { 'content-type': 'application/jsonl', ...headers };
    this.request = request(`${base}/v1/steps`, { method: 'POST', headers: type });
    this.ended = new Promise((resolve) => {
      this.request.on('error', () => resolve());
      this.request.on('response', (response) => {
        response.setEncoding('utf8').on('data', (chunk: string) => this.take(chunk));
        response.on('end', resolve).on('error', () => resolve());
        response.on('close', resolve);
      });
    });
    this.request.flushHeaders();
    onTestFinished(() => void this.request.destroy());
  }

  say(message: unknown): void {
    this.request.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  }

  private take(chunk: string): void {
    const parts = (this.text + chunk).split('\n');
    this.text = parts.pop() ?? '';
    for (const part of parts) this.lines.push(JSON.parse(part));
  }
}
