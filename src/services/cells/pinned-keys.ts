import type { Store, StoredEntry } from '../../domain/ports.ts';
import type { SessionRecord } from '../../domain/session.ts';
import { entriesOf } from '../changes/listing.ts';
import type { CellRecord } from './cell-record.ts';

export type CellId = Pick<CellRecord, 'id' | 'uid'>;
/** All that has to be known of a session. */
export type PinnedSession = Pick<SessionRecord, 'id' | 'uid' | 'cell' | 'cell_uid' | 'pinned'>;

/** Changes whenever a version is pinned, or one is let go of. */
export function pinsKey(cell: string): string {
  return `cell-pins/${cell}`;
}

/** Where the records of a cell's pinned versions are. */
function versionsPrefix({ id, uid }: CellId): string {
  return `cell-version/${id}/${uid}/`;
}

export function versionKey(cell: CellId, pin: string): string {
  return `${versionsPrefix(cell)}${pin}`;
}

/** Where the pins of a cell's sessions are. */
export function pinsPrefix(cell: string): string {
  return `cell-pin/${cell}/`;
}

export function pinPrefix({ id, uid }: CellId, pin: string): string {
  return `${pinsPrefix(id)}${uid}/${pin}/`;
}

/** That this session is pinned to a version. */
export function pinKey(session: PinnedSession, pin: string): string {
  const cell = { id: session.cell, uid: session.cell_uid };
  return `${pinPrefix(cell, pin)}${session.id}/${session.uid}`;
}

/** Few at a time: a version may have all its weights in its record. */
const PAGE = 16;

/** The records of a cell's pinned versions. */
export function versionsOf(store: Pick<Store, 'list'>, cell: CellId): AsyncGenerator<StoredEntry> {
  return entriesOf(store, versionsPrefix(cell), PAGE);
}
