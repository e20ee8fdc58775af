import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ServiceProcess, startService } from '../../scripts/tutorial-service.ts';

/** A fresh directory, gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-process-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A service that is killed after the test, if it still runs. */
export async function service(settings: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const started = await startService({ CELLSTEP_STORE: 'memory:', ...settings });
  onTestFinished(async () => {
    await started.stop('SIGKILL');
  });
  return started;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One request; throws the cause (ECONNREFUSED, …) where there is no answer. */
export async function send(
  base: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const content = body === undefined ? {} : { 'content-type': 'application/json' };
  try {
    const response = await fetch(base + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...content, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    throw (error as Error).cause ?? error;
  }
}

/** A cell whose state is the sum of all inputs, and a session on it. */
export async function openCounter(base: string): Promise<void> {
  const config = { units: 1, activation: 'linear', use_bias: false, kernel_initializer: 'ones' };
  const cell = { id: 'sum', class_name: 'SimpleRNNCell', config: { ...config, recurrent_initializer: 'ones' } };
  for (const [path, body] of [
    ['/v1/cells', { ...cell, input_shape: [null, 1] }],
    ['/v1/sessions', { id: 'counter', cell: 'sum' }],
  ] as const) {
    const { status, text } = await send(base, path, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  }
}

export async function readCounter(base: string): Promise<{ step: number; sum: number }> {
  const { status, text } = await send(base, '/v1/sessions/counter');
  if (status !== 200) throw new Error(`${status} ${text}`);
  const { step, states } = JSON.parse(text);
  return { step, sum: states[0][0][0] };
}

/** A raw connection: bytes out, text in. */
export class RawConnection {
  readonly socket: Socket;
  /** Resolves with everything that was received once the other side has hung up. */
  readonly ended: Promise<string>;
  private text = '';

  constructor(base: string) {
    const { hostname, port } = new URL(base);
    this.socket = connect({ host: hostname, port: Number(port) });
    this.socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
    });
    // A reset is an end too; what came before it counts.
    this.socket.on('error', () => {});
    this.ended = new Promise((resolve) => this.socket.on('close', () => resolve(this.text)));
    onTestFinished(() => void this.socket.destroy());
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  received(): string {
    return this.text;
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** The first answer in what a raw connection received. */
export function parseAnswer(text: string): RawAnswer {
  const [, status, headers, body] = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
  return { status: Number(status), headers: headers ?? '', body: body ?? '' };
}

/** The lines that are whole: of the last one a part may have come. */
export function logLines(printed: string): Record<string, unknown>[] {
  return printed
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
