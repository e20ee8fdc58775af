import type { JsonObject } from '../../domain/json.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, recordBytes } from '../../domain/record.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Context } from '../context.ts';
import { type CellId, optimizerKey } from '../keys.ts';

/** The optimizer that a cell was last trained with, without the values of its slots. */
export interface OptimizerRecord {
  readonly format: 1;
  readonly class_name: string;
  /** All defaults filled in. */
  readonly config: JsonObject;
  /** Updates since the optimizer was created. */
  readonly iteration: number;
  readonly version: number;
  readonly updated_at: number;
}

export interface StoredOptimizer {
  readonly record: OptimizerRecord;
  readonly revision: string;
  /** By `slotName`. */
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** The name of a slot among the slots of an optimizer. Slot names have no slash. */
export function slotName(variable: string, slot: string): string {
  return `${variable}/${slot}`;
}

/** The inverse of `slotName`. */
export function splitSlotName(name: string): { readonly variable: string; readonly name: string } {
  const at = name.lastIndexOf('/');
  return { variable: name.slice(0, at), name: name.slice(at + 1) };
}

export async function findOptimizer(
  { store }: Pick<Context, 'store'>,
  cell: CellId,
): Promise<StoredOptimizer | undefined> {
  const stored = await store.get(optimizerKey(cell));
  if (!stored) return undefined;
  const { fields, tensors } = decodeRecord<OptimizerRecord>(stored.bytes);
  return { record: fields, revision: stored.revision, slots: tensors };
}

/** The write that replaces the optimizer `before`. */
export function optimizerWrite(
  cell: CellId,
  before: StoredOptimizer | undefined,
  record: OptimizerRecord,
  slots: Readonly<Record<string, Tensor>>,
): StoreWrite {
  const bytes = recordBytes({ fields: record, tensors: slots });
  return { key: optimizerKey(cell), expect: before?.revision ?? null, bytes };
}
