import { type CellDefinition, stateShape } from '../../domain/cell-definition.ts';
import type { NamedShape } from '../../domain/files.ts';
import { Problem } from '../../domain/problems.ts';
import { isExpired } from '../../domain/session.ts';
import { type SavedSession, tensorName } from '../../domain/snapshot.ts';
import { BYTES_PER_ELEMENT, type Tensor } from '../../domain/tensor.ts';
import { defineCell } from '../../frameworks/define-cell.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { reopenSession } from '../sessions/open-session.ts';
import { requireHistoryRoom } from '../sessions/session-history.ts';
import { findSession, type Session } from '../sessions/session-record.ts';
import { changeSession, startOver } from '../sessions/sessions.ts';
import { requireFit } from './restore-fit.ts';
import { planPin } from './restore-pin.ts';
import { type Plan, type Restoring, requireCreating, savedShape } from './restore-plan.ts';

/** @throws {Problem} checkpoint-mismatch */
export async function planSession(restoring: Restoring, saved: SavedSession): Promise<Plan> {
  const { context } = restoring;
  const states = Array.from({ length: saved.states }, (_, i) => savedShape(restoring, tensorName.session(saved.id, i)));
  const output = saved.output && savedShape(restoring, tensorName.sessionOutput(saved.id));
  const found = await findSession(context.store, saved.id);
  // An expired session counts as missing, whether it was removed already or not.
  if (!found || isExpired(found.record, context.clock())) return planNew(restoring, saved, states, output);
  requireStatesFit(saved, found.states, states);
  if (output) requireOutputFit(saved, await definitionOf(restoring, saved), output);
  const next = async ({ record }: Session) => {
    const values = await valuesOf(restoring, states, output);
    return startOver(record, saved.step, values.states, values.output);
  };
  return { creates: false, decide: () => changeSession(context, saved.id, undefined, next) };
}

async function planNew(
  restoring: Restoring,
  saved: SavedSession,
  states: readonly NamedShape[],
  output: NamedShape | undefined,
): Promise<Plan> {
  const { context } = restoring;
  requireCreating(restoring, 'session', saved.id);
  const definition = await definitionOf(restoring, saved);
  const { stateGroups, outputDtype, outputWidth } = definition;
  const shapes = stateGroups.map((group) => ({ dtype: group.dtype, shape: stateShape(group, saved.batch_size) }));
  requireStatesFit(saved, shapes, states);
  if (output) requireOutputFit(saved, definition, output);
  const { cell, batch_size, step, ttl_seconds, history = 0 } = saved;
  requireHistoryRoom(history, states, batch_size * outputWidth * BYTES_PER_ELEMENT[outputDtype], context.limits);
  await planPin(restoring, saved, definition);
  const decide = async () => {
    const pin = await planPin(restoring, saved, definition);
    const values = await valuesOf(restoring, states, output);
    const former = { cell, batch_size, step, ttl_seconds: ttl_seconds ?? undefined, history, pin, ...values };
    return reopenSession(context, saved.id, former);
  };
  return { creates: true, decide };
}

async function valuesOf(restoring: Restoring, states: readonly NamedShape[], output: NamedShape | undefined) {
  const values: Tensor[] = [];
  for (const { name } of states) values.push(await restoring.snapshot.read(name));
  return { states: values, output: output && (await restoring.snapshot.read(output.name)) };
}

function requireStatesFit(
  { id }: SavedSession,
  states: readonly Pick<Tensor, 'shape' | 'dtype'>[],
  saved: readonly NamedShape[],
): void {
  const specs = states.map(({ shape, dtype }, i) => ({ name: `states.${i}`, shape, dtype }));
  requireFit(`Session '${id}'`, specs, Object.fromEntries(saved.map((state, i) => [`states.${i}`, state])));
}

function requireOutputFit(
  { id, batch_size }: SavedSession,
  { outputWidth, outputDtype: dtype }: CellDefinition,
  output: NamedShape,
): void {
  requireFit(`Session '${id}'`, [{ name: 'output', shape: [batch_size, outputWidth], dtype }], { output });
}

/** The session's cell: the existing one, or one from the checkpoint. */
async function definitionOf({ context, snapshot }: Restoring, saved: SavedSession): Promise<CellDefinition> {
  const found = await context.cells.find(saved.cell);
  if (found) return found.definition;
  const cell = snapshot.manifest.cells.find(({ id }) => id === saved.cell);
  if (!cell) throw new Problem('checkpoint-mismatch', `There is no cell '${saved.cell}' for session '${saved.id}'.`);
  const options = { ...context.limits, autoName: (base: string) => base };
  return inTurns(defineCell(cell.framework, cell.class_name, cell.config, options));
}
