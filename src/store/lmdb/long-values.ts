import type { Bytes } from '../../domain/bytes.ts';
import type { CommitOutcome } from '../../domain/ports.ts';
import { nextTurn } from '../../threads/in-turns.ts';
import { createStamps } from '../record.ts';
import type { LmdbDatabase } from './database.ts';
import { NoRoomError } from './errors.ts';
import { bytesOfPlace, countOfPieces, keyOfPiece, PIECE_BYTES, type Place, readPlace, sealPiece } from './pieces.ts';
import { roomForRecord } from './record.ts';
import { hasRoomFor } from './room.ts';
import { Draft } from './transaction.ts';

/** Puts work into the queue of commits. Resolves once it is on the disk. */
type Enqueue = (bytes: number, work: (draft: Draft) => CommitOutcome) => Promise<CommitOutcome>;

/** Pieces that are written at once: what one transaction takes. */
const AT_ONCE = 4;

/**
 * Writes long values in pieces before the commit that names them, in the same queue as all commits, so others go between. Until
 * that commit the place is in the list of unfinished values, which it leaves in the transaction of the commit.
 */
export class LongValues {
  private readonly enqueue: Enqueue;
  private readonly directory: string;
  private readonly nextId = createStamps();
  /** To be removed: their commit was not made, and where the disk failed, they could not be removed either. */
  private dropped: Place[] = [];

  constructor(directory: string, enqueue: Enqueue) {
    this.directory = directory;
    this.enqueue = enqueue;
  }

  newPlace({ length }: Bytes): Place {
    return { id: this.nextId().slice(), length, each: PIECE_BYTES };
  }

  /** @throws {Problem} store-full, store-unavailable. Drop the place then. */
  async write(place: Place, value: Bytes): Promise<void> {
    await this.drop([]);
    await this.enqueue(PIECE_BYTES, (draft) => {
      const { database } = draft;
      if (!hasRoomFor(place.length, database, this.directory)) throw new NoRoomError('no room on the disk');
      draft.add(() => database.unfinished.put(place.id, bytesOfPlace(place)));
      return 'committed';
    });
    const count = countOfPieces(place);
    // A new buffer for each piece would have V8 collect the whole heap again and again.
    const rooms = Array.from({ length: AT_ONCE }, () => roomForRecord(place.each));
    for (let first = 0; first < count; first += AT_ONCE) {
      const indices = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, k) => first + k);
      const ends = await Promise.allSettled(indices.map((index, k) => this.writePiece(place, index, value, rooms[k])));
      // None is under way any more when the place is dropped.
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    }
    // Not after a failure: a transaction that comes too late may still read them.
    for (const { buffer } of rooms) (buffer as ArrayBuffer).transfer(0);
  }

  private async writePiece(place: Place, index: number, value: Bytes, room: Uint8Array): Promise<void> {
    await nextTurn();
    const { key, sealed } = sealPiece(place, index, value, room);
    await this.enqueue(sealed.length, (draft) => {
      draft.add(() => draft.database.pieces.put(key, sealed));
      return 'committed';
    });
  }

  /**
   * Removes the pieces of these places, and of those that were dropped before and are still there, if no commit has named them. It
   * is unknown whether a commit takes effect that came too late.
   */
  async drop(places: Iterable<Place>): Promise<void> {
    const all = [...this.dropped, ...places];
    this.dropped = [];
    for (const place of all) await this.remove(place).catch(() => this.dropped.push(place));
  }

  private async remove(place: Place): Promise<void> {
    await this.enqueue(0, (draft) => {
      const { unfinished } = draft.database;
      if (unfinished.getBinaryFast(place.id)) {
        removePieces(draft, place);
        draft.add(() => unfinished.remove(place.id));
      }
      return 'committed';
    });
  }
}

export function removePieces(draft: Draft, place: Place): void {
  const { pieces } = draft.database;
  for (let index = 0; index < countOfPieces(place); index++) draft.add(() => pieces.remove(keyOfPiece(place, index)));
}

/** Removes the pieces of values whose commit was never made, because the process ended. Nobody may be writing. */
export function removeUnfinished(database: LmdbDatabase): void {
  const places = [...database.unfinished.getRange({})].map(({ value }) => readPlace(value));
  if (places.length === 0) return;
  const draft = new Draft(database);
  for (const place of places) {
    removePieces(draft, place);
    draft.add(() => database.unfinished.remove(place.id));
  }
  database.root.transactionSync(() => draft.write());
}
