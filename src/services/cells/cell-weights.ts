import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import type { Cell, CellRecord } from './cell-record.ts';
import { changeCellWrites } from './pinned-versions.ts';
import { requireWeights, tensorsOf } from './weights.ts';

/** The cell with all its weights, of one version. @throws {Problem} not-found, not-built */
export async function readBuiltCell(cells: Context['cells'], id: string): Promise<Cell> {
  const cell = await cells.read(id);
  requireBuilt(cell);
  return cell;
}

/** @throws {Problem} not-built */
export function requireBuilt({ record }: Cell): void {
  if (!record.input_shape) throw new Problem('not-built', `Cell '${record.id}' has no weights until it is built.`);
}

/** @throws {Problem} read-only-variable where the cell is a whole graph */
export function requireVariables({ record, graph }: Cell): void {
  if (!graph) return;
  const detail = `Cell '${record.id}' is a whole ONNX graph. Its variables are the initializers of its file, and stay as they are.`;
  throw new Problem('read-only-variable', detail);
}

/** Decides on new values of all weights at once. @throws {Problem} not-found, not-built, version-mismatch, wrong-shape */
export async function putWeights(
  context: Pick<Context, 'store' | 'clock' | 'cells' | 'ops'>,
  id: string,
  expected: ExpectedVersion | undefined,
  given: Readonly<Record<string, TensorLiteral>>,
): Promise<Decision<CellRecord>> {
  return changeWeights(context, await readBuiltCell(context.cells, id), expected, given);
}

/** The same for a cell that was read. @throws {Problem} version-mismatch, wrong-shape */
export async function changeWeights(
  { store, clock, ops }: Pick<Context, 'store' | 'clock' | 'ops'>,
  cell: Cell,
  expected: ExpectedVersion | undefined,
  given: Readonly<Record<string, TensorLiteral | Tensor>>,
): Promise<Decision<CellRecord>> {
  const { record, definition } = cell;
  requireVariables(cell);
  requireVersion(`Cell '${record.id}'`, record.version, expected);
  const weights = await tensorsOf({ ops }, record.variables, definition.variableDtype, given);
  requireWeights(record.variables, weights);
  const variables = record.variables.map((variable) => ({ ...variable, version: variable.version + 1 }));
  const next = { ...record, variables, version: record.version + 1, updated_at: clock() };
  return { writes: await changeCellWrites(store, cell, next, weights), result: next };
}
