import type { z } from 'zod';
import { problem } from '../../../schemas/common.ts';
import { tensorFieldsOf } from '../../../schemas/tensor-fields.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { PROBLEMS, type ProblemCode } from '../../domain/problems.ts';
import { PROBLEM_JSON } from '../replies/problem-replies.ts';
import type { Example, Operation } from './operation.ts';
import type { Parameter } from './parameters.ts';
import { problemExample } from './problems.ts';
import type { SchemaComponents } from './schemas.ts';
import { TENSOR_REPLY_CONTENT } from './tensors.ts';

export const HEADERS = {
  ETag: header('Version of the thing in double quotes, for If-Match and If-None-Match.', '"1"'),
  Location: header('Path of the new thing.', '/v1/cells/cell'),
  'Idempotency-Replayed': header('`true` if this is the kept reply to an earlier request with the same key.', 'true'),
  'Retry-After': header('Seconds to wait before the same request is sent again.', '1'),
  RateLimit: header('Requests left under the limit, and the seconds until there are more.', '"requests";r=99;t=1'),
  'RateLimit-Policy': header('Requests (q) that you may send in a number of seconds (w).', '"requests";q=100;w=1'),
  'WWW-Authenticate': header('How to authenticate.', 'Bearer'),
  Allow: header('With 405: the methods that the path takes.', 'GET, HEAD, POST'),
} as const;

function header(description: string, example: string): JsonObject {
  return { description, schema: { type: 'string' }, example };
}

function headerRefs(names: readonly (keyof typeof HEADERS)[]): JsonObject {
  if (names.length === 0) return {};
  return { headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])) };
}

/** Problems of every operation, such as an unsupported type of body. */
const REST: readonly ProblemCode[] = [
  'foreign-host',
  'foreign-page',
  'method-not-allowed',
  'request-timeout',
  'body-too-large',
  'unsupported-media-type',
  'expectation-failed',
  'headers-too-large',
  'internal-error',
];

type Replies = Readonly<Record<number, z.ZodType | null>>;

const SUCCESS: Readonly<Record<string, string>> = {
  201: 'Made; `Location` is its path.',
  204: 'Done. There is no body.',
};

/** The replies of success, and 304 if the request may have If-None-Match. */
export function successes(
  operation: Operation,
  replies: Replies,
  parameters: readonly Parameter[],
  schemas: SchemaComponents,
  tensors: boolean,
): Record<string, JsonObject> {
  const takes = (name: string) => parameters.some((one) => one.name === name);
  const responses: Record<string, JsonObject> = {};
  // If there are several, the examples get the last one.
  const usual = Object.keys(replies).at(-1);
  for (const [status, type] of Object.entries(replies)) {
    const isUsual = status === usual;
    const versioned = type !== null && (status === '201' || (isUsual && takes('If-Match')) || takes('If-None-Match'));
    responses[status] = {
      description: SUCCESS[status] ?? 'Done.',
      ...headerRefs([
        ...(versioned ? (['ETag'] as const) : []),
        ...(status === '201' ? (['Location'] as const) : []),
        ...(isUsual && takes('Idempotency-Key') ? (['Idempotency-Replayed'] as const) : []),
      ]),
      ...(type
        ? {
            content: {
              ...withExamples(schemas.contentOf(type, 'output'), isUsual ? operation.examples : {}, 'reply'),
              ...(tensors ? TENSOR_REPLY_CONTENT : {}),
            },
          }
        : {}),
      ...(isUsual && operation.links ? { links: operation.links as unknown as JsonObject } : {}),
    };
  }
  if (takes('If-None-Match')) {
    responses[304] = { description: 'The version is still the one in If-None-Match.', ...headerRefs(['ETag']) };
  }
  return responses;
}

/** Bodies by media type; the examples are JSON. */
export function withExamples(
  content: Readonly<Record<string, JsonObject>>,
  examples: Readonly<Record<string, Example>>,
  part: 'body' | 'reply',
): JsonObject {
  const named = Object.entries(examples).flatMap(([name, { summary, [part]: value }]) =>
    value === undefined ? [] : [[name, { summary, value }] as [string, Json]],
  );
  const media = Object.entries(content).map(([type, schema]) => {
    const isJson = type === 'application/json' && named.length > 0;
    return [type, { schema, ...(isJson ? { examples: Object.fromEntries(named) } : {}) }] as const;
  });
  return Object.fromEntries(media);
}

