import type { StreamedBytes } from '../../domain/bytes.ts';
import type { Store } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { contentKey, pieceKey } from '../keys.ts';
import type { CheckpointRecord, ContentPlace } from './checkpoint-record.ts';

type Stored = Pick<CheckpointRecord, 'id' | 'bytes' | 'content'>;

/** A piece of a file, and where it stands there. */
interface Piece {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

/** The pieces of a checkpoint's file, in their order. A former version kept it whole. */
function piecesOf({ id, bytes, content }: Stored): Piece[] {
  if (!content) return [{ key: contentKey(id), from: 0, to: bytes }];
  const pieces: Piece[] = [];
  let start = 0;
  for (const [part, length] of (content.parts ?? [bytes]).entries()) {
    const end = start + length;
    for (const key of pieceKeys(id, content, part, Math.ceil(length / content.each))) {
      const to = Math.min(start + content.each, end);
      pieces.push({ key, from: start, to });
      start = to;
    }
  }
  return pieces;
}

export function contentKeys(record: Stored): string[] {
  return piecesOf(record).map(({ key }) => key);
}

/** The keys of the first pieces of a part, in their order. */
export function pieceKeys(
  checkpoint: string,
  { uid, parts }: Pick<ContentPlace, 'uid' | 'parts'>,
  part: number,
  count: number,
): string[] {
  return Array.from({ length: count }, (_, index) =>
    pieceKey(checkpoint, uid, parts ? `${part}.${index}` : `${index}`),
  );
}

/** @throws {Problem} not-found if the checkpoint is deleted meanwhile: no other file ever has its pieces */
async function readPiece(store: Pick<Store, 'get'>, { id }: Stored, { key, from, to }: Piece): Promise<Uint8Array> {
  const stored = await store.get(key);
  if (!stored) throw new Problem('not-found', `Checkpoint '${id}' was deleted while its file was read.`);
  if (stored.bytes.length !== to - from) throw new Error(`the piece ${key} is damaged`);
  return stored.bytes;
}

/** Pieces in memory while a file is sent: one that is read, one that waits, and one that the connection has. */
const PIECES_HELD = 3;

/** A checkpoint's file. Its first piece is read at once, the others when they are sent. @throws {Problem} not-found */
export async function streamContent(store: Pick<Store, 'get'>, record: Stored): Promise<StreamedBytes> {
  const [first, ...others] = piecesOf(record);
  const begun = await readPiece(store, record, first);
  async function* all(): AsyncGenerator<Uint8Array> {
    yield begun;
    for (const piece of others) yield await readPiece(store, record, piece);
  }
  const { bytes: length, content } = record;
  return { length, held: content ? Math.min(length, PIECES_HELD * content.each) : length, pieces: all() };
}

/** Reads any part of a checkpoint's file. One piece stays in memory: what is read next mostly begins in it. */
export class ContentReader {
  readonly length: number;
  private readonly store: Pick<Store, 'get'>;
  private readonly record: Stored;
  private readonly pieces: readonly Piece[];
  private last: { readonly piece: Piece; readonly bytes: Uint8Array } | undefined;

  constructor(store: Pick<Store, 'get'>, record: Stored) {
    this.length = record.bytes;
    this.store = store;
    this.record = record;
    this.pieces = piecesOf(record);
  }

  /** Reads all of it, so that what is missing or damaged is known. @throws {Problem} not-found, store-unavailable */
  async requireWhole(): Promise<void> {
    for (const piece of this.pieces) await this.bytesOf(piece);
  }

  /** In memory of their own. @throws {Problem} not-found */
  async read(from: number, to: number): Promise<Uint8Array> {
    const result = new Uint8Array(to - from);
    for (const piece of this.pieces) {
      if (piece.to <= from || piece.from >= to) continue;
      const bytes = await this.bytesOf(piece);
      const first = Math.max(from, piece.from);
      result.set(bytes.subarray(first - piece.from, to - piece.from), first - from);
    }
    return result;
  }

  private async bytesOf(piece: Piece): Promise<Uint8Array> {
    if (this.last?.piece !== piece) this.last = { piece, bytes: await readPiece(this.store, this.record, piece) };
    return this.last.bytes;
  }
}
