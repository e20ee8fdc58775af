import { z } from 'zod';
import { MAX_HISTORY } from '../src/domain/session.ts';
import { maskField, traceReply } from './cell.ts';
import { idOf, listQuery, newId, timestamp, valuesQuery, version } from './common.ts';
import { optional, statesInput, tensorFormat, tensorInput, tensorReply } from './tensor.ts';
import { checkTraining, trainingFields } from './training.ts';

export const openSessionBody = z
  .strictObject({
    id: newId,
    cell: idOf('the cell to step'),
    batch_size: z
      .int()
      .min(1)
      .max(2 ** 24)
      .default(1)
      .describe('Rows of the state.'),
    initial_state: optional(statesInput).describe('[batch_size, units] each; zeros where left out.'),
    ttl_seconds: z
      .int()
      .min(1)
      .max(10 * 366 * 86400)
      .optional()
      .describe('Expire after so many idle seconds; never where left out.'),
    history: z
      .int()
      .min(0)
      .max(MAX_HISTORY)
      .default(0)
      .describe('Keep the last so many steps, each with its output and states, to list, rewind and fork from.'),
    pin_cell_version: z
      .boolean()
      .default(false)
      .describe(
        'Keep to the weights that the cell has now, whatever becomes of them; otherwise steps use the newest ones. So many versions of a cell are kept at most (CELLSTEP_MAX_PINNED_VERSIONS).',
      ),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'NewSession' });

export const sessionReply = z
  .object({
    id: idOf('the session'),
    cell: idOf('its cell'),
    cell_version: version.describe('Version of the cell that the last step used, or that the session was opened on.'),
    pin_cell_version: z.boolean().describe('Whether it keeps to this version.'),
    batch_size: z.int(),
    step: z.int().describe('Steps since the session was opened or reset; a rewind goes back in this count.'),
    states: z.array(tensorReply).describe('[batch_size, units] each.'),
    history: z.int().describe('How many of its last steps it keeps.'),
    oldest_step: z.int().describe('The first step that it can be rewound to, or forked at.'),
    ttl_seconds: z.int().nullable(),
    expires_at: timestamp.nullable().describe('When it expires if nothing is done with it.'),
    version,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Session' });

export const listSessionsQuery = listQuery.extend({
  cell: z.string().min(1).max(128).optional().describe('Only sessions of this cell.'),
  values: valuesQuery,
});
export const listedSession = sessionReply.partial({ states: true }).meta({
  id: 'ListedSession',
  description: 'A session of a list: with its states where the request says values=true.',
});

export const sessionStepBody = z
  .strictObject({
    inputs: tensorInput.describe(
      '[batch_size, features], or for many steps at once [batch_size, time, features]; [time, batch_size, features] where ' +
        'the cell puts time first: layers of PyTorch without batch_first, ONNX with layout 0.',
    ),
    mask: maskField.describe('[batch_size, time], of a single step [batch_size]: the steps that count.'),
    trace: z.boolean().default(false).describe('Answer with every gate, before and after its activation.'),
    return_states: z.boolean().default(false).describe('Answer with the new states.'),
    ...trainingFields,
    tensor_format: tensorFormat,
  })
  .superRefine(checkTraining)
  .meta({ id: 'SessionStep' });

export const sessionStepReply = z
  .object({
    output: tensorReply,
    step: z.int().describe('Steps taken so far.'),
    states: z.array(tensorReply).optional(),
    trace: traceReply.optional(),
    cell_version: version,
  })
  .meta({ id: 'SessionStepResult' });

/** A body may be left out. */
export const resetBody = z.strictObject({ tensor_format: tensorFormat }).meta({ id: 'Reset' }).nullish();

export const putStatesBody = z
  .strictObject({ states: statesInput, tensor_format: tensorFormat })
  .meta({ id: 'NewStates' });

const stepNumber = z.int().min(0);

export const rewindBody = z
  .strictObject({
    to_step: stepNumber.describe(
      'Step to go back to, from oldest_step to step; its states become those of the session.',
    ),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'Rewind' });

/** A body may be left out. */
export const forkBody = z
  .strictObject({
    id: newId,
    at_step: stepNumber.optional().describe('Step to copy, from oldest_step to step; the present one where left out.'),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'Fork' })
  .nullish();

/** Digits only: Number would also read 0x10, 1e2 and blanks. */
const after = z
  .unknown()
  .refine((text) => typeof text === 'string' && /^(0|[1-9][0-9]{0,14})$/.test(text), {
    error: 'Send a step: a whole number from 0.',
  })
  .transform(Number)
  .optional()
  .meta({ type: 'integer', minimum: 0, description: 'Only steps after this one; next_after of the page before.' });

export const keptStepsQuery = z.strictObject({ limit: listQuery.shape.limit, after });

const keptStep = z
  .object({
    step: z.int().describe('How many steps the session had taken then.'),
    output: tensorReply.nullable().describe('[batch_size, width]: what the step put out.'),
    states: z.array(tensorReply).describe('After the step, or as they were put in since; [batch_size, units] each.'),
    cell_version: version.describe('Version of the cell that the step used.'),
    at: timestamp,
  })
  .meta({ id: 'KeptStep' });

export const keptStepsReply = z
  .object({
    items: z.array(keptStep),
    next_after: z.int().nullable().describe('Send it as ?after= for the next page; null at the end.'),
  })
  .meta({ id: 'KeptSteps' });
