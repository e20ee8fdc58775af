import { Problem } from '../domain/problems.ts';

/** A file of weights and the files that belong to it. */
export interface FileParts {
  readonly model: Uint8Array;
  /** The type from the part's header; empty if it has none. */
  readonly mediaType: string;
  /** By their names, without a path. */
  readonly beside: ReadonlyMap<string, Uint8Array>;
}

const MAX_PARTS = 64;
const MAX_NAME_BYTES = 1000;

interface Part {
  readonly field: string;
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/**
 * The parts of a multipart/form-data body. The part called `model`, or else the one whose filename ends in .onnx, or else
 * the only one, is the file of weights.
 * @throws {Problem} bad-request if the body is not multipart, invalid-request if no part is the model or two parts have
 * one name, limit-exceeded over 64 parts
 */
export async function readParts(bytes: Uint8Array, contentType: string): Promise<FileParts> {
  const parts = await partsOf(bytes, contentType);
  const model =
    parts.find(({ field }) => field === 'model') ??
    parts.find(({ name }) => name.endsWith('.onnx')) ??
    (parts.length === 1 ? parts[0] : undefined);
  if (!model) {
    const names = parts.map(({ field, name }) => `'${field}' (${name})`).join(', ') || 'none';
    const detail = `The body has no part for the model; its parts with a filename: ${names}. Name the part "model", or give it a filename that ends in .onnx.`;
    throw new Problem('invalid-request', detail, { errors: [{ pointer: '/model', detail }] });
  }
  const beside = new Map<string, Uint8Array>();
  for (const part of parts) {
    if (part === model) continue;
    if (beside.has(part.name)) {
      throw new Problem('invalid-request', `Two parts of the body have the filename '${part.name}'.`);
    }
    beside.set(part.name, part.bytes);
  }
  return { model: model.bytes, mediaType: model.mediaType, beside };
}

/** The same bytes for the same files, independent of the boundary, which clients change for each request. */
export function bytesOfParts({ model, beside }: FileParts): Buffer {
  const files = [...beside].flatMap(([name, file]) => [Buffer.from(`${name.length}:${name}:${file.length}:`), file]);
  return Buffer.concat([Buffer.from(`${model.length}:`), model, ...files]);
}

/** Parts with a filename. A filename has no path (RFC 7578). */
async function partsOf(bytes: Uint8Array, contentType: string): Promise<Part[]> {
  const { Busboy } = await import('@fastify/busboy');
  const parts: Part[] = [];
  return new Promise<Part[]>((resolve, reject) => {
    const limits = { files: MAX_PARTS, fields: MAX_PARTS, parts: MAX_PARTS, fieldNameSize: MAX_NAME_BYTES };
    const parser = new Busboy({ headers: { 'content-type': contentType }, limits });
    parser.on('file', (field, stream, name, _encoding, mediaType) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => parts.push({ field, name: name ?? '', mediaType, bytes: Buffer.concat(pieces) }));
    });
    const tooMany = () => reject(new Problem('limit-exceeded', `The body has more than ${MAX_PARTS} parts.`));
    parser.on('partsLimit', tooMany).on('filesLimit', tooMany).on('fieldsLimit', tooMany);
    parser.on('finish', () => resolve(parts));
    parser.on('error', reject);
    parser.end(bytes);
  }).catch((cause: unknown) => {
    if (cause instanceof Problem) throw cause;
    const detail = 'The body is not multipart/form-data, or it is cut off. Send each file as a part with a filename.';
    throw new Problem('bad-request', detail, { cause });
  });
}
