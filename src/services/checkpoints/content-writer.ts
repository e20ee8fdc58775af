import type { IncomingFile, SnapshotCheck } from '../../domain/files.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import type { Manifest } from '../../domain/snapshot.ts';
import type { Context } from '../context.ts';
import { dueWrite, HOUR } from '../expiry/due.ts';
import { pieceKey, unfinishedKey } from '../keys.ts';
import type { ContentPlace } from './checkpoint-record.ts';
import { pieceKeys } from './content.ts';

/** Short enough that a commit takes a millisecond or two, and long enough that a file takes few. */
export const PIECE_BYTES = 2 ** 20;
/** No request takes so long. What is unfinished then is swept (sweep-content.ts). */
const UNFINISHED_MS = 2 * HOUR;

type Needs = Pick<Context, 'store' | 'clock' | 'newId'>;

/** Does work that writes a file. Removes the pieces afterwards, unless a checkpoint has them; if that fails, the sweep does it later. */
export async function writingContent<T>(context: Needs, work: (content: ContentWriter) => Promise<T>): Promise<T> {
  const content = new ContentWriter(context);
  try {
    return await work(content);
  } finally {
    await content.close().catch(() => undefined);
  }
}

/** Says in the store that a file is being written. */
interface Mark {
  readonly key: string;
  readonly revision: string;
  readonly dueKey: string;
}

/**
 * Writes the file of a checkpoint in pieces as it comes. Each piece is committed, but nobody sees them before the record of the
 * checkpoint names them. Until then a mark is beside them: each piece expects it, and the commit of the record takes it away. Who takes the
 * mark away otherwise may remove the pieces. A file of one piece needs no mark: it is written with the record.
 */
export class ContentWriter {
  private readonly context: Needs;
  private checkpoint = '';
  private uid = '';
  private mark: Mark | undefined;
  private buffer: Uint8Array = new Uint8Array(0);
  /** Of the buffer. */
  private used = 0;
  /** Pieces that are in the store. */
  private count = 0;

  constructor(context: Needs) {
    this.context = context;
  }

  /** Begins a file, and lets go of the one before, if it was not finished. `length` is what it will have, where that is known. */
  private async begin(checkpoint: string, length = PIECE_BYTES): Promise<void> {
    await this.close();
    this.checkpoint = checkpoint;
    this.uid = this.context.newId('file');
    this.buffer = new Uint8Array(Math.min(length, PIECE_BYTES));
    this.used = 0;
    this.count = 0;
  }

  /** Writes the whole file as it comes and is checked. @throws {Problem} as `write`, invalid-file, limit-exceeded */
  async writeAll(checkpoint: string, file: IncomingFile, check: SnapshotCheck): Promise<Manifest> {
    await this.begin(checkpoint, file.length);
    for await (const bytes of file) {
      check.take(bytes);
      await this.write(bytes);
    }
    return check.end();
  }

  get length(): number {
    return this.count * PIECE_BYTES + this.used;
  }

  /** @throws {Problem} store-full, tenant-full, store-unavailable, conflict */
  private async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      // The last piece, even if it is full, goes with the record.
      if (this.used === this.buffer.length) await this.writePiece();
      const part = bytes.subarray(at, at + this.buffer.length - this.used);
      this.buffer.set(part, this.used);
      this.used += part.length;
      at += part.length;
    }
  }

  /** What the commit of the record has to write too, and what the record says of the file. */
  finish(): { readonly place: ContentPlace; readonly writes: readonly StoreWrite[] } {
    const { checkpoint, uid, mark } = this;
    const last = { key: pieceKey(checkpoint, uid, this.count), bytes: this.buffer.subarray(0, this.used) };
    const unmark = mark ? [{ key: mark.key, expect: mark.revision, delete: true as const }] : [];
    return { place: { uid, each: PIECE_BYTES }, writes: [...unmark, last] };
  }

  /** Removes the pieces, unless the record of a checkpoint names them. */
  async close(): Promise<void> {
    const { checkpoint, uid, mark, count } = this;
    this.mark = undefined;
    if (!mark) return;
    const { store } = this.context;
    if (await store.get(mark.key)) {
      const deletes: StoreWrite[] = pieceKeys(checkpoint, uid, count).map((key) => ({ key, delete: true }));
      await store.commit([{ key: mark.key, expect: mark.revision, delete: true }, ...deletes]);
    }
    await store.commit([{ key: mark.dueKey, delete: true }]);
  }

  private async writePiece(): Promise<void> {
    this.mark ??= await this.setMark();
    const { key, revision } = this.mark;
    const piece = { key: pieceKey(this.checkpoint, this.uid, this.count), bytes: this.buffer };
    // Counted before: a commit that fails may still take effect.
    this.count += 1;
    if ((await this.context.store.commit([{ key, expect: revision }, piece])) === 'conflict') {
      throw new Problem('conflict', 'The file took so long that what was there of it was removed. Send it again.');
    }
    this.used = 0;
  }

  private async setMark(): Promise<Mark> {
    const { store, clock } = this.context;
    const { checkpoint, uid } = this;
    const key = unfinishedKey(checkpoint, uid);
    const due = dueWrite(clock() + UNFINISHED_MS, { kind: 'content', checkpoint, uid });
    // First, so that nothing is ever forgotten.
    await store.commit([due]);
    await store.commit([{ key, expect: null, bytes: new Uint8Array(1) }]);
    const { revision = '' } = (await store.get(key)) ?? {};
    return { key, revision, dueKey: due.key };
  }
}
