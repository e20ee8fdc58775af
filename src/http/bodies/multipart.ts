import type { Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Problem } from '../../domain/problems.ts';
import type { Turn } from '../../threads/in-turns.ts';
import { joined } from './bytes.ts';

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
/** So many bytes are looked through in a millisecond or so. */
const SLICE_BYTES = 2 ** 20;

interface Part {
  readonly field: string;
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

interface PartInPieces extends Omit<Part, 'bytes'> {
  readonly pieces: Buffer[];
}

/**
 * The parts of a multipart/form-data body. The part called `model`, or else the one whose filename ends in .onnx, or else
 * the only one, is the file of weights.
 * @throws {Problem} bad-request if the body is not multipart, invalid-request if no part is the model or two parts have
 * one name, limit-exceeded over 64 parts
 */
export async function readParts(bytes: Uint8Array, contentType: string, turn: Turn): Promise<FileParts> {
  const parts = await partsOf(bytes, contentType, turn);
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

/** Adds the files to a hash, the same for the same files whatever the boundary, a part in each turn. */
export async function hashParts({ model, beside }: FileParts, hash: Hash, turn: Turn): Promise<void> {
  const files = [...beside].map(([name, file]) => [`${name.length}:${name}:`, file] as const);
  for (const [name, file] of [['', model] as const, ...files]) {
    hash.update(`${name}${file.length}:`);
    for await (const slice of slicesOf(file, turn)) hash.update(slice);
  }
}

/** Parts with a filename. A filename has no path (RFC 7578). */
async function partsOf(bytes: Uint8Array, contentType: string, turn: Turn): Promise<Part[]> {
  const { Busboy } = await import('@fastify/busboy');
  const sent = Readable.from(slicesOf(bytes, turn));
  const found = new Promise<PartInPieces[]>((resolve, reject) => {
    const parts: PartInPieces[] = [];
    const limits = { files: MAX_PARTS, fields: MAX_PARTS, parts: MAX_PARTS, fieldNameSize: MAX_NAME_BYTES };
    const parser = new Busboy({ headers: { 'content-type': contentType }, limits });
    parser.on('file', (field, stream, name, _encoding, mediaType) => {
      const part = { field, name: name ?? '', mediaType, pieces: [] as Buffer[] };
      stream.on('data', (piece: Buffer) => part.pieces.push(piece));
      stream.on('end', () => parts.push(part));
      // Of a part that is cut off. An error that nobody hears of would end the process.
      stream.on('error', reject);
    });
    const tooMany = () => reject(new Problem('limit-exceeded', `The body has more than ${MAX_PARTS} parts.`));
    parser.on('partsLimit', tooMany).on('filesLimit', tooMany).on('fieldsLimit', tooMany);
    parser.on('finish', () => resolve(parts));
    parser.on('error', reject);
    sent.pipe(parser);
  });
  const parts: Part[] = [];
  try {
    for (const { pieces, ...part } of await found) {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      parts.push({ ...part, bytes: await joined(pieces, length, turn) });
    }
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const detail = 'The body is not multipart/form-data, or it is cut off. Send each file as a part with a filename.';
    throw new Problem('bad-request', detail, { cause });
  } finally {
    sent.destroy();
  }
  return parts;
}

/** One in each turn. */
async function* slicesOf(bytes: Uint8Array, turn: Turn): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    if (from > 0) await turn();
    yield bytes.subarray(from, from + SLICE_BYTES);
  }
}
