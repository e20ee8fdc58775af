import type { z } from 'zod';
import type { JsonObject } from '../../domain/json.ts';
import type { SchemaComponents } from './schemas.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly [key: string]: unknown;
}

export interface ParameterParts {
  readonly params?: z.ZodType;
  readonly querystring?: z.ZodType;
  readonly headers?: z.ZodType;
}

/** The parameters of a route: one for each property of its zod objects. */
export function parametersOf({ params, querystring, headers }: ParameterParts, schemas: SchemaComponents): Parameter[] {
  return [
    ...propertiesOf(params, 'path', schemas),
    ...propertiesOf(querystring, 'query', schemas),
    ...propertiesOf(headers, 'header', schemas),
  ];
}

function propertiesOf(type: z.ZodType | undefined, place: Parameter['in'], schemas: SchemaComponents): Parameter[] {
  if (!type) return [];
  const { properties = {}, required = [] } = schemas.schemaOf(type, 'input');
  return Object.entries(properties as JsonObject).map(([name, property]) => {
    const { description, examples, ...schema } = property as JsonObject;
    return {
      name: place === 'header' ? headerName(name) : name,
      in: place,
      required: (required as string[]).includes(name),
      description,
      schema,
      ...examplesOf((examples ?? []) as string[]),
    };
  });
}

/** One example is what Swagger UI fills in; several are offered by their value, the first one filled in. */
function examplesOf(examples: readonly string[]): JsonObject {
  if (examples.length === 0) return {};
  if (examples.length === 1) return { example: examples[0] };
  return { examples: Object.fromEntries(examples.map((value) => [value, { value }])) };
}

/** `if-match` → `If-Match` */
function headerName(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Moves parameters that are the same wherever their name occurs into components, and refers to them. */
export function shareParameters(operations: readonly { parameters: readonly Parameter[] }[]): {
  readonly components: Record<string, Parameter>;
  readonly reference: (parameter: Parameter) => JsonObject;
} {
  const named = Map.groupBy(
    operations.flatMap(({ parameters }) => parameters),
    ({ name }) => name,
  );
  const isShared = (alike: readonly Parameter[]) =>
    alike.length > 1 && new Set(alike.map((one) => JSON.stringify(one))).size === 1;
  const shared = [...named].filter(([, alike]) => isShared(alike));
  const components = Object.fromEntries(shared.map(([name, [one]]) => [name, one]));
  const reference = (one: Parameter) =>
    (Object.hasOwn(components, one.name) ? { $ref: `#/components/parameters/${one.name}` } : one) as JsonObject;
  return { components, reference };
}
