import { errorCodes, type FastifyContentTypeParser, type FastifyRequest } from 'fastify';

type Done = (error: Error | null, bytes?: Buffer) => void;

/**
 * Reads the body of a request, at most `limit` bytes. It works like Fastify's own parseAs, with the same errors, but is
 * faster: the body is complete as soon as the announced bytes are there, and a body in one piece is not copied.
 */
export function readBytes(
  request: Pick<FastifyRequest, 'headers' | 'holdBytes'>,
  stream: NodeJS.ReadableStream,
  limit: number,
  done: Done,
) {
  /** NaN if the body comes in chunks. */
  const announced = Number(request.headers['content-length']);
  if (announced > limit) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  const pieces: Buffer[] = [];
  let length = 0;
  let over = false;
  function finish(error: Error | null): void {
    over = true;
    stream.off('data', take);
    if (error) pieces.length = 0;
    if (error) done(error);
    else done(null, pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, length));
  }
  function take(piece: Buffer): void {
    const noRoom = request.holdBytes(piece.length);
    pieces.push(piece);
    length += piece.length;
    if (noRoom) finish(noRoom);
    else if (length > limit) finish(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    else if (length === announced) finish(null);
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

/** Bytes that the body of a request may have. */
export function bodyLimitOf({ maxFileBytes, routeOptions }: FastifyRequest): number {
  return maxFileBytes ?? routeOptions.bodyLimit;
}

/** Reads a body into `request.bodyBytes` and parses it. An error of `parse` refuses the request. */
export function parserOf(parse: (bytes: Buffer, request: FastifyRequest) => unknown): FastifyContentTypeParser {
  return (request, stream, done) => {
    readBytes(request, stream, bodyLimitOf(request), (error, bytes) => {
      if (!bytes) return done(error);
      request.bodyBytes = bytes;
      let body: unknown;
      try {
        body = parse(bytes, request);
      } catch (problem) {
        return done(problem as Error);
      }
      done(null, body);
    });
  };
}
