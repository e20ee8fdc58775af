import { isUtf8 } from 'node:buffer';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type TensorFields, tensorFieldsOf } from '../../schemas/tensor-fields.ts';
import { Problem } from '../domain/problems.ts';
import { parserOf } from './body-bytes.ts';
import { routeOf } from './every-request.ts';
import { HttpProblem } from './http-problem.ts';
import { liftTensors, MOST_NUMBERS } from './lift-tensors.ts';

const IS_JSON = /^application\/json\b/i;
/** Deepest nesting of arrays and objects in a body: enough for a stack of cells, not for a stack overflow. */
const MAX_DEPTH = 64;

/** Fields of all objects of a body together, as each costs some microseconds: enough for the largest network. */
const MOST_FIELDS = 2 ** 14;
const LARGE_TENSORS = 'Send large tensors as base64 or as application/x-safetensors.';
/** Strings, lists and objects of a body together, beside tensors that are plain lists of numbers. */
const MOST_PARTS = 2 ** 16;

/**
 * Parses application/json bodies: at most `maxBytes` of UTF-8, limited in depth and fields, without keys that could reach a
 * prototype. Arrays of numbers in tensor fields of the route's schema become NestedNumbers.
 */
export function addJsonBody(app: FastifyInstance, maxBytes: number): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    const { 'content-encoding': encoding, 'content-type': type } = request.headers;
    const { bodyLimit, config } = routeOf(request);
    if (config.ownBody) return done(null, payload);
    if (type !== undefined && IS_JSON.test(type)) request.maxOwnBytes = Math.min(maxBytes, bodyLimit);
    // Uses a callback and checks the usual case first, since every request comes through here.
    if (encoding === undefined && type === 'application/json') return done(null, payload);
    done(refusalOf(encoding, type), payload);
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
function bodyOf(
  bytes: Buffer,
  { tensorFields: fields, mostFields = MOST_FIELDS }: FastifyContextConfig,
  parse: (text: string) => unknown,
): unknown {
  // DELETE and bare POSTs may carry the header without a body.
  if (bytes.length === 0) return undefined;
  const lifted = fields && fields.size > 0 ? liftTensors(bytes, fields, parse, mostFields) : undefined;
  return lifted ?? plainJson(bytes, parse, mostFields);
}

/** Reads a body in the plain way. @throws {Problem} invalid-json, limit-exceeded */
export function plainJson(bytes: Buffer, parse: (text: string) => unknown, mostFields = MOST_FIELDS): unknown {
  const text = textOf(bytes, mostFields);
  try {
    return parse(text);
  } catch (error) {
    throw new Problem('invalid-json', syntaxMessage(text, error as Error));
  }
}

/** The problem with the encoding of a body; null if there is none. */
function refusalOf(encoding: string | undefined, type = ''): Problem | null {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const detail = `Content-Encoding '${encoding.slice(0, 80)}' is not supported. Send the body uncompressed.`;
    return new HttpProblem('unsupported-media-type', detail, { 'accept-encoding': 'identity' });
  }
  const [, charset = 'utf-8'] = /^application\/json\s*;.*\bcharset="?([^";\s]*)/i.exec(type) ?? [];
  if (/^(utf-?8|us-ascii)$/i.test(charset)) return null;
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
export function textOf(bytes: Buffer, mostFields = MOST_FIELDS): string {
  requireBounds(bytes, mostFields);
  if (!isUtf8(bytes)) throw new Problem('invalid-json', 'The body is not UTF-8 text.');
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function syntaxMessage(text: string, error: Error): string {
  try {
    JSON.parse(text);
    return 'A key of the body is __proto__ or constructor.prototype, which is refused.';
  } catch (syntax) {
    return `The body is not valid JSON: ${(syntax instanceof Error ? syntax : error).message}.`;
  }
}

/** What a byte outside of strings means for the bounds. Most mean nothing. */
const MEANINGS = new Uint8Array(256);
const [OPENS, CLOSES, STRING, FIELD, VALUE] = [1, 2, 3, 4, 5];
for (const byte of [0x5b, 0x7b]) MEANINGS[byte] = OPENS;
for (const byte of [0x5d, 0x7d]) MEANINGS[byte] = CLOSES;
MEANINGS[0x22] = STRING;
MEANINGS[0x3a] = FIELD;
MEANINGS[0x2c] = VALUE;

/** One pass over the bytes, strings skipped. @throws {Problem} invalid-json, limit-exceeded */
function requireBounds(bytes: Uint8Array, mostFields: number): void {
  let depth = 0;
  let fields = 0;
  let parts = 0;
  let values = 0;
  for (let i = 0; i < bytes.length; i++) {
    const meaning = MEANINGS[bytes[i]];
    if (meaning === 0) continue;
    if (meaning === VALUE) {
      values++;
      continue;
    }
    if (meaning === STRING) {
      parts++;
      for (i++; i < bytes.length && bytes[i] !== 0x22; i++) if (bytes[i] === 0x5c) i++;
    } else if (meaning === OPENS) {
      parts++;
      if (++depth > MAX_DEPTH)
        throw new Problem('invalid-json', `The body is nested more than ${MAX_DEPTH} levels deep.`);
    } else if (meaning === CLOSES) {
      depth--;
    } else if (++fields > mostFields) {
      throw tooMany(`${mostFields} fields in all its objects. Send less at once.`);
    }
    // The name of a field is a string.
    if (parts > MOST_PARTS + mostFields) throw tooMany(`${MOST_PARTS} strings, lists and objects. ${LARGE_TENSORS}`);
  }
  if (values > MOST_NUMBERS) throw tooMany(`${MOST_NUMBERS} values. ${LARGE_TENSORS}`);
}

function tooMany(what: string): Problem {
  return new Problem('limit-exceeded', `The body has more than ${what}`);
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
  interface FastifyRequest {
    /** The body as it was sent, for the fingerprint of an Idempotency-Key. */
    bodyBytes?: Buffer;
  }
}