/** The problems of an operation: those that follow from its parts, and those in its table. */
export function problemsOf(
  operation: Operation,
  method: string,
  parameters: readonly Parameter[],
  body: z.ZodType | undefined,
  tensors: boolean,
): ProblemCode[] {
  const hasBody = body !== undefined;
  const takes = (name: string) => parameters.some((one) => one.name === name);
  const closed = operation.access !== 'open';
  const reaches = closed && (hasBody || parameters.length > 0);
  const codes = new Set<ProblemCode>(['invalid-request', 'bad-request', ...(operation.problems ?? [])]);
  const add = (condition: boolean, ...more: ProblemCode[]) => {
    if (condition) for (const code of more) codes.add(code);
  };
  add(closed, 'unauthorized', 'insufficient-scope', 'issuer-unavailable', 'too-many-requests', 'quota-exceeded');
  add(hasBody, 'body-too-large', 'unsupported-media-type');
  // The body of a DELETE is ignored, but read.
  add(hasBody || method === 'DELETE', 'invalid-json');
  add(tensors, 'not-acceptable');
  add(tensors && hasBody && tensorFieldsOf(body).size > 0, 'invalid-file', 'limit-exceeded');
  add(reaches, 'store-unavailable');
  add(
    parameters.some((one) => one.in === 'path'),
    'not-found',
  );
  // A new thing has no version yet, so any If-Match refuses its creation.
  add(takes('Idempotency-Key'), 'invalid-header', 'version-mismatch', 'idempotency-key-reused', 'in-progress');
  add(takes('Idempotency-Key'), 'conflict', 'store-full', 'tenant-full', 'too-many-keys');
  return inTableOrder(codes);
}

/** One response per status, for all its problems, and `default` for problems that do not depend on the operation. */
export function problemResponses(codes: readonly ProblemCode[]): Record<string, JsonObject> {
  const responses = byStatus(codes).map((own) => [PROBLEMS[own[0]].status, reference(own)] as const);
  return { ...Object.fromEntries(responses), default: { $ref: '#/components/responses/default' } };
}

/** The components that problemResponses refers to: each set of problems that share a status, and an example of each. */
export function problemComponents(used: readonly (readonly ProblemCode[])[], schemas: SchemaComponents) {
  schemas.schemaOf(problem, 'output');
  const sets = [...new Map(used.flatMap(byStatus).map((codes) => [codes.join('.'), codes])).values()];
  const responses = [
    ...sets.map((codes) => [codes.join('.'), problemResponse(codes)]),
    ['default', { ...problemResponse(REST), ...headerRefs(['Allow']) }],
  ];
  const shown = inTableOrder([...REST, ...sets.flat()]);
  return {
    responses: Object.fromEntries(responses) as JsonObject,
    examples: Object.fromEntries(shown.map((code) => [code, problemExample(code)])) as JsonObject,
  };
}

function reference(codes: readonly ProblemCode[]): JsonObject {
  return { $ref: `#/components/responses/${codes.join('.')}` };
}

function byStatus(codes: readonly ProblemCode[]): ProblemCode[][] {
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))].sort((a, b) => a - b);
  return statuses.map((status) => codes.filter((code) => PROBLEMS[code].status === status));
}

function inTableOrder(codes: Iterable<ProblemCode>): ProblemCode[] {
  const wanted = new Set(codes);
  return (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => wanted.has(code));
}

function problemResponse(codes: readonly ProblemCode[]): JsonObject {
  const [{ status }] = codes.map((code) => PROBLEMS[code]);
  const lines = codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`);
  const waits = codes.some(
    (code) => code === 'in-progress' || PROBLEMS[code].status === 503 || PROBLEMS[code].status === 429,
  );
  return {
    description: lines.length === 1 ? lines[0] : lines.map((line) => `- ${line}`).join('\n'),
    ...headerRefs([
      ...(waits ? (['Retry-After'] as const) : []),
      ...(codes.includes('too-many-requests') ? (['RateLimit', 'RateLimit-Policy'] as const) : []),
      ...(status === 401 || codes.includes('insufficient-scope') ? (['WWW-Authenticate'] as const) : []),
    ]),
    content: {
      [PROBLEM_JSON]: {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}
