import type { IncomingFile, SnapshotCodec } from '../../domain/files.ts';
import type { Change } from '../changes/change.ts';
import { stillRunning } from '../changes/running-keys.ts';
import type { Context } from '../context.ts';
import type { CheckpointRecord } from './checkpoint-record.ts';
import { keepCheckpoint, requireFree } from './checkpoints.ts';
import { PIECE_BYTES, writingContent } from './content-writer.ts';

type Needs = Pick<Context, 'store' | 'clock' | 'newId' | 'caller' | 'changer'> & {
  readonly checkpointCodec: SnapshotCodec;
};

/** In memory of a file that comes: what of it makes a piece, and the copy that is written. */
const PIECES_HELD = 2;

/**
 * Makes a checkpoint of a file, which is checked and written as it comes. The request is known whole only after it, and so is
 * whether it repeats an earlier one.
 * @throws {Problem} already-exists, invalid-file, limit-exceeded, overloaded; in-progress if the same request is carried out elsewhere
 */
export async function importCheckpoint<R>(
  context: Needs,
  file: IncomingFile,
  id: string | undefined,
  change: Change<CheckpointRecord, R>,
): Promise<R> {
  const { changer, checkpointCodec } = context;
  const hold = (bytes: number) => context.caller().hold(bytes);
  const chosen = await changer.idFor('checkpoint', id, change);
  if (!change.once) await requireFree(context, chosen);
  hold(PIECES_HELD * Math.min(PIECE_BYTES, file.length ?? PIECE_BYTES));
  return writingContent(context, async (content) => {
    const manifest = await content.writeAll(chosen, file, checkpointCodec.check(file, hold));
    return changer.create('checkpoint', chosen, change, async (claimed) => {
      // Another process claimed this id for the same request while the file came.
      if (change.once && claimed !== chosen) throw stillRunning(change.once.idempotencyKey);
      return keepCheckpoint(context, claimed, manifest, content);
    });
  });
}
