import { z } from 'zod';
import project from '../../../package.json' with { type: 'json' };
import { tensorFieldsOf } from '../../../schemas/tensor-fields.ts';
import { SCOPE_MEANINGS, SCOPES } from '../../domain/identity.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Access } from '../callers/auth.ts';
import { type Operation, TAGS } from './operation.ts';
import { type Parameter, parametersOf, shareParameters } from './parameters.ts';
import { HEADERS, problemComponents, problemResponses, problemsOf, successes, withExamples } from './responses.ts';
import { SchemaComponents } from './schemas.ts';
import { tensorBodyContent } from './tensors.ts';

/** A route as `describe` (routes/route.ts) makes it. */
export interface DocumentedRoute {
  readonly method: string;
  /** With parameters as `:name`. */
  readonly url: string;
  readonly schema: Operation & {
    readonly operationId: string;
    readonly params?: z.ZodType;
    readonly querystring?: z.ZodType;
    readonly headers?: z.ZodType;
    readonly body?: z.ZodType;
    readonly reply: Readonly<Record<number, z.ZodType | null>>;
    readonly tensors?: true;
  };
}

const DESCRIPTION = `Start with *Create a cell*, then *Take a step with a cell*: the examples run as they stand, one after another.

- **Errors** are problem documents (RFC 9457): \`type\` links to a page about the problem, \`detail\` quotes what was sent and says what to send.
- **Versions**: everything stored has a \`version\`, which replies send as \`ETag\`. \`If-Match\` refuses a change if the version has changed since (412).
- **Exactly once**: a change that is sent again with the same \`Idempotency-Key\` is not made again. It gets the first reply.
- **Tensors** are nested arrays, \`{ "shape", "data" }\`, \`{ "shape", "dtype", "base64" }\`, or \`{ "variable": id }\`.
- A method that a path does not support gets 405 and \`Allow\`. GET paths support HEAD too.
- **Other doors**: \`/v1/stream\` is a WebSocket, described by \`/asyncapi.yaml\`. \`/v2\` speaks the [Open Inference Protocol](https://github.com/kserve/open-inference-protocol), which has a description of its own.`;

const SCOPES_TEXT = `Scopes (none includes another): ${SCOPES.map((scope) => `\`${scope}\` ${SCOPE_MEANINGS[scope]}`).join(' ')}`;

/**
 * The OpenAPI document of the routes, always the same for the same routes. A piece is a part of an operation.
 * @throws {Error} if two types have one id
 */
export function* openApiDocument(routes: readonly DocumentedRoute[]): Generator<void, JsonObject> {
  const schemas = new SchemaComponents();
  const operations = [];
  for (const route of inReadingOrder(routes)) {
    operations.push(yield* readOperation(route, schemas));
    yield;
  }
  const shared = shareParameters(operations);
  yield;
  const paths: Record<string, JsonObject> = {};
  for (const { path, method, parameters, problems, rest, responses } of operations) {
    const own = { ...(parameters.length > 0 ? { parameters: parameters.map(shared.reference) } : {}) };
    const all = { ...responses, ...problemResponses(problems) };
    const operation = { ...rest.words, ...own, ...rest.request, responses: all } as unknown as JsonObject;
    paths[path] = { ...paths[path], [method]: operation };
  }
  const problems = problemComponents(
    operations.map((operation) => operation.problems),
    schemas,
  );
  yield;
  const document = {
    openapi: '3.1.1',
    info: {
      title: 'cellstep',
      version: project.version,
      summary: project.description,
      description: DESCRIPTION,
      license: { name: 'Apache License 2.0', identifier: project.license },
    },
    servers: [{ url: '/', description: 'The service that this document came from.' }],
    security: [{ bearer: [] }, { token: [] }, {}],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: schemas.all(),
      parameters: shared.components,
      headers: HEADERS,
      responses: problems.responses,
      examples: problems.examples,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: `A key of the service. A service that was started without keys needs none. ${SCOPES_TEXT}`,
        },
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `A token of the OpenID Connect issuer that the service was started with. Its claim \`scope\` (or \`scp\`) lists the scopes, with or without the prefix \`cellstep:\`. ${SCOPES_TEXT}`,
        },
      },
    },
  };
  // A copy without shared objects: YAML would write those as anchors and aliases.
  return JSON.parse(JSON.stringify(document));
}

/** Who may call an operation: keys and tokens with its scope, or everybody if the service has no keys. */
function securityOf(access: Access): JsonObject[] {
  return access === 'open' ? [] : [{ bearer: [access] }, { token: [access] }, {}];
}

const METHODS = ['POST', 'GET', 'PUT', 'DELETE'];

/** By tag, then by path as the routes come, then making before reading, changing and deleting. */
function inReadingOrder(routes: readonly DocumentedRoute[]): DocumentedRoute[] {
  const tags = Object.keys(TAGS);
  const paths = [...new Set(routes.map(({ url }) => url))];
  const place = ({ schema, url, method }: DocumentedRoute) =>
    (tags.indexOf(schema.tags[0]) * paths.length + paths.indexOf(url)) * METHODS.length + METHODS.indexOf(method);
  return routes.toSorted((a, b) => place(a) - place(b));
}

function* readOperation({ method, url, schema }: DocumentedRoute, schemas: SchemaComponents) {
  const { operationId, tags, summary, examples, access, reply, tensors = false } = schema;
  const { body, required } = unwrapBody(schema.body);
  const parameters: Parameter[] = parametersOf(schema, schemas);
  yield;
  const content = body && {
    ...withExamples(schemas.contentOf(body, 'input'), examples, 'body'),
    ...(tensors ? tensorBodyContent(tensorFieldsOf(body)) : {}),
  };
  yield;
  return {
    path: url.replaceAll(/:(\w+)/g, '{$1}'),
    method: method.toLowerCase(),
    parameters,
    problems: problemsOf(schema, method, parameters, body, tensors),
    rest: {
      words: { operationId, tags, summary, ...descriptionOf(schema), security: securityOf(access) },
      request: content ? { requestBody: { required, content } } : {},
    },
    responses: successes(schema, reply, parameters, schemas, tensors),
  };
}

function descriptionOf({ description, deprecation }: DocumentedRoute['schema']): JsonObject {
  if (!deprecation) return { description };
  const { since, sunset, link } = deprecation;
  const end = sunset === undefined ? '' : ` It may be gone after ${sunset}.`;
  const see = link === undefined ? '' : ` See ${link}.`;
  return { description: `${description}\n\nDeprecated since ${since}.${end}${see}`, deprecated: true };
}

/** A body is optional if its type is. */
function unwrapBody(type: z.ZodType | undefined): { body: z.ZodType | undefined; required: boolean } {
  let body = type;
  while (body instanceof z.ZodOptional || body instanceof z.ZodNullable) body = body.unwrap() as z.ZodType;
  return { body, required: body === type };
}
