import type { FastifyContentTypeParser, FastifyInstance, FastifyRequest } from 'fastify';
import type { TensorFiles } from '../../domain/files.ts';
import { MULTIPART, SAFETENSORS, SENT_FILE_TYPES } from '../../domain/media-types.ts';
import { Problem } from '../../domain/problems.ts';
import { turnOf } from '../callers/callers.ts';
import { routeOf } from '../every-request.ts';
import { bodyLimitOf, parserOf, readBytes } from './bytes.ts';
import { beginFingerprint } from './fingerprint.ts';
import { passOnFile } from './incoming-file.ts';
import { jsonParser, textOf } from './json-body.ts';
import { type FileParts, hashParts, readParts } from './multipart.ts';
import { bodyOfFile } from './tensor-file.ts';

export { SAFETENSORS };

/**
 * Accepts files of up to `maxBytes` as bodies. Routes with `takesFiles` in their config get the bytes of a file of these
 * types. Routes with `tensors` in their schema get the fields that `files` reads from a file of tensors.
 */
export function addBinaryBody(
  app: FastifyInstance,
  { maxBytes, files }: { readonly maxBytes: number; readonly files: TensorFiles },
): void {
  app.decorate('tensorFiles', files);
  const types: readonly string[] = SENT_FILE_TYPES;
  const parse = jsonParser(app);
  // Checked before the body is read: a refused body needs no memory.
  app.checkBody((request) => {
    const type = request.headers['content-type'];
    if (type === undefined || type === 'application/json' || routeOf(request).config.ownBody) return undefined;
    const essence = mediaTypeOf(type);
    if (!types.includes(essence)) return undefined;
    if (!typesOf(request).includes(essence)) return notTaken(request);
    if (!takesTensors(request)) request.maxOwnBytes = maxBytes;
    return undefined;
  });
  const parseFile = parserOf(function* (bytes, request) {
    if (!takesTensors(request)) return bytes;
    const { tensorFields = new Map() } = routeOf(request).config;
    return bodyOfFile(yield* files.read(bytes), tensorFields, (text) => parse(request, textOf(Buffer.from(text))));
  });
  const takeFile: FastifyContentTypeParser = (request, stream, done) =>
    routeOf(request).config.passesFilesOn ? passOnFile(request, stream, done) : parseFile(request, stream, done);
  for (const type of types) app.addContentTypeParser(type, type === MULTIPART ? parseParts : takeFile);
}

/** The file of weights becomes the body; the other files go into `fileParts`. */
const parseParts: FastifyContentTypeParser = (request, stream, done) => {
  readBytes(request, stream, bodyLimitOf(request), (error, bytes) => {
    if (!bytes) return done(error);
    request.bodyIsRead = true;
    partsOf(bytes, request).then(
      (parts) => {
        request.fileParts = parts;
        done(null, parts.model);
      },
      (problem: Error) => done(problem),
    );
  });
};

async function partsOf(bytes: Buffer, request: FastifyRequest): Promise<FileParts> {
  const turn = turnOf(request);
  const parts = await readParts(bytes, request.headers['content-type'] ?? '', turn);
  if (request.headers['idempotency-key'] === undefined) return parts;
  // Clients change the boundary of multipart bodies for each request.
  request.fingerprint = beginFingerprint(request, MULTIPART);
  await hashParts(parts, request.fingerprint, turn);
  return parts;
}

function takesTensors(request: FastifyRequest): boolean {
  const { schema, config } = routeOf(request);
  return schema?.tensors === true && (config.tensorFields?.size ?? 0) > 0;
}

/** The types that a route accepts besides JSON. */
function typesOf(request: FastifyRequest): readonly string[] {
  return takesTensors(request) ? [SAFETENSORS] : (routeOf(request).config.takesFiles ?? []);
}

/** The problem for a Content-Type that a route does not accept. */
export function notTaken(request: FastifyRequest): Problem {
  const contentType = request.headers['content-type'];
  const sent = contentType
    ? `This route does not accept Content-Type '${contentType.slice(0, 200)}'.`
    : 'The request has a body but no Content-Type.';
  return new Problem('unsupported-media-type', `${sent} Send ${['application/json', ...typesOf(request)].join(', ')}.`);
}

/** The type of a file that is the body, without its parameters. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0].trim().toLowerCase();
}

declare module 'fastify' {
  interface FastifyInstance {
    tensorFiles: TensorFiles;
  }
  interface FastifySchema {
    /** The body may be a file of tensors, and so may the reply. */
    readonly tensors?: true;
  }
  interface FastifyContextConfig {
    /** Types of files that the route takes beside JSON. */
    readonly takesFiles?: readonly string[];
  }
  interface FastifyRequest {
    /** The parts of a multipart body other than its file of weights. */
    fileParts?: Omit<FileParts, 'model'>;
  }
}
