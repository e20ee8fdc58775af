import { describe, expect, it } from 'vitest';
import { Checker, documentOf, operationsOf } from '../../openapi/document.ts';
import { examplesOf, prepare, send } from '../../openapi/run-example.ts';
import { startApp } from '../../support/app.ts';
import { call } from '../../support/call.ts';

const app = await startApp();
const document = await documentOf(app);
await app.close();
const checker = new Checker(document);
const examples = examplesOf(document);

describe('every example', () => {
  it.each(examples.map((example) => [example.operation.operationId, example.name, example] as const))(
    'of %s runs as it stands and gets what is documented: %s',
    async (_operation, _name, example) => {
      const app = await startApp();
      try {
        await prepare(app, document, example);
        const reply = await send(app, document, example);
        expect(reply.status, reply.text).toBeLessThan(300);
        const documented = example.operation.responses[reply.status];
        expect(documented, `${reply.status} is documented`).toBeDefined();
        expectHeaders(reply.headers, documented.headers);
        if (documented.content === undefined) return expect(reply.text).toBe('');
        const [type] = String(reply.headers['content-type']).split(';');
        expect(Object.keys(documented.content)).toContain(type);
        if (type !== 'application/json') return expect(reply.text.length).toBeGreaterThan(0);
        const media = documented.content[type];
        expect(checker.errors(media.schema, reply.body)).toEqual([]);
        const [first] = Object.values(media.examples ?? {});
        const shown = example.body === undefined ? first : media.examples?.[example.name];
        if (shown) expect(reply.body).toEqual(shown.value);
      } finally {
        await app.close();
      }
    },
  );

  it('fits its schema, request and reply alike', () => {
    const wrong = operationsOf(document).flatMap(({ operationId, requestBody, responses }) => {
      const contents = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
      const media = contents.flatMap((content) => Object.values(content ?? {}));
      return media.flatMap(({ schema, examples = {} }) =>
        Object.entries(examples)
          .filter(([, { $ref }]) => $ref === undefined)
          .flatMap(([name, { value }]) => checker.errors(schema, value).map((one) => `${operationId} ${name} ${one}`)),
      );
    });
    expect(wrong).toEqual([]);
  });

  it('is there for every operation that takes a body', () => {
    const bodies = operationsOf(document).filter(({ requestBody }) => requestBody);
    for (const { operationId } of bodies) {
      expect(examples.map(({ operation }) => operation.operationId)).toContain(operationId);
    }
    expect(bodies.length).toBeGreaterThan(20);
  });

  it('of a problem is a problem document', () => {
    const shown = Object.entries(document.components.examples);
    expect(shown.length).toBeGreaterThan(20);
    for (const [code, { value }] of shown) {
      expect(checker.errors({ $ref: '#/components/schemas/Problem' }, value), code).toEqual([]);
      expect(value).toMatchObject({ code, type: `/problems/${code}` });
    }
  });
});

it('takes the file of a checkpoint back in, as the second content type of saveCheckpoint says', async () => {
  const app = await startApp();
  const content = examples.find(({ operation }) => operation.operationId === 'readCheckpointContent');
  if (!content) throw new Error('readCheckpointContent is not documented');
  await prepare(app, document, content);
  const file = await app.inject({ url: '/v1/checkpoints/ckpt/content' });
  const save = operationsOf(document).find(({ operationId }) => operationId === 'saveCheckpoint');
  const type = String(file.headers['content-type']);
  expect(Object.keys(save?.requestBody?.content ?? {})).toEqual(['application/json', type]);
  const reply = await call(app, 'POST', '/v1/checkpoints?id=copy', file.rawPayload, { 'content-type': type });
  expect(reply.status, reply.text).toBe(201);
  expect(checker.errors({ $ref: '#/components/schemas/Checkpoint' }, reply.body)).toEqual([]);
  await app.close();
});

it('would notice a reply with a field that is not described', () => {
  const health = { $ref: '#/components/schemas/Health' };
  expect(checker.errors(health, { status: 'ok' })).toEqual([]);
  expect(checker.errors(health, { status: 'ok', more: 1 })).not.toEqual([]);
  expect(checker.errors(health, {})).not.toEqual([]);
});

/** A reply has the headers that are documented, but for that of a repeated request. */
function expectHeaders(
  sent: Readonly<Record<string, unknown>>,
  documented: Readonly<Record<string, unknown>> = {},
): void {
  for (const name of Object.keys(documented)) {
    if (name === 'Idempotency-Replayed') continue;
    expect(sent[name.toLowerCase()], name).toBeDefined();
  }
  for (const name of ['ETag', 'Location']) {
    if (sent[name.toLowerCase()] !== undefined) expect(Object.keys(documented)).toContain(name);
  }
}
