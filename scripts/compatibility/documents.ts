import { type Resolve, type Schema, SchemaComparison } from './schemas.ts';

/** An OpenAPI document. */
export type Document = Schema;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/** What of a document breaks clients of a former one: a line each, such as `POST /v1/cells: request.id is gone`. */
export function breakingChanges(before: Document, after: Document): string[] {
  return new DocumentComparison(before, after).run();
}

class DocumentComparison {
  private readonly before: Document;
  private readonly after: Document;
  private readonly found = new Set<string>();
  private readonly resolve: { readonly before: Resolve; readonly after: Resolve };

  constructor(before: Document, after: Document) {
    this.before = before;
    this.after = after;
    this.resolve = { before: resolverOf(before), after: resolverOf(after) };
  }

  run(): string[] {
    for (const [path, methods] of Object.entries<Schema>(this.before.paths)) {
      for (const method of METHODS) {
        const old = methods[method];
        if (old) this.operation(`${method.toUpperCase()} ${path}`, old, this.after.paths[path]?.[method]);
      }
    }
    return [...this.found];
  }

  private operation(name: string, old: Schema, now: Schema | undefined): void {
    if (!now) {
      this.found.add(`${name}: is gone`);
      return;
    }
    const report = (where: string, what: string) => this.found.add(`${name}: ${where} ${what}`);
    const schemas = new SchemaComparison(this.resolve, report);
    this.parameters(old, now, schemas, report);
    this.body(old, now, schemas, report);
    this.responses(old, now, schemas, report);
    const [scopes, asked] = [scopesOf(old), scopesOf(now)];
    for (const scope of asked) if (!scopes.includes(scope)) report('security', `asks for the scope ${scope} now`);
  }

  private parameters(old: Schema, now: Schema, schemas: SchemaComparison, report: Report): void {
    const [before, after] = [this.parametersOf(old, 'before'), this.parametersOf(now, 'after')];
    for (const [name, parameter] of before) {
      const other = after.get(name);
      if (!other) report(name, 'is gone');
      else schemas.compare(name, parameter.schema, other.schema, 'request');
    }
    for (const [name, { required }] of after) {
      if (required && !before.get(name)?.required) report(name, 'is required now');
    }
  }

  private parametersOf(operation: Schema, side: 'before' | 'after'): Map<string, Schema> {
    const all = (operation.parameters ?? []).map(this.resolve[side]);
    return new Map(all.map((parameter: Schema) => [`${parameter.in} ${parameter.name}`, parameter]));
  }

  private body(old: Schema, now: Schema, schemas: SchemaComparison, report: Report): void {
    if (!now.requestBody) {
      if (old.requestBody) report('request', 'is gone');
      return;
    }
    if (now.requestBody.required && !old.requestBody?.required) report('request', 'is required now');
    for (const [type, { schema }] of Object.entries<Schema>(old.requestBody?.content ?? {})) {
      const other = now.requestBody.content[type];
      if (!other) report('request', `does not take ${type} any more`);
      else
        schemas.compare(type === 'application/json' ? 'request' : `request(${type})`, schema, other.schema, 'request');
    }
  }

  /** Successes; what is refused may change. */
  private responses(old: Schema, now: Schema, schemas: SchemaComparison, report: Report): void {
    for (const [status, response] of Object.entries<Schema>(old.responses)) {
      if (!/^2/.test(status)) continue;
      const [before, after] = [this.resolve.before(response), this.resolve.after(now.responses[status])];
      if (!after) {
        report(`response ${status}`, 'is gone');
        continue;
      }
      for (const name of Object.keys(before.headers ?? {})) {
        if (!after.headers?.[name]) report(`response ${status} header ${name}`, 'is gone');
      }
      for (const [type, { schema }] of Object.entries<Schema>(before.content ?? {})) {
        const other = after.content?.[type];
        if (!other) report(`response ${status}`, `is not there as ${type} any more`);
        else schemas.compare(`response ${status}`, schema, other.schema, 'response');
      }
    }
  }
}

type Report = (where: string, what: string) => void;

function resolverOf(document: Document): Resolve {
  return (schema) => {
    let found = schema;
    while (found?.$ref) {
      found = found.$ref
        .slice(2)
        .split('/')
        .reduce((at: Schema, key: string) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
    }
    return found;
  };
}

function scopesOf({ security = [] }: Schema): string[] {
  return [...new Set<string>(security.flatMap((one: object) => Object.values(one).flat()))];
}
