import type { Bytes } from '../../domain/bytes.ts';
import type { Store, StoredValue } from '../../domain/ports.ts';
import { decodeRecordSlices, recordBytes } from '../../domain/record.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { variableKey } from '../keys.ts';

/** A stand-alone variable as the store keeps it, without its value. */
export interface VariableRecord {
  readonly format: 1;
  readonly id: string;
  readonly trainable: boolean;
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface StoredVariable {
  readonly record: VariableRecord;
  readonly revision: string;
  readonly value: Tensor;
}

export async function findVariable(store: Pick<Store, 'get'>, id: string): Promise<StoredVariable | undefined> {
  const stored = await store.get(variableKey(id));
  return stored && variableIn(stored);
}

export async function variableIn({ bytes, revision }: StoredValue): Promise<StoredVariable> {
  return { ...(await inTurns(variableSlices(bytes))), revision };
}

/** What is stored, in slices. */
export function* variableSlices(bytes: Uint8Array): Generator<void, Omit<StoredVariable, 'revision'>> {
  const { fields, tensors } = yield* decodeRecordSlices<VariableRecord>(bytes);
  return { record: fields, value: tensors.value };
}

export function encodeVariable(record: VariableRecord, value: Tensor): Bytes {
  return recordBytes({ fields: record, tensors: { value } });
}
