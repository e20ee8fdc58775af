import type { Operation } from '../../src/http/openapi/operation.ts';
import { CHECKPOINT } from './examples.ts';

const tags = ['Checkpoints'] as const;

/** Links from a reply with a checkpoint. */
const ofCheckpoint = {
  readCheckpoint: {
    operationId: 'readCheckpoint',
    description: 'Read what it contains.',
    parameters: { checkpoint: '$response.body#/id' },
  },
  readCheckpointContent: {
    operationId: 'readCheckpointContent',
    description: 'Download it as a file.',
    parameters: { checkpoint: '$response.body#/id' },
  },
  restoreCheckpoint: {
    operationId: 'restoreCheckpoint',
    description: 'Assign everything back.',
    parameters: { checkpoint: '$response.body#/id' },
  },
};

export const CHECKPOINT_OPERATIONS = {
  saveCheckpoint: {
    tags,
    access: 'write',
    summary: 'Save a checkpoint',
    description:
      'Saves the current values of cells, variables and sessions as one snapshot that never changes. With `application/x-safetensors` the body is the file of a checkpoint, which is stored under `?id=`.',
    examples: {
      variable: {
        summary: 'tf.train.Checkpoint(v=v).save(…)',
        body: { id: 'ckpt', variables: ['v'] },
        reply: CHECKPOINT,
      },
      all: { summary: 'Everything', body: { id: 'all', all: true } },
      named: { summary: 'A cell and a session on it', body: { cells: ['cell'], sessions: ['s'] } },
    },
    problems: ['already-exists', 'invalid-value', 'invalid-file', 'limit-exceeded'],
    links: ofCheckpoint,
  },

  listCheckpoints: {
    tags,
    access: 'read',
    summary: 'List the checkpoints',
    description: 'All checkpoints in the order of their ids, a page at a time.',
    examples: { checkpoints: { summary: 'One checkpoint', reply: { items: [CHECKPOINT], next_cursor: null } } },
  },

  readCheckpoint: {
    tags,
    access: 'read',
    summary: 'Read a checkpoint',
    description: 'What it contains, and the size of its file.',
    examples: { checkpoint: { summary: 'Of one variable', reply: CHECKPOINT } },
    links: ofCheckpoint,
  },

  readCheckpointContent: {
    tags,
    access: 'read',
    summary: 'Download a checkpoint',
    description:
      'A safetensors file with all values, and the configs in its metadata. You can send it to another service.',
    examples: { file: { summary: 'Of one variable' } },
  },

  restoreCheckpoint: {
    tags,
    access: 'write',
    summary: 'Restore a checkpoint',
    description:
      'Assigns all saved values back, or none: if a name or a shape does not fit, nothing is restored (409). `create_missing` makes things that no longer exist, such as an expired session. A cell gets its saved optimizer back too; if none was saved, its training starts anew.',
    examples: {
      restore: {
        summary: 'A variable that exists',
        body: { create_missing: false },
        reply: {
          checkpoint: 'ckpt',
          restored: { cells: [], variables: ['v'], sessions: [] },
          created: { cells: [], variables: [], sessions: [] },
        },
      },
    },
    problems: ['checkpoint-mismatch', 'too-many-pinned-versions', 'limit-exceeded'],
  },

  deleteCheckpoint: {
    tags,
    access: 'write',
    summary: 'Delete a checkpoint',
    description: 'Deletes the snapshot. What it was taken of stays.',
    examples: { checkpoint: { summary: 'A checkpoint' } },
  },
} satisfies Record<string, Operation>;
