import type { Store } from '../../domain/ports.ts';
import { decodeRecord } from '../../domain/record.ts';
import { entriesOf } from '../changes/listing.ts';
import type { Due } from '../expiry/due.ts';
import { checkpointKey, piecesPrefix, UNFINISHED_PREFIX, unfinishedKey } from '../keys.ts';
import type { CheckpointRecord } from './checkpoint-record.ts';

/** Pieces that are read at once, to learn their keys. */
const PAGE = 8;

/**
 * Removes the pieces of a file that was never finished, as the process that wrote it died (content-writer.ts). Returns whether this is
 * done; otherwise it was finished meanwhile.
 */
export async function sweepContent(store: Store, { checkpoint, uid }: Due & { kind: 'content' }): Promise<boolean> {
  const key = unfinishedKey(checkpoint, uid);
  const mark = await store.get(key);
  if (mark) {
    // From then on nobody can write another piece, or make a checkpoint of them.
    if ((await store.commit([{ key, expect: mark.revision, delete: true }])) === 'conflict') return false;
  } else {
    const stored = await store.get(checkpointKey(checkpoint));
    if (stored && decodeRecord<CheckpointRecord>(stored.bytes).fields.content?.uid === uid) return true;
  }
  for await (const piece of entriesOf(store, piecesPrefix(checkpoint, uid), PAGE)) {
    await store.commit([{ key: piece.key, delete: true }]);
  }
  return true;
}

/** The same of all files that are unfinished. Nobody may be writing one. */
export async function sweepUnfinished(store: Store): Promise<void> {
  for await (const { key } of entriesOf(store, UNFINISHED_PREFIX, 1000)) {
    const [checkpoint, uid] = key.slice(UNFINISHED_PREFIX.length).split('/');
    await sweepContent(store, { kind: 'content', checkpoint, uid });
  }
}
