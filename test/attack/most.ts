import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Random } from '../torture/random.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}

/** One operation of the API, and how to ask it for the most. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
}

const METHODS = ['get', 'post', 'put'];
/** Where a schema has no bound. */
const UNBOUNDED = { items: 40, length: 2_000, number: 2 ** 31 };
const DEPTH = 6;

/** Draws requests that ask for the most that the description of the API allows, in every field. */
export class Most {
  readonly operations: readonly Operation[];
  private readonly schemas: Readonly<Record<string, Schema>>;
  private readonly random: Random;

  constructor(random: Random) {
    const text = readFileSync(join(import.meta.dirname, '../../openapi.yaml'), 'utf8');
    const { paths, components } = parse(text);
    this.random = random;
    this.schemas = components.schemas;
    this.operations = Object.entries<Record<string, never>>(paths).flatMap(([path, methods]) =>
      METHODS.filter((method) => methods[method] && path.startsWith('/v1/') && path !== '/v1/stream').map((method) => {
        const { parameters = [], requestBody } = methods[method] as never;
        const { content } = Object(requestBody) as { content?: Record<string, { schema: Schema }> };
        return { method: method.toUpperCase(), path, parameters, body: content?.['application/json']?.schema };
      }),
    );
  }

  /** A request of an operation; ids in its path are drawn from `ids`. */
  request({ method, path, parameters, body }: Operation, ids: readonly string[]) {
    const filled = path.replaceAll(/\{(\w+)\}/g, () => this.random.pick(ids));
    const query = parameters
      .filter((parameter) => parameter.in === 'query' && this.random.chance(0.5))
      .map(({ name, schema }) => `${name}=${encodeURIComponent(`${this.value(schema, 0)}`.slice(0, 500))}`);
    return {
      method,
      path: `${filled}${query.length > 0 ? `?${query.join('&')}` : ''}`,
      body: body && this.value(body, 0),
    };
  }

  private value(given: Schema, depth: number): unknown {
    const schema = this.resolve(given);
    const choices = schema.anyOf ?? schema.oneOf;
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return this.random.pick(schema.enum);
    // What has the right form at once: then the most is asked of what is inside.
    if (schema.examples && this.random.chance(0.4)) return this.random.pick(schema.examples);
    if (choices) return depth > DEPTH ? null : this.value(this.random.pick(choices), depth + 1);
    const type = Array.isArray(schema.type) ? this.random.pick(schema.type as string[]) : schema.type;
    if (type === 'integer' || type === 'number') return Math.min(schema.maximum ?? UNBOUNDED.number, UNBOUNDED.number);
    if (type === 'boolean') return true;
    if (type === 'string') return 'x'.repeat(Math.min(schema.maxLength ?? UNBOUNDED.length, UNBOUNDED.length));
    if (type === 'array') return this.list(schema, depth);
    if (type !== 'object' || depth > DEPTH) return null;
    const fields = Object.entries(schema.properties ?? {}).filter(() => this.random.chance(0.7));
    return Object.fromEntries(fields.map(([name, field]) => [name, this.value(field, depth + 1)]));
  }

  private list(schema: Schema, depth: number): unknown[] {
    if (depth > DEPTH) return [];
    const most = Math.min(schema.maxItems ?? UNBOUNDED.items, depth < 2 ? 1_000 : UNBOUNDED.items);
    const item = this.value(schema.items ?? {}, depth + 1);
    return Array(this.random.integer(1, most)).fill(item);
  }

  private resolve(schema: Schema): Schema {
    if (schema.$ref) return this.resolve(this.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
    return schema.allOf ? Object.assign({}, ...schema.allOf.map((part) => this.resolve(part)), schema) : schema;
  }
}
