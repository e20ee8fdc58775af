import { Problem } from '../../domain/problems.ts';
import { decodeRecord } from '../../domain/record.ts';
import type { Context } from '../context.ts';
import { checkpointKey } from '../keys.ts';

/** A checkpoint as the store keeps it, without its file. */
export interface CheckpointRecord {
  readonly format: 1;
  readonly id: string;
  readonly cells: readonly string[];
  readonly variables: readonly string[];
  readonly sessions: readonly string[];
  /** Of its file. */
  readonly bytes: number;
  /** Left out where a former version has kept the file whole. */
  readonly content?: ContentPlace;
  readonly version: 1;
  readonly created_at: number;
}

/** The pieces of a file have this `uid`, which no other file ever has, and `each` bytes; the last one of a part may have fewer. */
export interface ContentPlace {
  readonly uid: string;
  readonly each: number;
  /** The bytes of the parts that are the file one after the other, where it is not one. */
  readonly parts?: readonly number[];
}

export interface StoredCheckpoint {
  readonly record: CheckpointRecord;
  readonly revision: string;
}

/** @throws {Problem} not-found */
export async function readCheckpoint({ store }: Pick<Context, 'store'>, id: string): Promise<StoredCheckpoint> {
  const stored = await store.get(checkpointKey(id));
  if (!stored) throw new Problem('not-found', `There is no checkpoint '${id}'.`);
  return { record: decodeRecord<CheckpointRecord>(stored.bytes).fields, revision: stored.revision };
}
