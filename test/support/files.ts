import { expect } from 'vitest';
import type { TestApp } from './app.ts';
import { type Called, call } from './call.ts';

export interface Download {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
}

/** A cell's weights as Accept asks for them. */
export async function download(app: TestApp, cell: string, accept: string): Promise<Download> {
  const reply = await app.inject({ url: `/v1/cells/${cell}/weights`, headers: { accept } });
  expect(reply.statusCode, reply.payload.slice(0, 500)).toBe(200);
  return { status: reply.statusCode, headers: reply.headers, bytes: reply.rawPayload };
}

export function postFile(app: TestApp, type: string, bytes: Uint8Array, query = '', headers = {}): Promise<Called> {
  return call(app, 'POST', `/v1/cells${query}`, bytes, { ...headers, 'content-type': type });
}

export function putFile(
  app: TestApp,
  cell: string,
  type: string,
  bytes: Uint8Array,
  { query = '', headers = {} } = {},
): Promise<Called> {
  return call(app, 'PUT', `/v1/cells/${cell}/weights${query}`, bytes, { ...headers, 'content-type': type });
}
