import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';

/** A client that keeps its connection, and steps its session from time to time. */
export interface SlowClient {
  /**
   * Resolves when the step is answered: with whether it was carried out, or was refused because there is too much to do. Rejects
   * where it was answered otherwise, or the connection ends.
   */
  step(): Promise<boolean>;
  close(): void;
}

const PATIENCE_MS = 120_000;
const BODY = JSON.stringify({ inputs: [Array(16).fill(0.5)] });

/** A connection of HTTP that is kept. */
export async function openKept(url: string, session: string): Promise<SlowClient> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  const path = `/v1/sessions/${session}/steps`;
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;
  let ends = false;
  const waiting = new Waiting(session);
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
    const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
    const at = text.indexOf('\r\n\r\n');
    if (at < 0 || text.length < at + 4 + Number(length)) return;
    waiting.answered(Number(text.slice(9, 12)), text);
    text = '';
  });
  socket.on('error', () => undefined);
  socket.on('close', () => ends || waiting.ended());
  return {
    step: () => waiting.send(() => socket.write(head + BODY)),
    close() {
      ends = true;
      socket.destroy();
    },
  };
}

/** A socket of messages. */
export async function openSocket(url: string, session: string): Promise<SlowClient> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/stream`, 'cellstep.v1');
  await once(socket, 'open');
  let ends = false;
  const waiting = new Waiting(session);
  const message = `{"session":"${session}",${BODY.slice(1)}`;
  socket.on('message', (data: Buffer) => waiting.answered(JSON.parse(`${data}`).status, `${data}`));
  socket.on('error', () => undefined);
  socket.on('close', () => ends || waiting.ended());
  return {
    step: () => waiting.send(() => socket.send(message)),
    close() {
      ends = true;
      socket.terminate();
    },
  };
}

/** The answer that a client waits for. */
class Waiting {
  private readonly session: string;
  private settle: ((outcome: Error | boolean) => void) | undefined;
  private failure: Error | undefined;

  constructor(session: string) {
    this.session = session;
  }

  async send(write: () => void): Promise<boolean> {
    if (this.failure) throw this.failure;
    const answer = new Promise<boolean>((resolve, reject) => {
      this.settle = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
    });
    write();
    const late = delay(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${this.session} was not answered within ${PATIENCE_MS} ms`);
    });
    return Promise.race([answer, late]);
  }

  answered(status: number, text: string): void {
    const isRefused = status === 503 && text.includes('"code":"overloaded"');
    this.settle?.(status === 200 || isRefused ? !isRefused : new Error(`${this.session} was answered ${text}`));
  }

  ended(): void {
    this.failure = new Error(`the service ended the connection of ${this.session}`);
    this.settle?.(this.failure);
  }
}
