import type { CellDefinition, VariableSpec, Weights } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Precision, StoreWrite } from '../../domain/ports.ts';
import { encodeRecord, recordBytes } from '../../domain/record.ts';
import type { Dtype, Shape } from '../../domain/tensor.ts';
import { defineCell } from '../../frameworks/define-cell.ts';
import { atOnce, inTurns } from '../../threads/in-turns.ts';
import { cellKey, valueKey } from '../keys.ts';

/** A variable of a built cell, without its value. */
export interface CellVariable {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly trainable: boolean;
  readonly version: number;
}

/** A cell as the store keeps it, without its values: each version of each variable has its own key. */
export interface CellRecord {
  readonly format: 1;
  readonly id: string;
  /** Distinguishes this cell from an earlier one with the same id. */
  readonly uid: string;
  readonly framework: string;
  readonly class_name: string;
  readonly config: JsonObject;
  readonly precision: Precision;
  /** Seeds drawn for initializers whose seed is null, by variable. */
  readonly initializer_seeds: Readonly<Record<string, number>>;
  /** null until the cell is built. */
  readonly input_shape: readonly (number | null)[] | null;
  readonly variables: readonly CellVariable[];
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/** One version of a cell, with everything that a step needs. */
export interface Cell {
  readonly record: CellRecord;
  readonly revision: string;
  /** The name of the version, if sessions are pinned to it. */
  readonly pinned?: string;
  readonly definition: CellDefinition;
  /** Empty until the cell is built. */
  readonly weights: Weights;
  /** The file of a cell that is a whole graph. */
  readonly graph?: Uint8Array;
}

/** A cell's definition, and the precision that it is really computed in. */
export interface CellDescription {
  readonly definition: CellDefinition;
  readonly precision: Precision | 'onnxruntime';
}

/** What was made in slices, by the config of the record: the next versions of a cell have the same one. */
const definitions = new WeakMap<JsonObject, CellDefinition>();

/** The definition of a record's cell, made at once where it is not known. */
export function definitionOf(record: CellRecord, maxUnits: number): CellDefinition {
  return definitions.get(record.config) ?? atOnce(definedBy(record, maxUnits));
}

/** The same, made in slices: that of a network takes milliseconds. */
export async function readDefinition(record: CellRecord, maxUnits: number): Promise<CellDefinition> {
  const definition = definitions.get(record.config) ?? (await inTurns(definedBy(record, maxUnits)));
  definitions.set(record.config, definition);
  return definition;
}

function definedBy(record: CellRecord, maxUnits: number): Generator<void, CellDefinition> {
  const name = () => String(record.config.name);
  return defineCell(record.framework, record.class_name, record.config, { maxUnits, autoName: name });
}

/** Features of a built cell: the last entry of its input shape, all that Keras reads of it. */
export function featuresOf(record: CellRecord): number {
  return record.input_shape?.at(-1) ?? 0;
}

/** The variables that the cell has once it is built, all at version 1. */
export function freshVariables(specs: readonly VariableSpec[]): CellVariable[] {
  return specs.map(({ name, shape, dtype, trainable }) => ({ name, shape, dtype, trainable, version: 1 }));
}

/** A network has thousands of variables. */
export function byName(variables: readonly CellVariable[]): ReadonlyMap<string, CellVariable> {
  return new Map(variables.map((variable) => [variable.name, variable]));
}

/** Values that are encoded in one slice. */
const SLICE_VALUES = 32;

/** The writes for the record and the named new values. Replaced values are deleted. Many are made in turns of the event loop. */
export async function cellWrites(
  before: Cell | undefined,
  record: CellRecord,
  changed: Weights,
): Promise<StoreWrite[]> {
  const making = writeSlices(before, record, changed);
  return record.variables.length > SLICE_VALUES ? inTurns(making) : atOnce(making);
}

function* writeSlices(before: Cell | undefined, record: CellRecord, changed: Weights): Generator<void, StoreWrite[]> {
  const writes: StoreWrite[] = [
    { key: cellKey(record.id), expect: before?.revision ?? null, bytes: encodeRecord({ fields: record, tensors: {} }) },
  ];
  const replaced = byName(before?.record.variables ?? []);
  for (const [i, variable] of record.variables.entries()) {
    if (i % SLICE_VALUES === 0) yield;
    const value = changed[variable.name];
    if (!value) continue;
    writes.push({ key: valueKey(record, variable), bytes: recordBytes({ fields: {}, tensors: { value } }) });
    const old = replaced.get(variable.name);
    if (old) writes.push({ key: valueKey(record, old), delete: true });
  }
  return writes;
}
