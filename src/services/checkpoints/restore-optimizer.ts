import type { VariableSpec } from '../../domain/cell-definition.ts';
import type { NamedShape } from '../../domain/files.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { type SavedCell, tensorName } from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { parseOptimizer } from '../../frameworks/keras/training/parse-optimizer.ts';
import { ruleOf } from '../../training/update.ts';
import type { Context } from '../context.ts';
import { type CellId, optimizerKey } from '../keys.ts';
import { type OptimizerRecord, optimizerWrite, type StoredOptimizer, slotName } from '../training/optimizer-record.ts';
import { requireFit } from './restore-fit.ts';
import { type Restoring, readSaved, savedShape } from './restore-plan.ts';

/** A saved optimizer that fits its cell, with its slots or their shapes by `slotName`. */
export interface RestoredOptimizer<Slot = Tensor> extends Pick<OptimizerRecord, 'class_name' | 'config' | 'iteration'> {
  readonly slots: Readonly<Record<string, Slot>>;
}

/**
 * The optimizer to restore with a cell that has `specs`; undefined if none was saved. A slot that was not saved starts anew.
 * @throws {Problem} checkpoint-mismatch if the optimizer has no such slot; invalid-config
 */
export function planOptimizer(
  restoring: Restoring,
  { id, optimizer }: SavedCell,
  specs: readonly Pick<VariableSpec, 'name' | 'shape' | 'dtype'>[],
): RestoredOptimizer<NamedShape> | undefined {
  if (!optimizer) return undefined;
  const { class_name, config, iteration } = optimizer;
  const { spec, serialized } = parseOptimizer({ class_name, config }, `/optimizers/${id}`);
  const own = new Set(ruleOf(spec).slots.map(({ name }) => name));
  const what = `The optimizer of cell '${id}'`;
  const slots: Record<string, NamedShape> = {};
  const fits = optimizer.slots.map(({ variable, name }) => {
    const of = specs.find((one) => one.name === variable);
    const slot = slotName(variable, name);
    if (!of || !own.has(name)) {
      const detail = `${what}: the checkpoint has '${slot}', which ${class_name} does not keep for this cell.`;
      throw new Problem('checkpoint-mismatch', detail);
    }
    slots[slot] = savedShape(restoring, tensorName.optimizer(id, variable, name));
    return { name: slot, shape: of.shape, dtype: of.dtype };
  });
  requireFit(what, fits, slots);
  return { class_name: String(serialized.class_name), config: serialized.config as JsonObject, iteration, slots };
}

/** The same with its values. */
export async function readOptimizer(
  restoring: Restoring,
  planned: RestoredOptimizer<NamedShape> | undefined,
): Promise<RestoredOptimizer | undefined> {
  return planned && { ...planned, slots: await readSaved(restoring, planned.slots) };
}

/** The writes that replace the optimizer `before`. Without a saved optimizer the next training starts anew. */
export function optimizerWrites(
  { clock }: Pick<Context, 'clock'>,
  cell: CellId,
  before: StoredOptimizer | undefined,
  restored: RestoredOptimizer | undefined,
): StoreWrite[] {
  if (!restored) return before ? [{ key: optimizerKey(cell), expect: before.revision, delete: true }] : [];
  const { slots, class_name, config, iteration } = restored;
  const version = (before?.record.version ?? 0) + 1;
  const record = { format: 1 as const, class_name, config, iteration, version, updated_at: clock() };
  return [optimizerWrite(cell, before, record, slots)];
}
