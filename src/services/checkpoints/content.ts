import type { StreamedBytes } from '../../domain/bytes.ts';
import type { Hold, Store } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { contentKey, pieceKey } from '../keys.ts';
import type { CheckpointRecord } from './checkpoint-record.ts';

type Stored = Pick<CheckpointRecord, 'id' | 'bytes' | 'content'>;

/** The keys of the pieces of a checkpoint's file, in their order. A former version kept it whole. */
export function contentKeys({ id, bytes, content }: Stored): string[] {
  if (!content) return [contentKey(id)];
  return pieceKeys(id, content.uid, Math.ceil(bytes / content.each));
}

/** The keys of the first pieces of a file, in their order. */
export function pieceKeys(checkpoint: string, uid: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => pieceKey(checkpoint, uid, index));
}

/**
 * The pieces of a checkpoint's file, each read when it is asked for.
 * @throws {Problem} not-found if the checkpoint is deleted meanwhile: no other file ever has these pieces
 */
async function* readPieces(store: Pick<Store, 'get'>, record: Stored): AsyncGenerator<Uint8Array> {
  let left = record.bytes;
  for (const key of contentKeys(record)) {
    const stored = await store.get(key);
    if (!stored) throw new Problem('not-found', `Checkpoint '${record.id}' was deleted while its file was read.`);
    const { bytes } = stored;
    if (bytes.length !== Math.min(left, record.content?.each ?? left)) throw new Error(`the piece ${key} is damaged`);
    left -= bytes.length;
    yield bytes;
  }
}

/** Pieces in memory while a file is sent: one that is read, one that waits, and one that the connection has. */
const PIECES_HELD = 3;

/** A checkpoint's file. Its first piece is read at once, the others when they are sent. @throws {Problem} not-found */
export async function streamContent(store: Pick<Store, 'get'>, record: Stored): Promise<StreamedBytes> {
  const pieces = readPieces(store, record);
  const first = await pieces.next();
  async function* all(): AsyncGenerator<Uint8Array> {
    if (!first.done) yield first.value;
    yield* pieces;
  }
  const { bytes: length, content } = record;
  return { length, held: content ? Math.min(length, PIECES_HELD * content.each) : length, pieces: all() };
}

/** A checkpoint's file as a whole. @throws {Problem} not-found, overloaded */
export async function readContent(
  { store, hold }: { readonly store: Pick<Store, 'get'>; readonly hold: Hold },
  record: Stored,
): Promise<Uint8Array> {
  // A file that is kept whole is told by the store.
  if (record.content) hold(record.bytes);
  const whole = new Uint8Array(record.bytes);
  let at = 0;
  for await (const piece of readPieces(store, record)) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
