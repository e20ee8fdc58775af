import { z } from 'zod';
import type { IncomingFile } from '../src/domain/files.ts';
import { ID_PATTERN } from '../src/domain/ids.ts';
import { quote } from '../src/domain/json.ts';
import { MOST_ISSUES } from '../src/domain/problems.ts';
import { idOf, newId, timestamp } from './common.ts';

const MOST_IDS = 100_000;

function ids(kind: string) {
  return z.array(idOf(`a ${kind}`)).max(MOST_IDS);
}

function distinctIds(kind: string) {
  const { $schema, ...described } = z.toJSONSchema(ids(kind));
  const readList = (value: unknown, context: z.RefinementCtx): string[] => {
    if (!Array.isArray(value) || value.length > MOST_IDS) {
      context.addIssue({ code: 'custom', message: `Send a list of at most ${MOST_IDS} ids.` });
      return [];
    }
    const seen = new Set<string>();
    let wrong = 0;
    // What is behind the last wrong id that is told is not looked at: each takes some microseconds.
    for (let i = 0; i < value.length && wrong < MOST_ISSUES; i++) {
      const id: unknown = value[i];
      const isId = typeof id === 'string' && ID_PATTERN.test(id);
      if (isId && !seen.has(id)) {
        seen.add(id);
        continue;
      }
      wrong++;
      const message = isId ? `'${id}' is named twice.` : `${quote(id)} is not the id of a ${kind}.`;
      context.addIssue({ code: 'custom', message, path: [i] });
    }
    return [...seen];
  };
  return z.unknown().transform(readList).meta(described);
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
        ? 'Send all, or names, but not both.'
        : 'Name at least one thing to save, or send "all": true.';
      context.addIssue({ code: 'custom', message });
    }
  })
  .meta({ id: 'NewCheckpoint' });

const FILE = 'A safetensors file from GET /v1/checkpoints/{checkpoint}/content.';
const file = z.instanceof(Uint8Array).meta({
  type: 'string',
  contentMediaType: 'application/x-safetensors',
  description: FILE,
});

const incomingFile = z
  .custom<IncomingFile>((value) => Symbol.asyncIterator in Object(value))
  .meta({ type: 'string', contentMediaType: 'application/x-safetensors', description: FILE });

/** Either the things to save, or a checkpoint file to import. */
export const checkpointBody = z.union([incomingFile, saveCheckpointBody]);

export const importQuery = z.strictObject({
  id: idOf('the checkpoint made from a file; the service makes one if you leave it out').optional(),
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
  .strictObject({ create_missing: z.boolean().default(false).describe('Make things that no longer exist.') })
  .meta({ id: 'Restore' })
  .nullish();

const things = z.object({ cells: ids('cell'), variables: ids('variable'), sessions: ids('session') });
export const restoreReply = z
  .object({
    checkpoint: idOf('the checkpoint'),
    restored: things.describe('Things that existed and have their saved values again.'),
    created: things.describe('Things that were missing and were made.'),
  })
  .meta({ id: 'Restored' });

export const fileReply = file;
