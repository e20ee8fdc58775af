import { z } from 'zod';
import type { JsonObject } from '../../domain/json.ts';

/** Which of a schema's two sides: what a request sends, or what a reply has. */
export type Side = 'input' | 'output';

const JSON_TYPE = 'application/json';

/** JSON Schemas of zod types. Types with a meta id are collected as components, each once. */
export class SchemaComponents {
  private readonly found = new Map<string, { readonly json: JsonObject; readonly side: Side }>();

  /** @throws {Error} if two types with one id have different JSON Schemas. Give them two ids. */
  schemaOf(type: z.ZodType, side: Side): JsonObject {
    const converted = z.toJSONSchema(type, {
      io: side,
      // Types that zod cannot put into JSON Schema have theirs in their meta (schemas/tensor.ts).
      unrepresentable: 'any',
      override: (one) => tidy(one, side),
    }) as unknown as JsonObject;
    const { $schema: _, $defs = {}, ...json } = withComponentRefs(converted);
    for (const [id, definition] of Object.entries($defs as JsonObject)) this.keep(id, definition as JsonObject, side);
    return json;
  }

  /** A body by media type, JSON first. A type whose meta has contentMediaType is not JSON. */
  contentOf(type: z.ZodType, side: Side): Record<string, JsonObject> {
    const options = type instanceof z.ZodUnion ? (type.options as z.ZodType[]) : [type];
    const binary = options.filter((option) => mediaTypeOf(option) !== JSON_TYPE);
    const json = options.filter((option) => !binary.includes(option));
    const whole =
      binary.length === 0 ? type : json.length === 1 ? json[0] : json.length > 1 ? z.union(json) : undefined;
    return Object.fromEntries([
      ...(whole ? [[JSON_TYPE, this.schemaOf(whole, side)]] : []),
      ...binary.map((option) => [mediaTypeOf(option), this.schemaOf(option, side)]),
    ]);
  }

  all(): JsonObject {
    const entries = [...this.found].map(([id, { json }]) => [id, json] as const);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private keep(id: string, json: JsonObject, side: Side): void {
    const known = this.found.get(id);
    if (known && JSON.stringify(known.json) !== JSON.stringify(json)) {
      const sides = known.side === side ? 'by two types' : 'in requests and in replies, which differ';
      throw new Error(`the schema id '${id}' is used ${sides}; give each its own type with its own id`);
    }
    this.found.set(id, { json, side });
  }
}

function mediaTypeOf(type: z.ZodType): string {
  return (z.globalRegistry.get(type)?.contentMediaType as string | undefined) ?? JSON_TYPE;
}

function withComponentRefs(json: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/'));
}

interface Override {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: z.core.JSONSchema.BaseSchema;
}

function tidy({ zodSchema, jsonSchema: json }: Override, side: Side): void {
  // Replies may get more fields later, so only objects that are strict in zod are closed.
  if (side === 'output' && zodSchema._zod.def.type === 'object' && !zodSchema._zod.def.catchall) {
    delete json.additionalProperties;
  }
  // The range of safe integers says nothing to a reader.
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  if (JSON.stringify(json.propertyNames) === '{"type":"string"}') delete json.propertyNames;
  // zod drops the example and the default of a transformed type on the request side.
  const { def } = zodSchema._zod;
  const { examples } = z.globalRegistry.get(zodSchema) ?? {};
  if (examples) json.examples = examples as unknown[];
  if (def.type === 'default') json.default ??= def.defaultValue;
}
