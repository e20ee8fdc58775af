import type { IncomingFile } from '../../domain/files.ts';
import type { Change } from '../changes/change.ts';
import { fieldsOf, listPage, type PageRequest } from '../changes/listing.ts';
import { checkpointKey, thingsPrefix } from '../keys.ts';
import { type CheckpointRecord, readCheckpoint } from './checkpoint-record.ts';
import { deleteCheckpoint } from './checkpoints.ts';
import { streamContent } from './content.ts';
import { writingContent } from './content-writer.ts';
import { importCheckpoint } from './import-checkpoint.ts';
import type { Restored } from './restore-checkpoint.ts';
import type { RestoreContext } from './restore-plan.ts';
import { type NewCheckpoint, saveCheckpoint } from './save-checkpoint.ts';

/** The use cases of checkpoints. What restores them is loaded by the first restore. */
export function checkpointServices(context: RestoreContext) {
  const { store, changer, inTurn } = context;
  const read = async (id: string) => (await readCheckpoint(context, id)).record;
  return {
    save: <R>(input: NewCheckpoint, id: string | undefined, change: Change<CheckpointRecord, R>) =>
      inTurn(() =>
        writingContent(context, (content) =>
          changer.create('checkpoint', id, change, (chosen) => saveCheckpoint(context, chosen, input, content)),
        ),
      ),
    import: <R>(file: IncomingFile, id: string | undefined, change: Change<CheckpointRecord, R>) =>
      importCheckpoint(context, file, id, change),
    list: (page: PageRequest) => listPage(store, thingsPrefix('checkpoint'), page, fieldsOf<CheckpointRecord>),
    read,
    readContent: (record: CheckpointRecord) => streamContent(store, record),
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
