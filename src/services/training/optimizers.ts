import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import { cellKey, optimizerKey } from '../keys.ts';
import { findOptimizer, type OptimizerRecord, type StoredOptimizer, splitSlotName } from './optimizer-record.ts';

/** An optimizer with its slots for each variable. */
export interface OptimizerState {
  readonly record: OptimizerRecord;
  readonly slots: readonly { readonly variable: string; readonly name: string; readonly value: Tensor }[];
}

/** The optimizer of a cell's training. @throws {Problem} not-found */
export async function readOptimizer(context: Pick<Context, 'store' | 'cells'>, id: string): Promise<OptimizerState> {
  const { record, slots } = await requireOptimizer(context, id);
  return { record, slots: Object.entries(slots).map(([name, value]) => ({ ...splitSlotName(name), value })) };
}

async function requireOptimizer(context: Pick<Context, 'store' | 'cells'>, id: string): Promise<StoredOptimizer> {
  const { record } = await context.cells.read(id);
  const found = await findOptimizer(context, record);
  if (!found) throw new Problem('not-found', `Cell '${id}' has no optimizer: it was not trained, or it was deleted.`);
  return found;
}

/** Decides on deleting the optimizer. The next training starts with a new one. @throws {Problem} not-found, version-mismatch */
export async function deleteOptimizer(
  context: Pick<Context, 'store' | 'cells'>,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<Decision<undefined>> {
  const cell = await context.cells.read(id);
  const { record, revision } = await requireOptimizer(context, id);
  requireVersion(`The optimizer of cell '${id}'`, record.version, expected);
  const writes = [
    { key: cellKey(id), expect: cell.revision },
    { key: optimizerKey(cell.record), expect: revision, delete: true as const },
  ];
  return { writes, result: undefined };
}
