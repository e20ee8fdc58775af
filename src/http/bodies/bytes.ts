import { AsyncResource } from 'node:async_hooks';
import type { Readable } from 'node:stream';
import { errorCodes, type FastifyContentTypeParser, type FastifyRequest } from 'fastify';
import { forOneSlice, inTurns, nextTurn, type Turn } from '../../threads/in-turns.ts';
import { clientAt, clientOf, turnOf } from '../callers/callers.ts';
import { routeOf } from '../every-request.ts';
import { beginFingerprint } from './fingerprint.ts';
import { CHUNK_BYTES } from './pace.ts';
import { BLOCK_BYTES, SmallPieces } from './small-pieces.ts';

/** Of so many bytes one part is copied in each turn of the client. */
const LARGE_BYTES = 2 ** 21;
/** A body of so many bytes may be the work of milliseconds. It waits for a turn that has time left, and is parsed in slices. */
export const NOT_SMALL_BYTES = 2 ** 12;
/** A body of so many bytes is parsed in turns of its own. */
export const LONG_BYTES = 2 ** 17;

type Done = (error: Error | null, bytes?: Buffer) => void;

/**
 * Reads the body of a request, at most `limit` bytes. It works like Fastify's own parseAs, with the same errors, but is
 * faster: the body is complete as soon as the announced bytes are there, and a body in one piece is not copied.
 */
export function readBytes(request: FastifyRequest, stream: Readable, limit: number, done: Done) {
  /** NaN if the body comes in chunks. */
  const announced = Number(request.headers['content-length']);
  if (announced > limit) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  const pieces: Buffer[] = [];
  const small = new SmallPieces();
  let length = 0;
  let over = false;
  function keep(piece: Buffer | undefined): void {
    if (piece) pieces.push(piece);
  }
  function finish(error: Error | null): void {
    over = true;
    stream.off('data', take);
    keep(small.take());
    if (error) for (const piece of pieces.splice(0)) giveBack(piece);
    if (error) done(error);
    else if (pieces.length === 1) done(null, pieces[0]);
    else if (length > LARGE_BYTES) joined(pieces, length, turnOf(request)).then((bytes) => done(null, bytes), done);
    else done(null, joinedAtOnce(pieces, length));
  }
  function take(piece: Buffer): void {
    const noRoom = request.holdBytes(piece.length);
    if (piece.length < BLOCK_BYTES) keep(small.add(piece));
    else {
      keep(small.take());
      pieces.push(piece);
    }
    length += piece.length;
    request.fingerprint?.update(piece);
    if (noRoom) finish(noRoom);
    else if (length > limit) finish(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    else if (length === announced) finish(null);
    else request.server.bodyPace.took(clientOf(request), stream, piece.length);
  }
  stream.on('data', take);
  stream.on('end', () => {
    if (over) return;
    const whole = Number.isNaN(announced) || length === announced;
    finish(whole ? null : new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH());
  });
  stream.on('error', (error) => {
    // The client went away, or sent something that is not a body.
    if (!over) finish(Object.assign(error, { statusCode: 400 }));
  });
}

/** The pieces as one, copied a part in each turn; each is let go of when it is copied. */
export async function joined(pieces: Buffer[], length: number, turn: Turn): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  let copied = 0;
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
    at += piece.copy(whole, at);
    copied += piece.length;
    giveBack(piece);
    if (copied < LARGE_BYTES) continue;
    copied = 0;
    await turn();
  }
  return whole;
}

function joinedAtOnce(pieces: readonly Buffer[], length: number): Buffer {
  const whole = Buffer.concat(pieces, length);
  for (const piece of pieces) giveBack(piece);
  return whole;
}

/**
 * Frees the memory of a piece as Node reads it from a socket, when nobody needs it any more. Left to the collector of garbage, each 64 MiB of
 * pieces make it look through the whole heap.
 */
export function giveBack(piece: Buffer): void {
  const { buffer, byteLength } = piece;
  const isAlone = buffer.byteLength === byteLength && buffer instanceof ArrayBuffer;
  if (isAlone && byteLength >= NOT_SMALL_BYTES && byteLength <= CHUNK_BYTES) buffer.transfer(0);
}

/** Bytes that the body of a request may have. */
export function bodyLimitOf(request: FastifyRequest): number {
  return request.maxOwnBytes ?? routeOf(request).bodyLimit;
}

/**
 * Reads a body and parses it; without `parse` it stays bytes. An error of `parse` refuses the request. A long body is parsed in
 * slices, each in a turn of its own.
 */
export function parserOf(
  parse?: (bytes: Buffer, request: FastifyRequest) => Generator<void, unknown>,
): FastifyContentTypeParser {
  return (request, stream, done) => {
    // A long body is hashed as it comes.
    if (request.headers['idempotency-key'] !== undefined) request.fingerprint = beginFingerprint(request);
    readBytes(request, stream, bodyLimitOf(request), (error, bytes) => {
      if (!bytes) return done(error);
      request.bodyIsRead = true;
      if (parse && bytes.length >= LONG_BYTES) return void parseInTurns(parse(bytes, request), request, done);
      const goOn = () => (parse ? beginParsing(parse(bytes, request), request, done) : done(null, bytes));
      if (bytes.length < NOT_SMALL_BYTES) goOn();
      // What follows keeps the context of the request, such as its trace.
      else request.server.intake.take(clientAt(request.ip), AsyncResource.bind(goOn));
    });
  };
}

/** Parses a body at once, if that takes no longer than a slice; otherwise the rest waits for turns. */
function beginParsing(
  parsing: Generator<void, unknown>,
  request: FastifyRequest,
  done: (error: Error | null, body?: unknown) => void,
): void {
  let body: unknown;
  try {
    const begun = forOneSlice(parsing);
    if (!begun.done) return void parseInTurns(parsing, request, done);
    body = begun.value;
  } catch (problem) {
    done(problem as Error);
    return;
  }
  done(null, body);
}

async function parseInTurns(
  parsing: Generator<void, unknown>,
  request: FastifyRequest,
  done: (error: Error | null, body?: unknown) => void,
): Promise<void> {
  const client = clientOf(request);
  let body: unknown;
  try {
    await nextTurn(client);
    body = await inTurns(parsing, client);
    // What is done with it takes as long again.
    await nextTurn(client);
  } catch (problem) {
    return done(problem as Error);
  }
  done(null, body);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The limit of a body whose type has another one than its route. */
    maxOwnBytes?: number;
    bodyIsRead?: true;
  }
}
