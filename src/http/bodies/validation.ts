import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { NestedNumbers } from '../../../schemas/nested-numbers.ts';
import { plainReaders } from '../../../schemas/plain-bodies.ts';
import { quote } from '../../domain/json.ts';
import { BareError, MOST_ISSUES, Problem, type ProblemCode } from '../../domain/problems.ts';
import { Tensor, type TensorData } from '../../domain/tensor.ts';
import { encodeElements } from '../../domain/tensor-bytes.ts';
import { SentTensor } from '../../domain/tensor-literal.ts';

export interface ShapeIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The problem to answer with, where it is not invalid-request. */
  readonly problem?: ProblemCode;
}

/** A request part that does not fit its zod schema. */
export class RequestShapeError extends BareError {
  readonly context: string;
  /** The first MOST_ISSUES. */
  readonly issues: readonly ShapeIssue[];
  /** The number of all wrong places. */
  readonly total: number;

  constructor(context: string, issues: readonly ShapeIssue[], total = issues.length) {
    super('the request does not fit its schema');
    this.context = context;
    this.issues = issues;
    this.total = total;
  }
}

/** Keeps Fastify from loading its own compilers, a hundred modules that are never used: `addValidation` sets others. */
export const NO_COMPILERS = { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } };

function noCompiler(): never {
  throw new Error('addValidation was not called');
}

/** Checks requests with zod. Replies are already text (see replies.ts). */
export function addValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, httpPart }) => {
    // Most requests have no query.
    let empty: z.ZodSafeParseResult<unknown> | undefined;
    const plain = plainReaders.get(schema as z.ZodType);
    return (value: unknown) => {
      const read = plain?.read(value);
      if (read) return { value: read };
      if (httpPart === 'querystring' && isEmpty(value as object)) {
        empty ??= (schema as z.ZodType).safeParse({});
        if (empty.success) return { value: empty.data };
      }
      if (httpPart === 'querystring' && Object.hasOwn(value as object, '__proto__')) {
        return { error: new RequestShapeError('querystring', [UNKNOWN_PROTO]) };
      }
      if (httpPart === 'params' && Object.values(value as object).includes('')) return { error: nothingThere() };
      // A file was already accepted by its Content-Type, and zod would treat every byte as a field.
      if (httpPart === 'body' && value instanceof Uint8Array) return { value };
      // Headers are optional text. They are checked where they are used (replies.ts). A value would be copied at each use.
      if (httpPart === 'headers') return {};
      try {
        return { value: checkShape(schema as z.ZodType, value, httpPart) };
      } catch (error) {
        const missing = httpPart === 'body' && value === null;
        return { error: missing ? new RequestShapeError('body', [NO_BODY]) : (error as Error) };
      }
    };
  });
  app.setSerializerCompiler(() => (text) => text as string);
}

/** The value as its schema reads it. @throws {RequestShapeError} */
export function checkShape<T>(schema: z.ZodType<T>, value: unknown, context = 'body'): T {
  const { value: read, issues, told } = parse(schema, value, context);
  if (issues.length === 0) return read as T;
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const total = issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
  const wrong = told.flatMap((issue) => readIssue(issue, fields));
  throw new RequestShapeError(context, wrong.slice(0, MOST_ISSUES), Math.max(total, wrong.length));
}

const CONTEXT = { async: false, reportInput: true } as const;

/** What is read, or what is wrong: the first issues, and the number of all. Zod would make and print a message for each. */
function parse(schema: z.ZodType, sent: unknown, context: string) {
  try {
    const { value, issues } = schema._zod.run({ value: sent, issues: [] }, CONTEXT) as z.core.ParsePayload;
    const first = issues.slice(0, MOST_ISSUES);
    return { value, issues, told: first.map((issue) => z.core.util.finalizeIssue(issue, CONTEXT, z.core.config())) };
  } catch (error) {
    // zod compares the `length` of any object with the bounds of a list, but it need not be a number.
    if (!(error instanceof TypeError)) throw error;
    const message = 'It has a field "length" in an object that stands where a list belongs. Send a list there.';
    throw new RequestShapeError(context, [{ path: [], message }]);
  }
}

/** A schema that allows any name would drop this one. */
const UNKNOWN_PROTO: ShapeIssue = { path: ['__proto__'], message: 'Unknown parameter "__proto__".' };

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** Fastify passes null for no body, so it looks like the JSON null. */
const NO_BODY: ShapeIssue = { path: [], message: 'it is missing or null. Send a JSON object.' };

/** A path that ends before its id, such as /v1/cells/. */
function nothingThere(): Problem {
  return new Problem('not-found', 'The path has an empty id.');
}

/** More numbers than a message quotes. */
const QUOTED = 100;

/** Turns tensors back into the arrays that were sent, as far as a message quotes them. */
function asSent(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, QUOTED).map(asSent);
  if (value instanceof SentTensor && value.field === 'base64') return beginningOf(value.tensor);
  const { shape, values } = Object(value) as Partial<NestedNumbers>;
  return shape && values instanceof Float64Array ? new NestedNumbers(shape, values).head(QUOTED) : value;
}

/** Of the bytes only those of the first elements. Their number is a multiple of three, so base64 of them is a part of that of all. */
function beginningOf({ shape, dtype, data }: Tensor): unknown {
  const first = data.subarray(0, QUOTED - (QUOTED % 3)) as TensorData;
  const bytes = encodeElements(new Tensor(dtype, [first.length], first));
  return { shape, dtype, base64: Buffer.from(bytes).toString('base64') };
}

/** `fields` are the fields that the whole part may have; a message about an unknown field lists them. */
function readIssue(issue: z.core.$ZodIssue, fields: readonly string[]): ShapeIssue[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const known = path.length === 0 && fields.length > 0 ? ` Send ${fields.join(', ')}.` : '';
    return issue.keys
      .slice(0, MOST_ISSUES)
      .map((key) => ({ path: [...path, key], message: `Unknown field ${quote(key)}.${known}` }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that matched the most is probably the intended one.
    const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(0, ...issues.map((one) => one.path.length));
    const best = issue.errors.reduce((a, b) => (depth(b) > depth(a) ? b : a));
    return best.flatMap((inner) => readIssue({ ...inner, path: [...path, ...inner.path] }, fields));
  }
  const problem = issue.code === 'custom' ? (issue.params?.problem as ProblemCode | undefined) : undefined;
  const missing = issue.input === undefined && issue.code === 'invalid_type';
  const sent = issue.input === undefined || issue.code === 'custom' ? '' : ` ${quote(asSent(issue.input))} was sent.`;
  const message = missing
    ? 'This field is missing.'
    : `${issue.message}${issue.message.endsWith('.') ? '' : '.'}${sent}`;
  return [{ path, message, ...(problem ? { problem } : {}) }];
}
