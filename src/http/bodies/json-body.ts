import { isUtf8 } from 'node:buffer';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type TensorFields, tensorFieldsOf } from '../../../schemas/tensor-fields.ts';
import { Problem } from '../../domain/problems.ts';
import { atOnce } from '../../threads/in-turns.ts';
import { routeOf } from '../every-request.ts';
import { HttpProblem } from '../http-problem.ts';
import { checkBounds, MOST_FIELDS, withoutBlanks } from '../json/bounds.ts';
import { JsonMistake, mistakeIn, parseInSlices } from '../json/parse-in-slices.ts';
import { NOT_SMALL_BYTES, parserOf } from './bytes.ts';
import { liftInSlices, liftTensors } from './lift-tensors.ts';

/** Bytes that are looked at in one slice. */
const UTF8_BYTES = 2 ** 19;
const IS_JSON = /^application\/json\b/i;

/**
 * Parses application/json bodies: at most `maxBytes` of UTF-8, limited in depth and fields, without keys that could reach a
 * prototype. Arrays of numbers in tensor fields of the route's schema become NestedNumbers.
 */
export function addJsonBody(app: FastifyInstance, maxBytes: number): void {
  app.checkBody((request) => {
    const { 'content-encoding': encoding, 'content-type': type } = request.headers;
    const { bodyLimit, config } = routeOf(request);
    if (config.ownBody) return undefined;
    if (type !== undefined && IS_JSON.test(type)) request.maxOwnBytes = Math.min(maxBytes, bodyLimit);
    // The usual case first, since every request comes through here.
    return encoding === undefined && type === 'application/json' ? undefined : refusalOf(encoding, type);
  });
  app.addHook('onRoute', (route) => {
    const body = route.schema?.body as z.ZodType | undefined;
    if (body) route.config = { ...route.config, tensorFields: tensorFieldsOf(body) };
  });
  const parse = jsonParser(app);
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(
    'application/json',
    parserOf((bytes, request) => bodyOf(bytes, routeOf(request).config, (text) => parse(request, text))),
  );
}

/** @throws {Problem} invalid-json, limit-exceeded */
function* bodyOf(
  bytes: Buffer,
  { tensorFields: fields, mostFields = MOST_FIELDS }: FastifyContextConfig,
  parse: (text: string) => unknown,
): Generator<void, unknown> {
  // DELETE and bare POSTs may carry the header without a body.
  if (bytes.length === 0) return undefined;
  if (fields && fields.size > 0) {
    const isSmall = bytes.length < NOT_SMALL_BYTES;
    const lifted = isSmall
      ? liftTensors(bytes, fields, parse, mostFields)
      : yield* liftInSlices(bytes, fields, parse, mostFields);
    if (lifted !== undefined) return lifted;
  }
  yield;
  return yield* plainSlices(bytes, parse, mostFields);
}

/** Reads a body in the plain way. @throws {Problem} invalid-json, limit-exceeded */
export function plainJson(bytes: Buffer, parse: (text: string) => unknown, mostFields = MOST_FIELDS): unknown {
  return atOnce(plainSlices(bytes, parse, mostFields));
}

/** The same in slices. */
export function* plainSlices(
  sent: Buffer,
  parse: (text: string) => unknown,
  mostFields = MOST_FIELDS,
): Generator<void, unknown> {
  let bytes = withoutMark(sent);
  const blanks: number[] = [];
  let long = yield* checkBounds(bytes, mostFields, blanks);
  if (blanks.length > 0) {
    bytes = withoutBlanks(bytes, blanks);
    long = yield* checkBounds(bytes, mostFields);
  }
  yield* requireUtf8(bytes);
  try {
    if (long.size > 0) return yield* parseInSlices(bytes, long, parse);
    return parse(bytes.toString('utf8'));
  } catch (error) {
    const isKnown = error instanceof JsonMistake;
    const mistake = isKnown ? error : long.size === 0 ? mistakeIn(bytes.toString('utf8')) : undefined;
    if (mistake) throw new Problem('invalid-json', `The body is not valid JSON: ${mistake.message}.`);
    throw new Problem('invalid-json', 'A key of the body is __proto__ or constructor.prototype, which is refused.');
  }
}

/** The problem with the encoding of a body; undefined if there is none. */
function refusalOf(encoding: string | undefined, type = ''): Problem | undefined {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const detail = `Content-Encoding '${encoding.slice(0, 80)}' is not supported. Send the body uncompressed.`;
    return new HttpProblem('unsupported-media-type', detail, { 'accept-encoding': 'identity' });
  }
  const [, charset = 'utf-8'] = /^application\/json\s*;.*\bcharset="?([^";\s]*)/i.exec(type) ?? [];
  if (/^(utf-?8|us-ascii)$/i.test(charset)) return undefined;
  return new Problem('unsupported-media-type', `charset '${charset.slice(0, 80)}' is not supported. Send UTF-8.`);
}

/** JSON.parse that refuses keys which could reach a prototype. Throws the error in the text. */
export function jsonParser(app: FastifyInstance): (request: FastifyRequest, text: string) => unknown {
  const parser = app.getDefaultJsonParser('error', 'error');
  return (request, text) => {
    let parsed: unknown;
    parser(request, text, (error, value) => {
      if (error) throw error;
      parsed = value;
    });
    return parsed;
  };
}

/** @throws {Problem} invalid-json if it is not UTF-8 or nested too deeply; limit-exceeded if it has too many fields or parts */
export function textOf(sent: Buffer, mostFields = MOST_FIELDS): string {
  const bytes = withoutMark(sent);
  atOnce(checkBounds(bytes, mostFields));
  atOnce(requireUtf8(bytes));
  return bytes.toString('utf8');
}

function* requireUtf8(bytes: Buffer): Generator<void> {
  for (let from = 0, to = 0; from < bytes.length; from = to) {
    if (from > 0) yield;
    to = Math.min(from + UTF8_BYTES, bytes.length);
    // As far as a character may go on.
    for (let k = 0; k < 3 && (bytes[to] & 0xc0) === 0x80; k++) to++;
    if (!isUtf8(bytes.subarray(from, to))) throw new Problem('invalid-json', 'The body is not UTF-8 text.');
  }
}

/** Without the byte order mark that text may begin with. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The most fields in all objects of a body, if the route has a limit of its own. */
    readonly mostFields?: number;
    /** The tensor fields of the route's body. */
    readonly tensorFields?: TensorFields;
    /** The route reads its body itself, no matter what the headers say. */
    readonly ownBody?: true;
  }
}
