import { afterAll, describe, expect, it } from 'vitest';
import { type DocumentedOperation, documentOf, operationsOf, resolve } from '../../openapi/document.ts';
import { examplesOf, type NamedExample, pathOf, prepare } from '../../openapi/run-example.ts';
import { startApp } from '../../support/app.ts';
import { type Called, call } from '../../support/call.ts';

const app = await startApp();
afterAll(() => app.close());
const document = await documentOf(app);
const examples = examplesOf(document);

/** What a field may be sent as instead. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e39,
  2 ** 31,
  'x',
  '',
  'not/an id',
  'none',
  [],
  {},
  [[1], [1, 2]],
  [[1, 2, 3]],
  [[[[1]]]],
  { variable: 'none' },
  { shape: [2], data: [1] },
  { shape: [2 ** 20, 2 ** 20], data: [] },
  [null, 7],
  [2 ** 31 - 1, 2 ** 31 - 1],
  { units: 2 ** 30 },
  { units: 1, activation: 'nope' },
  { kernel: [[1]], bias: [1] },
];

/** Codes that the operation documents for the status; those of `default` where the status is not listed. */
function documented({ responses }: DocumentedOperation, status: number): string[] {
  const response = responses[status] ?? responses.default;
  return Object.keys(resolve(document, response).content?.['application/problem+json']?.examples ?? {});
}

/** Every body that differs from the example in one field, and the example with one field more or less. */
function oddBodies(body: unknown): unknown[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return ODD.slice();
  const fields = Object.entries(body);
  return [
    { ...body, unknown: 1 },
    [],
    ...fields.map(([name]) => Object.fromEntries(fields.filter(([other]) => other !== name))),
    ...fields.flatMap(([name]) => ODD.map((odd) => ({ ...body, [name]: odd }))),
  ];
}

describe.each(operationsOf(document).map((operation) => [operation.operationId, operation] as const))(
  '%s',
  (_id, operation) => {
    const own = examples.filter((example) => example.operation.operationId === operation.operationId);
    const [first] = own;
    const path = pathOf(document, operation, first.name);

    /** A service of its own, with what the example works on; every refusal in it must be one that is documented. */
    async function refusals(ask: (send: typeof call) => Promise<Called[]>, example: NamedExample = first) {
      const app = await startApp();
      await prepare(app, document, example);
      const replies = await ask((_, ...request) => call(app, ...request));
      await app.close();
      for (const reply of replies.filter(({ status }) => status >= 400)) {
        expect(documented(operation, reply.status), reply.text).toContain(reply.body.code);
        expect(reply.status, reply.text).toBeLessThan(500);
      }
      return replies;
    }

    it('documents the refusal of a query that it does not take, and of a thing that is not there', async () => {
      const { method } = operation;
      const [query, missing] = await refusals(async (send) => [
        await send(app, method, `${path}?unknown=1`, first.body),
        await send(app, method, operation.path.replaceAll(/\{\w+\}/g, 'none'), first.body),
      ]);
      expect(query.status).toBe(400);
      if (operation.path.includes('{')) expect(missing.status).toBe(404);
    });

    it('documents what becomes of conditions and keys', async () => {
      const { method } = operation;
      const headers = (operation.parameters ?? [])
        .map((one) => resolve(document, one))
        .filter((one) => one.in === 'header');
      const names = headers.map(({ name }) => name);
      if (names.includes('If-Match')) {
        const replies = await refusals(async (send) => [
          await send(app, method, path, first.body, { 'if-match': '"99"' }),
          await send(app, method, path, first.body, { 'if-match': '99' }),
        ]);
        expect(replies.map(({ status }) => status)).toEqual([412, 400]);
      } else {
        // A creating operation refuses it, the others know nothing of it.
        await refusals(async (send) => [await send(app, method, path, first.body, { 'if-match': '"99"' })]);
      }
      if (names.includes('Idempotency-Key')) {
        const key = { 'idempotency-key': 'k1' };
        const replies = await refusals(async (send) => [
          await send(app, method, path, first.body, key),
          await send(app, method, path, first.body, key),
          await send(app, method, path, first.body, { 'idempotency-key': 'x'.repeat(256) }),
        ]);
        expect(replies[1]).toMatchObject({ status: replies[0].status, headers: { 'idempotency-replayed': 'true' } });
        expect(replies[2].status).toBe(400);
      }
      if (names.includes('If-None-Match')) {
        const [fresh] = await refusals(async (send) => [
          await send(app, method, path, undefined, { 'if-none-match': '*' }),
        ]);
        expect(fresh.status).toBe(304);
      }
    });

    if (!operation.requestBody) {
      it('documents the refusal of a body that cannot be read', async () => {
        await refusals(async (send) => [
          await send(app, operation.method, path, '{"'),
          await send(app, operation.method, path, 'text', { 'content-type': 'text/plain' }),
          await send(app, operation.method, path, '{}', { 'content-encoding': 'gzip' }),
        ]);
      });
      return;
    }

    it('documents the refusal of every odd body', async () => {
      const { method } = operation;
      const [json, type] = await refusals(async (send) => [
        await send(app, method, path, '{"'),
        await send(app, method, path, 'text', { 'content-type': 'text/plain' }),
      ]);
      expect([json.status, type.status]).toEqual([400, 415]);
      for (const example of own) {
        await refusals(async (send) => {
          const replies: Called[] = [];
          const at = pathOf(document, operation, example.name);
          for (const body of oddBodies(example.body)) replies.push(await send(app, method, at, body));
          expect(replies.some(({ status }) => status >= 400)).toBe(true);
          return replies;
        }, example);
      }
    });
  },
);
