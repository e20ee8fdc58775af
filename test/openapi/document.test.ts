import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { OPERATIONS } from '../../routes/operations.ts';
import { PROBLEMS } from '../../src/domain/problems.ts';
import { TAGS } from '../../src/http/openapi/operation.ts';
import { SchemaComponents } from '../../src/http/openapi/schemas.ts';
import { startApp } from '../support/app.ts';
import { documentOf, operationsOf, resolve } from './document.ts';

const root = new URL('../../', import.meta.url);
const app = await startApp();
const document = await documentOf(app);
const operations = operationsOf(document);

/**
 * Paths of the router, whatever the document says; /docs and / are pages, with what belongs to them. The Open Inference
 * Protocol, /v2, has a specification of its own.
 */
function routerPaths(): string[] {
  const parts: string[] = [];
  const lines = app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .filter((line) => line.includes(' ('));
  const paths = lines.map((line) => {
    const [, indent, text] = /^([│├└─\s]*)(\S+)/.exec(line) ?? ['', '', ''];
    parts.length = indent.length / 4 - 1;
    parts.push(text);
    return parts.join('');
  });
  return paths.filter((path) => !/^\/(docs|playground|v2|$)/.test(path));
}

describe('openapi.yaml', () => {
  it('is what the routes say; `npm run openapi` writes it', async () => {
    expect(readFileSync(new URL('openapi.yaml', root), 'utf8')).toBe(await app.openApiYaml());
  });
});

describe('the document', () => {
  it('has every route of the service, and no other', async () => {
    const served: string[] = [];
    for (const path of routerPaths()) {
      const reply = await app.inject({ method: 'OPTIONS', url: path.replaceAll(/:\w+/g, 'x') });
      expect(reply.statusCode, path).toBe(405);
      const methods = String(reply.headers.allow).split(', ');
      for (const method of methods) {
        // A socket is described in asyncapi.yaml.
        if (method !== 'HEAD' && path !== '/v1/stream') served.push(`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
      }
    }
    expect(served.length).toBeGreaterThan(40);
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(served.sort());
  });

  it('has every operation of the table, each under its id once', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect([...ids].sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  it('says of every operation what it does, in words of its own', () => {
    for (const { operationId, summary, description, tags } of operations) {
      expect(summary.length, operationId).toBeGreaterThan(5);
      expect(description.length, operationId).toBeGreaterThan(summary.length);
      expect(Object.keys(TAGS)).toEqual(expect.arrayContaining([...tags]));
    }
    expect(new Set(operations.map(({ summary }) => summary)).size).toBe(operations.length);
    expect(document.tags.map(({ name }) => name)).toEqual(Object.keys(TAGS));
  });

  it('documents a body for every status, a problem for every refusal', () => {
    for (const { operationId, responses } of operations) {
      const statuses = Object.keys(responses);
      expect(statuses, operationId).toContain('default');
      for (const status of statuses) {
        const { content } = resolve(document, responses[status]);
        if (status === '204' || status === '304') expect(content, `${operationId} ${status}`).toBeUndefined();
        else if (/^[45]|default/.test(status)) {
          expect(content?.['application/problem+json'].schema).toEqual({ $ref: '#/components/schemas/Problem' });
        } else expect(Object.values(content ?? {})[0]?.schema, `${operationId} ${status}`).toBeDefined();
      }
    }
  });

  it('has every problem, but for those that no client of these routes gets', () => {
    // Of the Open Inference Protocol; of the socket; of nobody.
    const elsewhere = ['sequence-not-started', 'upgrade-required', 'client-gone'];
    const shown = Object.keys(document.components.examples).filter((name) => name in PROBLEMS);
    expect([...shown, ...elsewhere].toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());
  });

  it('has 401 wherever a key may be asked for, and only there', async () => {
    const guarded = await startApp({ apiKeys: ['k'.repeat(16)] });
    for (const { operationId, method, path, responses } of operations) {
      const { statusCode } = await guarded.inject({ method, url: path.replaceAll(/[{}]/g, '') });
      expect(statusCode === 401, operationId).toBe('401' in responses);
    }
    await guarded.close();
  });

  it('describes every field', () => {
    const vague: string[] = [];
    const walk = (json: unknown, at: string): void => {
      if (typeof json !== 'object' || json === null) return;
      const { properties = {}, ...rest } = json as Record<string, Record<string, object>>;
      for (const [name, property] of Object.entries(properties)) {
        const says = ['type', '$ref', 'anyOf', 'oneOf', 'enum', 'const'].some((key) => key in property);
        if (!says) vague.push(`${at}/${name}`);
        walk(property, `${at}/${name}`);
      }
      for (const [key, value] of Object.entries(rest)) walk(value, `${at}/${key}`);
    };
    walk(document.components.schemas, '');
    walk(document.components.parameters, '');
    expect(vague).toEqual([]);
  });

  it('has one schema for each thing: no …Input twins, no two of the same content', () => {
    const schemas = Object.entries(document.components.schemas);
    expect(schemas.map(([name]) => name).filter((name) => /(Input|Output)$/.test(name) && name !== 'OpOutput')).toEqual(
      [],
    );
    const contents = schemas.map(([, schema]) => JSON.stringify({ ...schema, description: undefined }));
    expect(new Set(contents).size).toBe(schemas.length);
  });

  it('is the same at every start', async () => {
    const other = await startApp({ run: 'b' });
    const [one, two] = [await app.openApiYaml(), await other.openApiYaml()];
    expect(two).toBe(one);
    await other.close();
  });
});

describe('a schema id', () => {
  const schema = z.object({ size: z.int().default(1) }).meta({ id: 'Size' });

  it('becomes one component, however often it is used', () => {
    const schemas = new SchemaComponents();
    const strict = z.strictObject({ size: z.int() }).meta({ id: 'Strict' });
    expect(schemas.schemaOf(strict, 'input')).toEqual({ $ref: '#/components/schemas/Strict' });
    expect(schemas.schemaOf(z.array(strict), 'output')).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/Strict' },
    });
    expect(Object.keys(schemas.all())).toEqual(['Strict']);
  });

  it('is refused where requests and replies would have different JSON Schemas under it', () => {
    const schemas = new SchemaComponents();
    schemas.schemaOf(schema, 'input');
    expect(() => schemas.schemaOf(schema, 'output')).toThrow("the schema id 'Size' is used in requests and in replies");
  });

  it('is refused for two types', () => {
    const schemas = new SchemaComponents();
    schemas.schemaOf(schema, 'input');
    const other = z.object({ length: z.int() }).meta({ id: 'Size' });
    expect(() => schemas.schemaOf(other, 'input')).toThrow("the schema id 'Size' is used by two types");
  });
});
