import { expect } from 'vitest';
import type { Dtype } from '../../src/domain/tensor.ts';
import type { TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import type { CellBody } from './arbitrary-cells.ts';
import { type Flat, rounded } from './flat.ts';

export interface Reply {
  /** One; two where a Bidirectional does not merge. */
  readonly outputs: readonly Flat[];
  readonly states: readonly Flat[];
}

/** A client of the service under test, which takes every result flat: decimals that read back to the same bits. */
export class Client {
  private readonly app: TestApp;
  private made = 0;

  constructor(app: TestApp) {
    this.app = app;
  }

  /** Makes a cell, built for its features, and gives its id. */
  async cell({ body, features }: { body: CellBody; features: number }, weights?: object): Promise<string> {
    const id = `c${++this.made}`;
    const shape = body.framework === 'pytorch' ? {} : { input_shape: [null, features] };
    await make(this.app, '/v1/cells', { id, ...body, ...shape, ...(weights ? { weights } : {}) });
    return id;
  }

  /** The weights of a cell by name, as a request may send them. */
  async weights(cell: string): Promise<Record<string, object>> {
    const reply = await call(this.app, 'GET', `/v1/cells/${cell}/weights`);
    expect(reply.status, reply.text).toBe(200);
    return reply.body.weights;
  }

  step(cell: string, inputs: Flat, states: readonly Flat[]): Promise<Reply> {
    return this.post(`/v1/cells/${cell}/steps`, { inputs, states });
  }

  sequence(cell: string, inputs: Flat, initial: readonly Flat[], options: object = {}): Promise<Reply> {
    return this.post(`/v1/cells/${cell}/sequences`, { inputs, initial_state: initial, ...options });
  }

  /** Opens a session and gives its id. */
  async session(cell: string, batch: number, initial: readonly Flat[]): Promise<string> {
    const id = `s${++this.made}`;
    const reply = await call(
      this.app,
      'POST',
      '/v1/sessions',
      jsonOf({ id, cell, batch_size: batch, initial_state: initial }),
    );
    expect(reply.status, reply.text).toBe(201);
    return id;
  }

  advance(session: string, inputs: Flat, mask?: Flat): Promise<Reply> {
    return this.post(`/v1/sessions/${session}/steps`, { inputs, return_states: true, ...(mask ? { mask } : {}) });
  }

  private async post(url: string, body: object): Promise<Reply> {
    const reply = await call(this.app, 'POST', url, jsonOf({ ...body, tensor_format: 'flat' }));
    expect(reply.status, reply.text).toBe(200);
    const { output, states } = reply.body;
    return { outputs: [output].flat().map(exact), states: states.map(exact) };
  }
}

/** JSON that keeps the sign of -0, which JSON.stringify drops. */
export function jsonOf(body: object): string {
  const text = JSON.stringify(body, (_, value) => (Object.is(value, -0) ? 'minus zero' : value));
  return text.replaceAll('"minus zero"', '-0');
}

/** The values that the decimals of a reply stand for. */
function exact({ shape, data, dtype }: Flat & { readonly dtype: Dtype }): Flat {
  return rounded(dtype, { shape, data });
}
