import { z } from 'zod';
import { MAX_HISTORY } from '../src/domain/session.ts';
import { checkInputs, maskField, namedInputs, outputsReply, traceReply } from './cell.ts';
import { idOf, listQuery, newId, timestamp, valuesQuery, version } from './common.ts';
import { plainReaders, plainSessionStep } from './plain-bodies.ts';
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
    initial_state: optional(statesInput).describe('[batch_size, units] each; zeros if left out.'),
    ttl_seconds: z
      .int()
      .min(1)
      .max(10 * 366 * 86400)
      .optional()
      .describe('Expire after this many idle seconds. Left out: never.'),
    history: z
      .int()
      .min(0)
      .max(MAX_HISTORY)
      .default(0)
      .describe(
        'How many of the last steps to keep, each with its output and states. You can list them, rewind to them and fork from them.',
      ),
    pin_cell_version: z
      .boolean()
      .default(false)
      .describe(
        'Always use the weights that the cell has now. Otherwise steps use the newest weights. CELLSTEP_MAX_PINNED_VERSIONS limits the versions of a cell that are kept.',
      ),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'NewSession' });

export const sessionReply = z
  .object({
    id: idOf('the session'),
    cell: idOf('its cell'),
    cell_version: version.describe('Version of the cell that the last step used, or that the session was opened on.'),
    pin_cell_version: z.boolean().describe('Whether the session stays on this version.'),
    batch_size: z.int(),
    step: z.int().describe('Steps since the session was opened or reset. A rewind sets this count back.'),
    states: z.array(tensorReply).describe('[batch_size, units] each.'),
    history: z.int().describe('How many of its last steps it keeps.'),
    oldest_step: z.int().describe('The first step that it can be rewound to, or forked at.'),
    ttl_seconds: z.int().nullable(),
    expires_at: timestamp.nullable().describe('When it expires if it is not used.'),
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
  description: 'A session in a list. It has its states if the request says values=true.',
});

export const sessionStepBody = z
  .strictObject({
    named_inputs: namedInputs,
    inputs: tensorInput
      .optional()
      .describe(
        '[batch_size, features], or for many steps at once [batch_size, time, features]; [time, batch_size, features] if ' +
          'the cell puts time first: PyTorch layers without batch_first, ONNX with layout 0.',
      ),
    mask: maskField.describe('The steps that count: [batch_size, time], or [batch_size] for a single step.'),
    trace: z.boolean().default(false).describe('Answer with every gate, before and after its activation.'),
    return_states: z.boolean().default(false).describe('Answer with the new states.'),
    ...trainingFields,
    tensor_format: tensorFormat,
  })
  .superRefine(checkTraining)
  .superRefine(checkInputs)
  .meta({ id: 'SessionStep' })
  .register(plainReaders, { read: plainSessionStep });

export const sessionStepReply = z
  .object({
    output: tensorReply,
    outputs: outputsReply.optional(),
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
    to_step: stepNumber.describe('Step to go back to, from oldest_step to step. The session gets its states.'),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'Rewind' });

/** A body may be left out. */
export const forkBody = z
  .strictObject({
    id: newId,
    at_step: stepNumber.optional().describe('Step to copy, from oldest_step to step. Left out: the current one.'),
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
  .meta({ type: 'integer', minimum: 0, description: 'Only steps after this one: next_after of the previous page.' });

export const keptStepsQuery = z.strictObject({ limit: listQuery.shape.limit, after });

const keptStep = z
  .object({
    step: z.int().describe('How many steps the session had taken by then.'),
    output: tensorReply.nullable().describe('[batch_size, width]: the output of the step.'),
    states: z
      .array(tensorReply)
      .describe('States after the step, or states that were put in later; [batch_size, units] each.'),
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
