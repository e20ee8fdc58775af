import type { CommitOutcome, StoreWrite } from '../../domain/ports.ts';
import { stampRecord } from '../record.ts';
import type { UsageTally } from '../usage-tally.ts';
import { removePieces } from './long-values.ts';
import { markPlace, type Place, placeIn, revisionIn, valueLength } from './pieces.ts';
import { isLong, newSealedRecord, sealRecord, unsealRecord } from './record.ts';
import type { Draft } from './transaction.ts';

/** A write of a commit, with a record that is its own. */
export interface PreparedWrite {
  readonly name: string;
  readonly key: Uint8Array;
  readonly expect: string | null | undefined;
  readonly record: Uint8Array | undefined;
  /** Of a long value, which the record names. */
  readonly place: Place | undefined;
  readonly deletes: boolean;
}

/** Copies buffers that the caller may change after the call. */
export function prepare({ key, expect, bytes, delete: deletes }: StoreWrite): PreparedWrite {
  return {
    name: key,
    key: Buffer.from(key),
    expect,
    record: bytes && newSealedRecord(bytes.subarray()),
    place: undefined,
    deletes: deletes === true,
  };
}

interface Keeping {
  readonly nextStamp: () => Uint8Array;
  readonly tally: UsageTally;
}

/** Compares what is there with what the writes expect, and gathers them in the draft, unless there is a conflict. */
export function applyWrites(
  draft: Draft,
  writes: readonly PreparedWrite[],
  { nextStamp, tally }: Keeping,
): CommitOutcome {
  /** What is there now; undefined where nothing is known about it. */
  const formers: (Former | undefined)[] = [];
  for (const [n, { name, key, expect }] of writes.entries()) {
    if (expect === undefined) continue;
    const record = draft.recordOf(name, key);
    if ((record === undefined ? null : checkedRevision(key, record)) !== expect) return 'conflict';
    formers[n] = formerOf(record);
  }
  const stamp = nextStamp();
  for (const [n, { name, key, expect, record, place, deletes }] of writes.entries()) {
    if (record === undefined && !deletes) continue;
    const former = expect === undefined ? formerOf(draft.recordOf(name, key)) : formers[n];
    tally.add(name, former?.length, place?.length ?? (record && valueLength(record)));
    if (former?.place) removePieces(draft, former.place);
    if (record !== undefined) {
      stampRecord(record, stamp);
      if (place) {
        markPlace(record);
        draft.add(() => draft.database.unfinished.remove(place.id));
      }
      sealRecord(key, record);
    }
    draft.setRecord(name, key, record);
  }
  return 'committed';
}

interface Former {
  readonly length: number;
  readonly place: Place | undefined;
}

function formerOf(record: Uint8Array | undefined): Former | undefined {
  return record && { length: valueLength(record), place: placeIn(record) };
}

/** A long record is compared without its checksum: its reader, who knows the revision, has checked it. */
function checkedRevision(key: Uint8Array, record: Uint8Array): string {
  return revisionIn(isLong(record) ? record : unsealRecord(key, record));
}
