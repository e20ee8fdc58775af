import type { IncomingFile, SnapshotCheck } from '../../domain/files.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import type { Manifest } from '../../domain/snapshot.ts';
import { inTurns } from '../../threads/in-turns.ts';
import type { Context } from '../context.ts';
import { dueWrite, HOUR } from '../expiry/due.ts';
import { unfinishedKey } from '../keys.ts';
import type { ContentPlace } from './checkpoint-record.ts';
import { pieceKeys } from './content.ts';

/** Short enough that a commit takes a millisecond or two, and long enough that a file takes few. */
export const PIECE_BYTES = 2 ** 20;
/** The first room of a part whose length nobody knows. */
const FIRST_BYTES = 2 ** 14;
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

/** What has come of a part. */
interface Part {
  /** Of the piece that is not in the store yet. */
  buffer: Uint8Array;
  used: number;
  /** Pieces that are in the store. */
  count: number;
}

/**
 * Writes the file of a checkpoint in pieces as it comes. It may have parts, which come side by side, and are the file one after the other.
 * Each piece is committed, but nobody sees them before the record of the checkpoint names them. Until then a mark is beside them: each
 * piece expects it, and the commit of the record takes it away. Who takes the mark away otherwise may remove the pieces. The last
 * piece of each part is written with the record; where these are all, no mark is needed.
 */
export class ContentWriter {
  private readonly context: Needs;
  private checkpoint = '';
  private uid = '';
  private mark: Mark | undefined;
  private parts: Part[] = [];

  constructor(context: Needs) {
    this.context = context;
  }

  /** Begins a file, and lets go of the one before, if it was not finished. `length` is what a part will have, where that is known. */
  async begin(checkpoint: string, parts: number, length = FIRST_BYTES): Promise<void> {
    await this.close();
    this.checkpoint = checkpoint;
    this.uid = this.context.newId('file');
    const room = Math.min(length, PIECE_BYTES);
    this.parts = Array.from({ length: parts }, () => ({ buffer: new Uint8Array(room), used: 0, count: 0 }));
  }

  /** Writes a whole file as it comes and is checked. @throws {Problem} as `write`, invalid-file, limit-exceeded */
  async writeAll(checkpoint: string, file: IncomingFile, check: SnapshotCheck): Promise<Manifest> {
    await this.begin(checkpoint, 1, file.length ?? PIECE_BYTES);
    for await (const bytes of file) {
      await inTurns(check.take(bytes));
      await this.write(0, bytes);
    }
    return check.end();
  }

  get length(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0);
  }

  private get lengths(): number[] {
    return this.parts.map(({ count, used }) => count * PIECE_BYTES + used);
  }

  /** The next bytes of a part. @throws {Problem} store-full, tenant-full, store-unavailable, conflict */
  async write(part: number, bytes: Uint8Array): Promise<void> {
    const own = this.parts[part];
    for (let at = 0; at < bytes.length; ) {
      // The last piece, even if it is full, goes with the record.
      if (own.used === PIECE_BYTES) await this.writePiece(part);
      else if (own.used === own.buffer.length) own.buffer = grown(own.buffer);
      const next = bytes.subarray(at, at + own.buffer.length - own.used);
      own.buffer.set(next, own.used);
      own.used += next.length;
      at += next.length;
    }
  }

  /** What the commit of the record has to write too, and what the record says of the file. */
  finish(): { readonly place: ContentPlace; readonly writes: readonly StoreWrite[] } {
    const { mark, parts, length } = this;
    // What fits one piece is one.
    if (length <= PIECE_BYTES && parts.length > 1 && !mark) {
      const buffer = Buffer.concat(parts.map(({ buffer: part, used }) => part.subarray(0, used)));
      this.parts = [{ buffer, used: length, count: 0 }];
    }
    const last = this.parts.flatMap(({ buffer, used, count }, part) =>
      used > 0 ? [{ key: this.keysOf(part, count + 1)[count], bytes: buffer.subarray(0, used) }] : [],
    );
    const unmark = mark ? [{ key: mark.key, expect: mark.revision, delete: true as const }] : [];
    return { place: this.place, writes: [...unmark, ...last] };
  }

  private get place(): ContentPlace {
    const { uid, lengths } = this;
    return { uid, each: PIECE_BYTES, ...(lengths.length > 1 ? { parts: lengths } : {}) };
  }

  private keysOf(part: number, count: number): string[] {
    return pieceKeys(this.checkpoint, this.place, part, count);
  }

  /** Removes the pieces, unless the record of a checkpoint names them. */
  async close(): Promise<void> {
    const { mark } = this;
    this.mark = undefined;
    if (!mark) return;
    const { store } = this.context;
    if (await store.get(mark.key)) {
      const deletes = this.parts.flatMap(({ count }, part) =>
        this.keysOf(part, count).map((key) => ({ key, delete: true as const })),
      );
      await store.commit([{ key: mark.key, expect: mark.revision, delete: true }, ...deletes]);
    }
    await store.commit([{ key: mark.dueKey, delete: true }]);
  }

  private async writePiece(part: number): Promise<void> {
    this.mark ??= await this.setMark();
    const { key, revision } = this.mark;
    const own = this.parts[part];
    // Counted before: a commit that fails may still take effect.
    own.count += 1;
    const piece = { key: this.keysOf(part, own.count)[own.count - 1], bytes: own.buffer };
    if ((await this.context.store.commit([{ key, expect: revision }, piece])) === 'conflict') {
      throw new Problem('conflict', 'The file took so long that what was there of it was removed. Send it again.');
    }
    own.used = 0;
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

/** Twice as long, up to a piece. */
function grown(buffer: Uint8Array): Uint8Array {
  const larger = new Uint8Array(Math.min(2 * buffer.length, PIECE_BYTES));
  larger.set(buffer);
  return larger;
}
