import { z } from 'zod';
import { idOf, newId, timestamp } from './common.ts';

function ids(kind: string) {
  return z.array(idOf(`a ${kind}`)).max(100_000);
}

function distinctIds(kind: string) {
  return ids(kind).superRefine((list, context) => {
    const seen = new Set<string>();
    list.forEach((id, i) => {
      if (seen.has(id)) context.addIssue({ code: 'custom', message: `'${id}' is named twice.`, path: [i] });
      seen.add(id);
    });
  });
}

const saveCheckpointBody = z
  .strictObject({
    id: newId,
    all: z.boolean().default(false).describe('Save every cell, variable and session.'),
    cells: distinctIds('cell').default([]),
    variables: distinctIds('variable').default([]),
    sessions: distinctIds('session').default([]),
  })
  .superRefine((body, context) => {
    const named = body.cells.length + body.variables.length + body.sessions.length;
    if (body.all === named > 0) {
      const message = body.all
        ? 'Send all, or names, not both.'
        : 'Name at least one thing to save, or send "all": true.';
      context.addIssue({ code: 'custom', message });
    }
  })
  .meta({ id: 'NewCheckpoint' });

const file = z.instanceof(Uint8Array).meta({
  type: 'string',
  contentMediaType: 'application/x-safetensors',
  description: 'A safetensors file, as GET /v1/checkpoints/{checkpoint}/content answers it.',
});

/** Either of the two: what to save, or a file to bring in. */
export const checkpointBody = z.union([file, saveCheckpointBody]);

export const importQuery = z.strictObject({
  id: idOf('the checkpoint that a file becomes; the service makes one where it is left out').optional(),
});

export const checkpointReply = z
  .object({
    id: idOf('the checkpoint'),
    cells: ids('cell'),
    variables: ids('variable'),
    sessions: ids('session'),
    bytes: z.int().describe('Size of its file.'),
    version: z.int(),
    created_at: timestamp,
  })
  .meta({ id: 'Checkpoint' });

/** A body may be left out. */
export const restoreBody = z
  .strictObject({ create_missing: z.boolean().default(false).describe('Make what is not there any more.') })
  .meta({ id: 'Restore' })
  .nullish();

const things = z.object({ cells: ids('cell'), variables: ids('variable'), sessions: ids('session') });
export const restoreReply = z
  .object({
    checkpoint: idOf('the checkpoint'),
    restored: things.describe('What was there and has its saved values again.'),
    created: things.describe('What was missing and was made.'),
  })
  .meta({ id: 'Restored' });

export const fileReply = file;
