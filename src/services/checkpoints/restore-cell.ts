import type { VariableSpec } from '../../domain/cell-definition.ts';
import type { NamedShape } from '../../domain/files.ts';
import { Problem } from '../../domain/problems.ts';
import { type SavedCell, tensorName } from '../../domain/snapshot.ts';
import { type Cell, freshVariables } from '../cells/cell-record.ts';
import { type MadeCell, makeCell, storeCell } from '../cells/create-cell.ts';
import { changeCellWrites } from '../cells/pinned-versions.ts';
import type { Decision } from '../changes/decision.ts';
import { findOptimizer } from '../training/optimizer-record.ts';
import { requireFit } from './restore-fit.ts';
import { planGraph } from './restore-graph.ts';
import { optimizerWrites, planOptimizer, type RestoredOptimizer, readOptimizer } from './restore-optimizer.ts';
import {
  type Plan,
  type RestoreContext,
  type Restoring,
  readSaved,
  requireCreating,
  savedShape,
} from './restore-plan.ts';

/** The shapes of a cell's saved weights, with the optimizer that they were trained with. */
interface SavedShapes {
  readonly weights: Readonly<Record<string, NamedShape>>;
  readonly optimizer: RestoredOptimizer<NamedShape> | undefined;
}

/** @throws {Problem} checkpoint-mismatch */
export async function planCell(restoring: Restoring, saved: SavedCell): Promise<Plan> {
  const { context } = restoring;
  if (saved.graph) return planGraph(restoring, saved, saved.graph.bytes);
  const weights: Record<string, NamedShape> = {};
  for (const { name } of saved.variables) weights[name] = savedShape(restoring, tensorName.cell(saved.id, name));
  const current = await context.cells.find(saved.id);
  if (current?.graph) throw new Problem('checkpoint-mismatch', `Cell '${saved.id}' is a whole graph now.`);
  if (current) {
    if (!saved.input_shape) return { creates: false, decide: () => keepCell(context, saved.id) };
    const specs = variablesOf(current, saved.input_shape, weights);
    requireFit(`Cell '${saved.id}'`, specs, weights);
    const shapes = { weights, optimizer: planOptimizer(restoring, saved, specs) };
    return { creates: false, decide: () => assignCell(restoring, saved, shapes) };
  }
  requireCreating(restoring, 'cell', saved.id);
  const { framework, class_name, config, precision, initializer_seeds, input_shape } = saved;
  const cell = { framework, class_name, config, precision, initializer_seeds, input_shape };
  const make = async () =>
    makeCell(context, saved.id, input_shape ? { ...cell, weights: await readSaved(restoring, weights) } : cell);
  const optimizer = planOptimizer(restoring, saved, (await make()).record.variables);
  return { creates: true, decide: async () => storeTrained(restoring, await make(), optimizer) };
}

async function storeTrained(
  restoring: Restoring,
  made: MadeCell,
  optimizer: RestoredOptimizer<NamedShape> | undefined,
): Promise<Decision<unknown>> {
  const { context } = restoring;
  const { writes, result } = await storeCell(context, made);
  const trained = await readOptimizer(restoring, optimizer);
  return { writes: [...writes, ...optimizerWrites(context, made.record, undefined, trained)], result };
}

/** A cell that was saved before it was built stays as it is now. */
async function keepCell({ cells }: RestoreContext, id: string): Promise<Decision<unknown>> {
  return { writes: [], result: (await cells.read(id)).record };
}

async function assignCell(
  restoring: Restoring,
  { id, input_shape: builtFor }: SavedCell,
  { weights, optimizer }: SavedShapes,
): Promise<Decision<unknown>> {
  const { context } = restoring;
  const cell = await context.cells.read(id);
  const { record } = cell;
  const specs = variablesOf(cell, builtFor ?? [], weights);
  requireFit(`Cell '${id}'`, specs, weights);
  const variables = record.input_shape
    ? record.variables.map((variable) => ({ ...variable, version: variable.version + 1 }))
    : freshVariables(specs);
  const input_shape = record.input_shape ?? builtFor;
  const next = { ...record, input_shape, variables, version: record.version + 1, updated_at: context.clock() };
  const before = await findOptimizer(context, record);
  const writes = await changeCellWrites(context.store, cell, next, await readSaved(restoring, weights));
  const trained = await readOptimizer(restoring, optimizer);
  return { writes: [...writes, ...optimizerWrites(context, record, before, trained)], result: next };
}

/** The variables of a cell. If it is not built: the variables that the saved weights would give it. */
function variablesOf(
  { record, definition }: Cell,
  inputShape: readonly (number | null)[],
  weights: SavedShapes['weights'],
): readonly VariableSpec[] {
  return definition.variables(
    (record.input_shape ?? inputShape).at(-1) ?? 0,
    record.input_shape ? record.variables.map(({ name }) => name) : Object.keys(weights),
  );
}
