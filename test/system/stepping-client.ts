import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';
import { until } from '../support/until.ts';
import { type Answer, send } from './support.ts';

/** A call ends within the time limits of the stores; the rest is for a busy machine. */
const BOUND = PATIENCE_MS;

/**
 * Steps the counter's session by 1, one request after the other, each repeated with its key until it is acknowledged.
 * What is refused must be a 503 or 507 of the store that says when to try again.
 */
export class SteppingClient {
  acknowledged = 0;
  refused = 0;
  /** May be changed, when the service is started anew. */
  url: string;
  private readonly name: string;
  /** What ended it: an answer that was not as it has to be. */
  failure: unknown;
  /** The last request, for a message: when it was sent, and what came of it. */
  last = '';
  private stopped = false;
  private readonly ended: Promise<void>;

  constructor(url: string, name: string) {
    this.url = url;
    this.name = name;
    this.ended = this.run();
    this.ended.catch((error: unknown) => {
      this.failure = error;
    });
  }

  /** Resolves when the last request is acknowledged; rejects when an answer was not as it has to be. */
  stop(): Promise<void> {
    this.stopped = true;
    return this.ended;
  }

  private async run(): Promise<void> {
    for (let n = 0; !this.stopped; n++) {
      while (!(await this.take(`${this.name}-${n}`))) await delay(20);
    }
  }

  private async take(key: string): Promise<boolean> {
    const from = performance.now();
    this.last = `${key} sent at ${new Date().toISOString()}, not answered yet`;
    let answer: Answer;
    try {
      answer = await send(this.url, '/v1/sessions/counter/steps', { inputs: [[1]] }, { 'idempotency-key': key });
    } catch (error) {
      // The service was stopped, or has ended.
      this.last = `${key}: ${error}`;
      this.refused++;
      return false;
    }
    expect(performance.now() - from).toBeLessThan(BOUND);
    const { status, headers, text } = answer;
    this.last = `${key}: ${status} ${text} after ${Math.round(performance.now() - from)} ms`;
    if (status === 200) {
      this.acknowledged++;
      return true;
    }
    if (status >= 502 && status <= 504 && !headers.get('content-type')?.includes('json')) {
      // Of a load balancer that has no replica to ask.
      this.refused++;
      return false;
    }
    const { code } = JSON.parse(text) as { code: string };
    expect([503, 507], text).toContain(status);
    expect(['store-unavailable', 'store-full'], text).toContain(code);
    if (status === 503) expect(headers.get('retry-after')).toBe('1');
    this.refused++;
    return false;
  }
}

/** Several clients at once. */
export class SteppingClients {
  private readonly clients: readonly SteppingClient[];

  constructor(url: string, count = 3) {
    this.clients = Array.from({ length: count }, (_, n) => new SteppingClient(url, `client${n}`));
  }

  get acknowledged(): number {
    for (const { failure } of this.clients) if (failure !== undefined) throw failure;
    return this.clients.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  get refused(): number {
    return this.clients.reduce((sum, { refused }) => sum + refused, 0);
  }

  /** Whether each was refused, or found no service, since this was called. */
  allRefused(): () => boolean {
    const before = this.clients.map(({ refused }) => refused);
    return () => {
      for (const { failure } of this.clients) if (failure !== undefined) throw failure;
      return this.clients.every(({ refused }, n) => refused > before[n]);
    };
  }

  /** Waits until so many more steps are acknowledged. */
  async advance(steps: number): Promise<void> {
    const start = this.acknowledged;
    await until(() => this.acknowledged > start + steps).catch((error: unknown) => {
      throw new Error(`${steps} steps: ${error}; ${this.clients.map(({ last }) => last).join('; ')}`);
    });
  }

  moveTo(url: string): void {
    for (const client of this.clients) client.url = url;
  }

  async stop(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.stop()));
  }
}
