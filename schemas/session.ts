import { z } from 'zod';
import { maskField, traceReply } from './cell.ts';
import { idOf, newId, timestamp, version } from './common.ts';
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
    history: z.literal(0).default(0).describe('Steps to keep; this version keeps none.'),
    pin_cell_version: z.literal(false).default(false).describe('Steps always use the newest version of the cell.'),
    tensor_format: tensorFormat,
  })
  .meta({ id: 'NewSession' });

export const sessionReply = z
  .object({
    id: idOf('the session'),
    cell: idOf('its cell'),
    cell_version: version.describe('Version of the cell that the last step used, or that the session was opened on.'),
    batch_size: z.int(),
    step: z.int().describe('Steps since the session was opened or reset.'),
    states: z.array(tensorReply).describe('[batch_size, units] each.'),
    ttl_seconds: z.int().nullable(),
    expires_at: timestamp.nullable().describe('When it expires if nothing is done with it.'),
    version,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Session' });

export const sessionStepBody = z
  .strictObject({
    inputs: tensorInput.describe('[batch_size, features], or [batch_size, time, features] for many steps at once.'),
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
