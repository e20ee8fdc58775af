import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { TestApp } from '../support/app.ts';

interface Media {
  readonly schema: Record<string, unknown>;
  readonly examples?: Readonly<
    Record<string, { readonly summary?: string; readonly value?: unknown; readonly $ref?: string }>
  >;
}

interface Response {
  readonly $ref?: string;
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Media>>;
  readonly links?: Readonly<Record<string, { operationId: string; parameters: Readonly<Record<string, string>> }>>;
}

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Record<string, unknown>;
  readonly example?: string;
  readonly examples?: Readonly<Record<string, { readonly value: string }>>;
}

interface OperationObject {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Response>>;
}

export interface Document {
  readonly openapi: string;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
}

export interface DocumentedOperation extends OperationObject {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
}

export async function documentOf(app: TestApp): Promise<Document> {
  return (await app.openApi()) as unknown as Document;
}

export function operationsOf({ paths }: Document): DocumentedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      return { ...operation, path, method: method.toUpperCase() as DocumentedOperation['method'] };
    }),
  );
}

/** The object itself, or what its $ref names. */
export function resolve<T extends { readonly $ref?: string }>(document: Document, object: T): T {
  if (object.$ref === undefined) return object;
  const parts = object.$ref.replace('#/', '').split('/');
  // biome-ignore lint/suspicious/noExplicitAny: a walk along a JSON pointer
  return parts.reduce<any>((at, part) => at[part], document);
}

/** Checks values against the document's schemas, where an object has no other fields than those described. */
export class Checker {
  private readonly schemas: unknown;
  private readonly ajv = new Ajv2020({ strict: true, strictTypes: false, allowUnionTypes: true, allErrors: true });
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(document: Document) {
    this.schemas = closed(document.components.schemas);
    this.ajv.addVocabulary(['components', 'example']);
    this.ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)) && text.endsWith('Z'));
  }

  /** What is wrong with the value; empty where nothing is. */
  errors(schema: Record<string, unknown>, value: unknown): string[] {
    const name = JSON.stringify(schema);
    const own = closed(schema) as Record<string, unknown>;
    const validate = this.compiled.get(name) ?? this.ajv.compile({ ...own, components: { schemas: this.schemas } });
    this.compiled.set(name, validate);
    return validate(value) ? [] : (validate.errors ?? []).map((one) => `${one.instancePath} ${one.message}`);
  }
}

function closed(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(closed);
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).map(([key, value]) => [key, closed(value)] as const);
  const object = Object.fromEntries(entries) as Record<string, unknown>;
  const isOpen = object.type === 'object' && 'properties' in object && !('additionalProperties' in object);
  return isOpen ? { ...object, additionalProperties: false } : object;
}
