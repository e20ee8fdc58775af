import { expect } from 'vitest';
import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../src/domain/problems.ts';
import { QUOTA_NAMES } from '../../src/domain/quotas.ts';
import type { TestApp } from './app.ts';

export interface Called {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly text: string;
  /** The body parsed as JSON; undefined where there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into replies of every shape
  readonly body: any;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** Method, URL and body of a request. */
export type Sent = readonly [Method, string, unknown];

/** One request, without a socket. A string or a Buffer is sent as it is, anything else as JSON. */
export async function call(
  app: TestApp,
  method: Method,
  url: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Called> {
  const asItIs = typeof body === 'string' || body instanceof Uint8Array;
  const reply = await app.inject({
    method,
    url,
    ...(body === undefined ? {} : { payload: asItIs ? Buffer.from(body) : JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  const json = /json(;|$)/.test(String(reply.headers['content-type']));
  return {
    status: reply.statusCode,
    headers: reply.headers,
    text: reply.payload,
    body: json && reply.payload !== '' ? JSON.parse(reply.payload) : undefined,
  };
}

/** RFC 9457, and the members that this service adds; nothing else may stand in it. */
export const problemDocument = z.strictObject({
  type: z.string().regex(/^\/problems\/[a-z0-9-]+$/),
  title: z.string().min(1),
  status: z.int().min(400).max(599),
  detail: z.string().min(1),
  instance: z.string(),
  code: z.enum(Object.keys(PROBLEMS) as ProblemCode[]),
  request_id: z.string().min(1),
  errors: z
    .array(z.strictObject({ pointer: z.string(), detail: z.string().min(1) }))
    .min(1)
    .optional(),
  expired_at: z.iso.datetime().optional(),
  layers: z.array(z.string()).min(2).optional(),
  quota: z.enum(QUOTA_NAMES).optional(),
  limit: z.number().optional(),
  used: z.number().optional(),
});

/** The reply is this problem, whole and with nothing of the inside in it. */
export function expectProblem(reply: Called, code: ProblemCode, detail?: RegExp): z.output<typeof problemDocument> {
  expect(reply.body, reply.text).toMatchObject({ code });
  const document = expectAnyProblem(reply);
  if (detail) expect(document.detail).toMatch(detail);
  return document;
}

/** The reply is some problem: its status, type and title are those of its code, and it shows no stack. */
export function expectAnyProblem(reply: Called): z.output<typeof problemDocument> {
  expect(reply.headers['content-type']).toBe('application/problem+json');
  const document = problemDocument.parse(reply.body);
  const { status, title } = PROBLEMS[document.code];
  expect(document).toMatchObject({ type: `/problems/${document.code}`, status, title });
  expect(reply.status).toBe(status);
  expect(reply.text).not.toMatch(/\bat .*\.(ts|js|mjs):\d+|node_modules|node:internal/);
  return document;
}

/** The cell of the tutorial: h' = x + h + 3. */
export const TUTORIAL_CELL = {
  id: 'cell',
  class_name: 'SimpleRNNCell',
  config: {
    units: 1,
    activation: null,
    kernel_initializer: 'ones',
    recurrent_initializer: 'ones',
    bias_initializer: { class_name: 'Constant', config: { value: 3 } },
  },
} as const;

/** Makes something that a test needs; fails where that is refused. */
export async function make(app: TestApp, url: string, body: unknown): Promise<Called> {
  const reply = await call(app, 'POST', url, body);
  expect(reply.status, reply.text).toBe(201);
  return reply;
}
