import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { Problem } from '../../domain/problems.ts';
import { encodeRecord } from '../../domain/record.ts';
import type { Manifest } from '../../domain/snapshot.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import { checkpointKey } from '../keys.ts';
import { type CheckpointRecord, readCheckpoint } from './checkpoint-record.ts';
import { contentKeys } from './content.ts';
import type { ContentWriter } from './content-writer.ts';

/** Decides that what was written to `content` is the checkpoint's file. @throws {Problem} already-exists */
export async function keepCheckpoint(
  context: Pick<Context, 'store' | 'clock'>,
  id: string,
  { cells, variables, sessions }: Manifest,
  content: ContentWriter,
): Promise<Decision<CheckpointRecord>> {
  await requireFree(context, id);
  const { place, writes } = content.finish();
  const record: CheckpointRecord = {
    format: 1,
    id,
    cells: cells.map((cell) => cell.id),
    variables: variables.map((variable) => variable.id),
    sessions: sessions.map((session) => session.id),
    bytes: content.length,
    content: place,
    version: 1,
    created_at: context.clock(),
  };
  const bytes = encodeRecord({ fields: record, tensors: {} });
  return { writes: [{ key: checkpointKey(id), expect: null, bytes }, ...writes], result: record };
}

/** @throws {Problem} already-exists */
export async function requireFree({ store }: Pick<Context, 'store'>, id: string): Promise<void> {
  if (await store.get(checkpointKey(id))) throw new Problem('already-exists', `There is a checkpoint '${id}' already.`);
}

/** Decides on deleting a checkpoint. @throws {Problem} not-found, version-mismatch */
export async function deleteCheckpoint(
  { store }: Pick<Context, 'store'>,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<Decision<undefined>> {
  const { record, revision } = await readCheckpoint({ store }, id);
  requireVersion(`Checkpoint '${id}'`, record.version, expected);
  const content = contentKeys(record).map((key) => ({ key, delete: true as const }));
  return { writes: [{ key: checkpointKey(id), expect: revision, delete: true }, ...content], result: undefined };
}
