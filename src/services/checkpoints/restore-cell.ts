import type { VariableSpec, Weights } from '../../domain/cell-definition.ts';
import { type SavedCell, tensorName } from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { type Cell, freshVariables } from '../cells/cell-record.ts';
import { makeCell, storeCell } from '../cells/create-cell.ts';
import { changeCellWrites } from '../cells/pinned-versions.ts';
import type { Decision } from '../changes/decision.ts';
import { requireFit } from './restore-fit.ts';
import { type Plan, type Restoring, requireCreating, savedTensor } from './restore-plan.ts';

/** @throws {Problem} checkpoint-mismatch */
export async function planCell(restoring: Restoring, saved: SavedCell): Promise<Plan> {
  const weights: Record<string, Tensor> = {};
  for (const { name } of saved.variables) weights[name] = savedTensor(restoring, tensorName.cell(saved.id, name));
  const current = await restoring.context.cells.find(saved.id);
  if (current) {
    if (saved.input_shape) requireFit(`Cell '${saved.id}'`, variablesOf(current, saved.input_shape, weights), weights);
    return { creates: false, decide: () => assignCell(restoring, saved, weights) };
  }
  requireCreating(restoring, 'cell', saved.id);
  const { framework, class_name, config, precision, initializer_seeds, input_shape } = saved;
  const cell = { framework, class_name, config, precision, initializer_seeds, input_shape };
  const made = await makeCell(restoring.context, saved.id, input_shape ? { ...cell, weights } : cell);
  return { creates: true, decide: () => storeCell(restoring.context, made) };
}

async function assignCell({ context }: Restoring, saved: SavedCell, weights: Weights): Promise<Decision<unknown>> {
  const cell = await context.cells.read(saved.id);
  const { record } = cell;
  if (!saved.input_shape) return { writes: [], result: record };
  const specs = variablesOf(cell, saved.input_shape, weights);
  requireFit(`Cell '${saved.id}'`, specs, weights);
  const variables = record.input_shape
    ? record.variables.map((variable) => ({ ...variable, version: variable.version + 1 }))
    : freshVariables(specs);
  const input_shape = record.input_shape ?? saved.input_shape;
  const next = { ...record, input_shape, variables, version: record.version + 1, updated_at: context.clock() };
  return { writes: await changeCellWrites(context.store, cell, next, weights), result: next };
}

/** The variables that a cell has, or, where it is not built, that the saved weights would build it with. */
function variablesOf(
  { record, definition }: Cell,
  inputShape: readonly (number | null)[],
  weights: Weights,
): readonly VariableSpec[] {
  return definition.variables(
    (record.input_shape ?? inputShape).at(-1) ?? 0,
    record.input_shape ? record.variables.map(({ name }) => name) : Object.keys(weights),
  );
}
