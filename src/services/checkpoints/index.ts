import { decodeRecord } from '../../domain/record.ts';
import type { Change } from '../changes/change.ts';
import { listPage, type PageRequest } from '../changes/listing.ts';
import { checkpointKey, thingsPrefix } from '../keys.ts';
import {
  type CheckpointRecord,
  deleteCheckpoint,
  importCheckpoint,
  type NewCheckpoint,
  readCheckpoint,
  readCheckpointContent,
  saveCheckpoint,
} from './checkpoints.ts';
import type { Restored } from './restore-checkpoint.ts';
import type { RestoreContext } from './restore-plan.ts';

/** The use cases of checkpoints. What restores them is loaded by the first restore. */
export function checkpointServices(context: RestoreContext) {
  const { store, changer, inTurn } = context;
  return {
    save: <R>(input: NewCheckpoint, id: string | undefined, change: Change<CheckpointRecord, R>) =>
      inTurn(() => changer.create('checkpoint', id, change, (chosen) => saveCheckpoint(context, chosen, input))),
    import: <R>(bytes: Uint8Array, id: string | undefined, change: Change<CheckpointRecord, R>) =>
      inTurn(() => changer.create('checkpoint', id, change, (chosen) => importCheckpoint(context, chosen, bytes))),
    list: (page: PageRequest) =>
      listPage(store, thingsPrefix('checkpoint'), page, (bytes) => decodeRecord<CheckpointRecord>(bytes).fields),
    read: (id: string) => readCheckpoint(context, id),
    readContent: (id: string) => readCheckpointContent(context, id),
    restore: <R>(id: string, createMissing: boolean, change: Change<Restored, R>) =>
      inTurn(() =>
        changer.change(checkpointKey(id), change, async () => {
          const { restoreCheckpoint } = await import('./restore-checkpoint.ts');
          return { writes: [], result: await restoreCheckpoint(context, id, change, createMissing) };
        }),
      ),
    delete: <R>(id: string, change: Change<undefined, R>) =>
      changer.change(checkpointKey(id), change, () => deleteCheckpoint(context, id, change.expected)),
  };
}
