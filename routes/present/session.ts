import type { z } from 'zod';
import type { keptStepsReply, sessionReply, sessionStepReply } from '../../schemas/session.ts';
import type { changedEvent, closedEvent } from '../../schemas/stream.ts';
import { type TensorFormat, TensorReply } from '../../schemas/tensor.ts';
import { expiryOf, oldestStep } from '../../src/domain/session.ts';
import type { StepAnswer } from '../../src/services/sessions/plain-step.ts';
import type { KeptPage } from '../../src/services/sessions/session-history.ts';
import type { Session } from '../../src/services/sessions/session-record.ts';
import type { SessionChange } from '../../src/services/sessions/session-subscription.ts';
import { presentNamed, presentTensors, presentTrace } from './cell.ts';

/** A session as clients see it. */
export function presentSession(
  { record, states }: Omit<Session, 'revision'>,
  format: TensorFormat,
): z.input<typeof sessionReply> {
  const { id, cell, cell_version, batch_size, step, history, ttl_seconds, version } = record;
  const expiry = expiryOf(record);
  return {
    id,
    cell,
    cell_version,
    pin_cell_version: record.pinned !== undefined,
    batch_size,
    step,
    states: presentTensors(states, format),
    history: history?.limit ?? 0,
    oldest_step: oldestStep(record),
    ttl_seconds,
    expires_at: expiry === undefined ? null : new Date(expiry).toISOString(),
    version,
    created_at: new Date(record.created_at).toISOString(),
    updated_at: new Date(record.updated_at).toISOString(),
  };
}

export function presentSessionStep(
  { stepped, step, cell_version }: StepAnswer,
  options: { readonly tensor_format: TensorFormat; readonly return_states: boolean },
): z.input<typeof sessionStepReply> {
  const { tensor_format: format } = options;
  return {
    output: new TensorReply(stepped.output, format),
    ...(stepped.outputs ? { outputs: presentNamed(stepped.outputs, format) } : {}),
    step,
    ...(options.return_states ? { states: presentTensors(stepped.states, format) } : {}),
    ...(stepped.trace ? { trace: presentTrace(stepped.trace, format) } : {}),
    cell_version,
  };
}

/** The event of a change for a subscriber. */
export function presentChange(
  id: string,
  { session, missed }: SessionChange,
  format: TensorFormat,
): z.input<typeof changedEvent> | z.input<typeof closedEvent> {
  if (!session) return { event: 'closed', session: id };
  const { record, states } = session;
  return {
    event: 'changed',
    session: id,
    step: record.step,
    version: record.version,
    states: presentTensors(states, format),
    cell_version: record.cell_version,
    updated_at: new Date(record.updated_at).toISOString(),
    ...(missed > 0 ? { missed } : {}),
  };
}

export function presentKeptSteps({ items, next_after }: KeptPage): z.input<typeof keptStepsReply> {
  const present = ({ step, output, states, cell_version, at }: KeptPage['items'][number]) => ({
    step,
    output: output ? new TensorReply(output, 'nested') : null,
    states: presentTensors(states, 'nested'),
    cell_version,
    at: new Date(at).toISOString(),
  });
  return { items: items.map(present), next_after };
}
