import { expect, it } from 'vitest';
import { type DocumentedOperation, documentOf, operationsOf } from '../../openapi/document.ts';
import { examplesOf, prepare, send } from '../../openapi/run-example.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { type Called, call } from '../../support/call.ts';

const app = await startApp();
const document = await documentOf(app);
await app.close();
const operations = operationsOf(document);
const examples = examplesOf(document);

interface Visit {
  readonly operation: DocumentedOperation;
  readonly parameters: Readonly<Record<string, string>>;
  readonly reply: Called;
}

function find(operationId: string): DocumentedOperation {
  const operation = operations.find((one) => one.operationId === operationId);
  if (!operation) throw new Error(`no operation '${operationId}'`);
  return operation;
}

/** A runtime expression of OpenAPI: `$response.body#/pointer` or `$request.path.name`. */
function evaluate(expression: string, { parameters, reply }: Visit): string {
  const [, name] = /^\$request\.path\.(\w+)$/.exec(expression) ?? [];
  const [, pointer] = /^\$response\.body#\/(.+)$/.exec(expression) ?? [];
  if (name) return parameters[name];
  if (!pointer) throw new Error(`'${expression}' is not a runtime expression`);
  return pointer.split('/').reduce((at, part) => at[part], reply.body);
}

/** Goes on by a link of the reply, with the first example as the body. */
async function follow(app: TestApp, visit: Visit, name: string): Promise<Visit> {
  const link = visit.operation.responses[visit.reply.status].links?.[name];
  if (!link) throw new Error(`${visit.operation.operationId} has no link '${name}'`);
  const operation = find(link.operationId);
  const entries = Object.entries(link.parameters).map(([key, text]) => [key, evaluate(text, visit)] as const);
  const parameters = Object.fromEntries(entries);
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(parameters[key]));
  const body = examples.find((example) => example.operation.operationId === operation.operationId)?.body;
  return { operation, parameters, reply: await call(app, operation.method, path, body) };
}

async function start(app: TestApp, operationId: string): Promise<Visit> {
  const example = examples.find(({ operation }) => operation.operationId === operationId);
  if (!example) throw new Error(`${operationId} has no example`);
  await prepare(app, document, example);
  return { operation: example.operation, parameters: {}, reply: await send(app, document, example) };
}

it('lead to operations that are there, with all their path parameters', () => {
  const links = operations.flatMap(({ responses }) =>
    Object.values(responses).flatMap(({ links }) => Object.values(links ?? {})),
  );
  expect(links.length).toBeGreaterThan(30);
  for (const { operationId, parameters } of links) {
    const path = [...find(operationId).path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(parameters).sort(), operationId).toEqual(path.sort());
  }
});

it.each([
  [['createCell', 'readCell', 'stepCell'], { output: [[6]], states: [[[6]]] }],
  [['openSession', 'readSession', 'stepSession', 'stepSession', 'readSession'], { step: 2, states: [[[10]]] }],
  [['openSession', 'stepSession', 'rewindSession', 'stepSession', 'readSession'], { step: 1, states: [[[5]]] }],
  [['openSession', 'readCell', 'listCellVariables', 'readCellVariable'], { name: 'kernel', value: [[1]] }],
  [['createVariable', 'assignVariable', 'assignAddVariable', 'readVariable'], { id: 'v', value: 2.5 }],
  [['saveCheckpoint', 'readCheckpoint', 'restoreCheckpoint'], { restored: { variables: ['v'] } }],
] as const)('lead along %j', async ([first, ...rest], end) => {
  const app = await startApp();
  let visit = await start(app, first);
  expect(visit.reply.status).toBe(201);
  for (const link of rest) {
    visit = await follow(app, visit, link);
    expect(visit.reply.status, visit.reply.text).toBe(200);
  }
  expect(visit.reply.body).toMatchObject(end);
  await app.close();
});

it('can each be followed from the reply that has it', async () => {
  for (const { operationId, responses } of operations) {
    const names = Object.values(responses).flatMap(({ links }) => Object.keys(links ?? {}));
    for (const name of names) {
      const app = await startApp();
      const visit = await start(app, operationId);
      const path = examples.find(({ operation }) => operation.operationId === operationId)?.operation.path ?? '';
      const own = { cell: 'cell', session: 's', variable: 'v', checkpoint: 'ckpt', name: 'kernel' };
      const parameters = path.includes('{') ? own : {};
      const next = await follow(app, { ...visit, parameters }, name);
      // A cell with a session, which the setup opens, is not deleted.
      const refused = name === 'deleteCell' && operationId !== 'createCell';
      expect(next.reply.status, `${operationId} → ${name}: ${next.reply.text}`).toBe(
        refused ? 409 : name.startsWith('delete') ? 204 : name.startsWith('fork') ? 201 : 200,
      );
      await app.close();
    }
  }
});
