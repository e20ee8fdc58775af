import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Bytes, StreamedBytes } from '../../domain/bytes.ts';
import { SAFETENSORS } from '../bodies/binary-body.ts';
import { fileOfReply } from '../bodies/tensor-file.ts';
import { turnOf } from '../callers/callers.ts';
import { LongText, replyText } from '../json/text.ts';
import { requireOffer } from './accept.ts';
import { etagOf, readEntityTags } from './entity-tags.ts';
import { encoded, SLICE_BYTES, SlicedReply, slicesOf, slicesOfText, TEXT_SLICE } from './sliced-reply.ts';

/** A reply as it goes out. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ReplyBody;
}

/** Text, text that is printed while it is sent, or the bytes of a file. */
type ReplyBody = string | LongText | Bytes;

/** Milliseconds of a turn for which replies are sent together. */
const TOGETHER_MS = 10;

export const JSON_TYPE = 'application/json; charset=utf-8';

/** Writes what a reply says, in one representation. */
interface ReplyWriter {
  readonly mediaType: string;
  write(body: object): ReplyBody;
}

const AS_JSON: ReplyWriter = { mediaType: JSON_TYPE, write: replyText };
const OFFERS = [{ mediaType: 'application/json' }, { mediaType: SAFETENSORS }] as const;

/** The writer of what Accept prefers: JSON, or tensors as a file. @throws {Problem} not-acceptable */
export function writerFor({ headers: { accept }, server }: FastifyRequest): ReplyWriter {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return AS_JSON;
  if (accept !== SAFETENSORS && requireOffer(accept, OFFERS, 'this reply').mediaType !== SAFETENSORS) return AS_JSON;
  return { mediaType: SAFETENSORS, write: (body) => server.tensorFiles.write(fileOfReply(body)) };
}

/** A 200 reply, with the ETag of the thing if it has a version. */
export function ok(body: object, version?: number, writer = AS_JSON): Reply {
  const headers: Record<string, string> = { 'content-type': writer.mediaType };
  if (version !== undefined) headers.etag = etagOf(version);
  return { status: 200, headers, body: writer.write(body) };
}

export function created(location: string, body: object, version: number, writer = AS_JSON): Reply {
  const reply = ok(body, version, writer);
  return { ...reply, status: 201, headers: { ...reply.headers, location } };
}

export function noContent(): Reply {
  return { status: 204, headers: {}, body: '' };
}

/** Answers a request: sets the status and the headers here, and Fastify sends the body. */
export function send(reply: FastifyReply, { status, headers, body }: Reply): Payload {
  reply.code(status).headers(headers);
  if (status === 204) return undefined;
  return payloadOf(reply, body);
}

/** A body as Fastify sends it. */
function payloadOf(reply: FastifyReply, body: ReplyBody | StreamedBytes): Payload {
  if (typeof body === 'string') return body;
  if (body instanceof LongText) return new SlicedReply(body.length, encoded(body.pieces()), turnOf(reply.request));
  if ('pieces' in body) {
    reply.header('content-length', body.length);
    // Fastify reads what it throws away.
    const pieces = reply.request.method === 'HEAD' ? [].values() : body.pieces;
    return new SlicedReply(body.held, pieces, turnOf(reply.request));
  }
  if (body.length > SLICE_BYTES) {
    reply.header('content-length', body.length);
    return new SlicedReply(body.length, slicesOf(body), turnOf(reply.request));
  }
  const { buffer, byteOffset, byteLength } = body.subarray();
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * Does not return the reply itself. It is a thenable that listens for the end of the response, which costs more than the
 * promise of the handler.
 */
type Payload = string | Buffer | SlicedReply | undefined;

/**
 * Sends replies together that became ready together, such as the steps of a batch. Waking a waiting client costs the
 * operating system more than the reply, and it wakes once for replies that follow at once.
 */
export function sendTogether(app: FastifyInstance): void {
  const ready: (() => void)[] = [];
  function sendReady(): void {
    const end = performance.now() + TOGETHER_MS;
    let sent = 0;
    do ready[sent++]();
    while (sent < ready.length && performance.now() < end);
    ready.splice(0, sent);
    if (ready.length > 0) setImmediate(sendReady);
  }
  app.addHook('onSend', (request, reply, payload, done) => {
    // Listen to a stream at once, so that its errors are handled.
    if (payload !== undefined && typeof payload !== 'string' && !Buffer.isBuffer(payload)) return done();
    if (typeof payload === 'string' && payload.length > TEXT_SLICE) {
      reply.header('content-length', Buffer.byteLength(payload));
      return done(null, new SlicedReply(payload.length, encoded(slicesOfText(payload)), turnOf(request)));
    }
    if (ready.push(done) === 1) process.nextTick(sendReady);
  });
}

/** Sends a read thing, or 304 if If-None-Match names its version. */
export function sendRead(request: FastifyRequest, reply: FastifyReply, read: Reply): Payload {
  const { etag } = read.headers;
  return etag && isKnown(request, etag) ? sendUnchanged(reply, etag) : send(reply, read);
}

/**
 * Sends a file made from a version of a thing. If If-None-Match names that version, the file is not made. `extension` begins
 * with a dot.
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: { readonly name: string; readonly extension: string; readonly mediaType: string; readonly version: number },
  make: () => Promise<Bytes | StreamedBytes>,
): Promise<Payload> {
  const etag = etagOf(file.version);
  if (isKnown(request, etag)) return sendUnchanged(reply, etag);
  const bytes = await make();
  reply
    .headers({ etag, 'content-type': file.mediaType })
    .header('content-disposition', `attachment; filename="${file.name}${file.extension}"`);
  return payloadOf(reply, bytes);
}

function isKnown(request: FastifyRequest, etag: string): boolean {
  const header = request.headers['if-none-match'];
  if (header === undefined || header.trim() === '*') return header !== undefined;
  return readEntityTags(header)?.some((tag) => tag === etag || tag === `W/${etag}`) ?? false;
}

function sendUnchanged(reply: FastifyReply, etag: string): undefined {
  reply.code(304).header('etag', etag);
}
