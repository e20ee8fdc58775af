import type { Operation } from '../src/http/openapi/operation.ts';
import { CELL_OPERATIONS } from './operations/cells.ts';
import { CHECKPOINT_OPERATIONS } from './operations/checkpoints.ts';
import { OP_OPERATIONS } from './operations/ops.ts';
import { SERVICE_OPERATIONS } from './operations/service.ts';
import { SESSION_OPERATIONS } from './operations/sessions.ts';
import { STEP_OPERATIONS } from './operations/steps.ts';
import { STREAM_OPERATIONS } from './operations/streams.ts';
import { TRAINING_OPERATIONS } from './operations/training.ts';
import { VARIABLE_OPERATIONS } from './operations/variables.ts';

/** The documentation of each operation, by its id. */
export const OPERATIONS = {
  ...CELL_OPERATIONS,
  ...STEP_OPERATIONS,
  ...TRAINING_OPERATIONS,
  ...VARIABLE_OPERATIONS,
  ...OP_OPERATIONS,
  ...SESSION_OPERATIONS,
  ...STREAM_OPERATIONS,
  ...CHECKPOINT_OPERATIONS,
  ...SERVICE_OPERATIONS,
} satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
