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
  /** Statuses that the description names. */
  readonly statuses: ReadonlySet<number>;
}

const METHODS = ['get', 'post', 'put'];
/** Where a schema has no bound. */
const NUMBERS = [2 ** 31, Number.MAX_SAFE_INTEGER, 1e308];
/** Bytes of a body, about: up to the limit of JSON, and small ones that only ask for much. */
const BODY_BYTES = [2 ** 10, 2 ** 14, 2 ** 18, 2 ** 22];
const QUERY_BYTES = 500;
const DEPTH = 6;

/** Draws requests that ask for the most that the description of the API allows, in every field. */
export class Most {
  readonly operations: readonly Operation[];
  private readonly schemas: Readonly<Record<string, Schema>>;
  private readonly random: Random;
  /** Bytes that the body may still have. */
  private left = 0;

  constructor(random: Random) {
    const text = readFileSync(join(import.meta.dirname, '../../openapi.yaml'), 'utf8');
    const { paths, components } = parse(text);
    this.random = random;
    this.schemas = components.schemas;
    this.operations = Object.entries<Record<string, never>>(paths).flatMap(([path, methods]) =>
      METHODS.filter((method) => methods[method] && path.startsWith('/v1/') && path !== '/v1/stream').map((method) => {
        const { parameters = [], requestBody, responses } = methods[method] as never;
        const { content } = Object(requestBody) as { content?: Record<string, { schema: Schema }> };
        const statuses = new Set(Object.keys(responses).map(Number));
        return {
          method: method.toUpperCase(),
          path,
          parameters,
          statuses,
          body: content?.['application/json']?.schema,
        };
      }),
    );
  }

  /** A request of an operation; ids in its path are drawn from `ids`. */
  request({ method, path, parameters, body }: Operation, ids: readonly string[]) {
    const filled = path.replaceAll(/\{(\w+)\}/g, () => this.random.pick(ids));
    this.left = QUERY_BYTES;
    const query = parameters
      .filter((parameter) => parameter.in === 'query' && this.random.chance(0.5))
      .map(({ name, schema }) => `${name}=${encodeURIComponent(`${this.value(schema, 0)}`.slice(0, QUERY_BYTES))}`);
    this.left = this.random.pick(BODY_BYTES);
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
    if (type === 'integer' || type === 'number') return schema.maximum ?? this.random.pick(NUMBERS);
    if (type === 'boolean') return true;
    if (type === 'string') return 'x'.repeat(this.room(schema.maxLength, 1));
    if (type === 'array') return this.list(schema, depth);
    if (type !== 'object' || depth > DEPTH) return null;
    const fields = Object.entries(schema.properties ?? {}).filter(() => this.random.chance(0.7));
    return Object.fromEntries(fields.map(([name, field]) => [name, this.value(field, depth + 1)]));
  }

  private list(schema: Schema, depth: number): unknown[] {
    if (depth > DEPTH) return [];
    const item = this.value(schema.items ?? {}, depth + 1);
    return Array(this.room(schema.maxItems, JSON.stringify(item).length + 1)).fill(item);
  }

  /** As many of something as its bound allows, within what the body may still have; that is used up then. */
  private room(bound = Number.POSITIVE_INFINITY, bytes: number): number {
    const count = Math.max(1, Math.min(bound, Math.floor(this.left / bytes)));
    this.left = Math.max(0, this.left - count * bytes);
    return count;
  }

  private resolve(schema: Schema): Schema {
    if (schema.$ref) return this.resolve(this.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
    return schema.allOf ? Object.assign({}, ...schema.allOf.map((part) => this.resolve(part)), schema) : schema;
  }
}
