import type { Readable } from 'node:stream';
import { errorCodes, type FastifyContentTypeParser, type FastifyRequest } from 'fastify';
import type { IncomingFile } from '../../domain/files.ts';
import { clientOf } from '../callers/callers.ts';
import { bodyLimitOf } from './bytes.ts';
import { beginFingerprint } from './fingerprint.ts';

interface Expected {
  /** NaN if the body comes in chunks. */
  readonly announced: number;
  readonly limit: number;
}

/** Gives a route the body as it comes, instead of all of it. */
export const passOnFile: FastifyContentTypeParser = (request, stream, done) => {
  const expected = { announced: Number(request.headers['content-length']), limit: bodyLimitOf(request) };
  if (expected.announced > expected.limit) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  if (request.headers['idempotency-key'] !== undefined) request.fingerprint = beginFingerprint(request);
  const file: IncomingFile = {
    length: Number.isNaN(expected.announced) ? undefined : expected.announced,
    [Symbol.asyncIterator]: () => partsOf(request, stream as Readable, expected),
  };
  done(null, file);
};

/**
 * The parts of a body. The stream flows only while one is waited for: then a client that sends nothing is ended (connections.ts), and one
 * that waits for the disk is not.
 */
async function* partsOf(
  request: FastifyRequest,
  stream: Readable,
  { announced, limit }: Expected,
): AsyncGenerator<Uint8Array> {
  const parts: Buffer[] = [];
  const client = clientOf(request);
  let length = 0;
  let asked = 0;
  let ended: Error | 'whole' | undefined = stream.destroyed ? cut() : undefined;
  let wake = () => {};
  const end = (how: Error | 'whole') => {
    ended ??= how;
    wake();
  };
  const take = (part: Buffer) => {
    stream.pause();
    parts.push(part);
    wake();
  };
  const finish = () => end('whole');
  const fail = (error: Error) => end(Object.assign(error, { statusCode: 400 }));
  const close = () => end(cut());
  stream.on('data', take).on('end', finish).on('error', fail).on('close', close);
  try {
    for (;;) {
      for (let part = parts.shift(); part; part = parts.shift()) {
        length += part.length;
        if (length > limit) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
        if (length > announced) throw cut();
        request.fingerprint?.update(part);
        yield part;
      }
      if (ended instanceof Error) throw ended;
      if (ended === 'whole') break;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      stream.resume();
      request.server.bodyPace.took(client, stream, length - asked);
      asked = length;
      await woken;
    }
    // Only now: the end may come before the last parts are taken.
    if (!Number.isNaN(announced) && length !== announced) throw cut();
    request.bodyIsRead = true;
  } finally {
    // An error that comes later must find somebody too.
    stream.off('data', take).off('end', finish).off('close', close);
  }
}

/** The client went away, or the body has another length. */
function cut(): Error {
  return new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH();
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes files as they come (IncomingFile), instead of whole. */
    readonly passesFilesOn?: true;
  }
}
