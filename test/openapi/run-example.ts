import type { TestApp } from '../support/app.ts';
import { type Called, call } from '../support/call.ts';
import { type Document, type DocumentedOperation, operationsOf, resolve } from './document.ts';

/** The operations whose first examples make what the other examples work on, in the order in which they run. */
const MAKERS = ['createCell', 'createVariable', 'openSession', 'saveCheckpoint'];

export interface NamedExample {
  readonly operation: DocumentedOperation;
  readonly name: string;
  readonly body: unknown;
}

/** Every request example of the document; one without a body for an operation that takes none. */
export function examplesOf(document: Document): NamedExample[] {
  return operationsOf(document).flatMap((operation): NamedExample[] => {
    const media = operation.requestBody?.content['application/json'];
    if (!media) return [{ operation, name: 'request', body: undefined }];
    return Object.entries(media.examples ?? {}).map(([name, { value }]) => ({ operation, name, body: value }));
  });
}

/** Sends the example as it stands: path parameters by their examples, those of the same name first. */
export function send(app: TestApp, document: Document, { operation, name, body }: NamedExample): Promise<Called> {
  return call(app, operation.method, pathOf(document, operation, name), body);
}

/** Makes the cell, the variable, the session and the checkpoint that an example works on; not what it makes itself. */
export async function prepare(app: TestApp, document: Document, { operation }: NamedExample): Promise<void> {
  const all = examplesOf(document);
  for (const maker of makersFor(operation.operationId)) {
    const first = all.find((example) => example.operation.operationId === maker);
    if (!first) throw new Error(`${maker} has no example`);
    const made = await send(app, document, first);
    if (made.status > 201) throw new Error(`the example '${first.name}' of ${maker} got ${made.text}`);
  }
}

function makersFor(operationId: string): readonly string[] {
  // A cell with a session on it is not deleted.
  if (operationId === 'deleteCell') return ['createCell'];
  // A cell has an optimizer once it was trained.
  if (/Optimizer$/.test(operationId)) return ['createCell', 'trainCell'];
  return MAKERS.includes(operationId) ? MAKERS.slice(0, MAKERS.indexOf(operationId)) : MAKERS;
}

/** The path with its parameters: their examples of that name, or their first. */
export function pathOf(document: Document, operation: DocumentedOperation, example: string): string {
  return operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = (operation.parameters ?? [])
      .map((one) => resolve(document, one))
      .find((one) => one.name === name);
    const examples = parameter?.examples ?? {};
    const value = examples[example]?.value ?? Object.values(examples)[0]?.value ?? parameter?.example;
    if (value === undefined) throw new Error(`{${name}} of ${operation.operationId} has no example`);
    return encodeURIComponent(value);
  });
}
