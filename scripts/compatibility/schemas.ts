/** What a JSON Schema of an OpenAPI 3.1 document is made of, as far as this service writes it. */
// biome-ignore lint/suspicious/noExplicitAny: schemas of every shape
export type Schema = any;

/** Finds what a `$ref` names in one document. */
export type Resolve = (schema: Schema) => Schema;

/** A former schema and the one in its place, each in its document. */
export interface Documents {
  readonly before: Resolve;
  readonly after: Resolve;
}

type Side = 'request' | 'response';
type Report = (where: string, what: string) => void;

/** Bounds of what is accepted: [keyword, whether a larger value is stricter]. */
const BOUNDS = [
  ['minimum', true],
  ['exclusiveMinimum', true],
  ['minLength', true],
  ['minItems', true],
  ['minProperties', true],
  ['maximum', false],
  ['exclusiveMaximum', false],
  ['maxLength', false],
  ['maxItems', false],
  ['maxProperties', false],
] as const;

/**
 * Compares schemas: what clients send must still be taken, and what they read must still be there. New values of an `enum`
 * in a reply, and new fields, break nobody: clients have to ignore what they don't know.
 */
export class SchemaComparison {
  private readonly documents: Documents;
  private readonly report: Report;
  /** Pairs that are compared already, or just now: schemas may refer to themselves. */
  private readonly seen = new Set<string>();

  constructor(documents: Documents, report: Report) {
    this.documents = documents;
    this.report = report;
  }

  compare(where: string, before: Schema, after: Schema, side: Side): void {
    const [old, now] = [this.documents.before(before), this.documents.after(after)];
    if (before?.$ref && after?.$ref) {
      const pair = `${side} ${before.$ref} ${after.$ref}`;
      if (this.seen.has(pair)) return;
      this.seen.add(pair);
    }
    if (old === undefined || now === undefined) return;
    if (old.anyOf || now.anyOf) {
      this.compareVariants(where, old.anyOf ?? [old], now.anyOf ?? [now], side);
      return;
    }
    this.compareTypes(where, old, now, side);
    this.compareValues(where, old, now, side);
    this.compareFields(where, old, now, side);
    if (old.items && now.items) this.compare(`${where}[]`, old.items, now.items, side);
    if (isObject(old.additionalProperties) && isObject(now.additionalProperties)) {
      this.compare(`${where}.*`, old.additionalProperties, now.additionalProperties, side);
    }
  }

  /** Each variant that clients know must still have one that it fits. */
  private compareVariants(where: string, old: readonly Schema[], now: readonly Schema[], side: Side): void {
    const [known, offered] = side === 'request' ? [old, now] : [now, old];
    for (const [n, variant] of known.entries()) {
      const attempts = offered.map((other) => {
        const [before, after] = side === 'request' ? [variant, other] : [other, variant];
        return this.faultsOf(where, before, after, side);
      });
      if (attempts.some((faults) => faults.length === 0)) continue;
      // What is wrong with the one in its place says most.
      for (const fault of attempts[n] ?? attempts[0] ?? [[where, 'is gone']]) this.report(...fault);
    }
  }

  private faultsOf(where: string, before: Schema, after: Schema, side: Side): [string, string][] {
    const faults: [string, string][] = [];
    const inner = new SchemaComparison(this.documents, (...fault) => faults.push(fault));
    for (const pair of this.seen) inner.seen.add(pair);
    inner.compare(where, before, after, side);
    return faults;
  }

  private compareTypes(where: string, old: Schema, now: Schema, side: Side): void {
    const [before, after] = [typesOf(old), typesOf(now)];
    const [wide, narrow] = side === 'request' ? [after, before] : [before, after];
    const missing = narrow.filter((type) => !wide.includes(type) && !(type === 'integer' && wide.includes('number')));
    if (wide.length === 0 || (missing.length === 0 && narrow.length > 0)) return;
    if (narrow.length === 0) this.report(where, `was of any type and is ${after.join(' or ')}`);
    else
      this.report(where, `was ${before.join(' or ') || 'of any type'} and is ${after.join(' or ') || 'of any type'}`);
  }

  private compareValues(where: string, old: Schema, now: Schema, side: Side): void {
    if (side === 'response') return;
    const [before, after] = [valuesOf(old), valuesOf(now)];
    if (after && !before) this.report(where, `takes only ${JSON.stringify(after)} now`);
    const gone = (after && before?.filter((value) => !after.includes(value))) ?? [];
    if (gone.length > 0)
      this.report(where, `does not take ${gone.map((value) => JSON.stringify(value)).join(', ')} any more`);
    for (const [bound, upIsStricter] of BOUNDS) {
      const [was, is] = [old[bound], now[bound]];
      if (is === undefined || was === is) continue;
      if (was === undefined || is > was === upIsStricter)
        this.report(where, `has ${bound} ${is} now (${was ?? 'none'} before)`);
    }
    if (now.pattern !== undefined && now.pattern !== old.pattern)
      this.report(where, `has another pattern: ${now.pattern}`);
    if (now.format !== undefined && now.format !== old.format) this.report(where, `has another format: ${now.format}`);
  }

  private compareFields(where: string, old: Schema, now: Schema, side: Side): void {
    const [before, after] = [old.properties ?? {}, now.properties ?? {}];
    const [wasRequired, isRequired] = [new Set(old.required ?? []), new Set(now.required ?? [])];
    for (const [name, schema] of Object.entries(before)) {
      const place = `${where}.${name}`;
      if (!Object.hasOwn(after, name)) {
        const taken = side === 'request' && now.additionalProperties !== false;
        if (!taken) this.report(place, 'is gone');
        continue;
      }
      this.compare(place, schema, after[name], side);
      if (side === 'response' && wasRequired.has(name) && !isRequired.has(name))
        this.report(place, 'may be missing now');
    }
    if (side === 'response') return;
    for (const name of isRequired) if (!wasRequired.has(name)) this.report(`${where}.${name}`, 'is required now');
    if (now.additionalProperties === false && old.additionalProperties !== false && now.properties) {
      this.report(where, 'takes no other fields now');
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function typesOf({ type, enum: values, const: value }: Schema): string[] {
  if (type !== undefined) return [type].flat();
  const given = values ?? (value === undefined ? [] : [value]);
  return [...new Set<string>(given.map((one: unknown) => (one === null ? 'null' : typeof one)))];
}

function valuesOf({ enum: values, const: value }: Schema): unknown[] | undefined {
  return values ?? (value === undefined ? undefined : [value]);
}
