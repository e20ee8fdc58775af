import { createHash } from 'node:crypto';
import { hashSlices } from '../../domain/bytes.ts';
import type { Weights } from '../../domain/cell-definition.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { encodeRecord, recordBytes } from '../../domain/record.ts';
import type { SessionRecord } from '../../domain/session.ts';
import { inTurns } from '../../threads/in-turns.ts';
import type { Context } from '../context.ts';
import { type CellId, pinKey, pinsKey, versionKey } from '../keys.ts';
import type { Cell, CellRecord } from './cell-record.ts';
import { versionsOf } from './pinned-versions.ts';

type Needs = Pick<Context, 'store' | 'limits'>;

/** A pinned version of a cell, with its name. */
export interface Pin {
  readonly name: string;
  /** Revision of the version's record; null if it has to be written first. */
  readonly revision: string | null;
  /** For a new version: the revision of the cell's pins when the limit was checked. */
  readonly pins?: string | null;
  readonly record: CellRecord;
  /** Its own values, if they differ from the cell's. */
  readonly weights?: Weights;
}

/** A pin to the current version of the cell. @throws {Problem} too-many-pinned-versions */
export async function pinNow(context: Needs, { record }: Pick<Cell, 'record'>): Promise<Pin> {
  const name = `${record.version}`;
  return { name, ...(await placeOf(context, record, name)), record };
}

/**
 * A pin to weights that may never have been the cell's. The name is their digest, so sessions with the same weights share
 * them.
 * @throws {Problem} too-many-pinned-versions
 */
export async function pinOwn(
  context: Needs,
  cell: CellRecord,
  version: Pick<CellRecord, 'version' | 'input_shape' | 'variables'>,
  weights: Weights,
): Promise<Pin> {
  const name = await nameOfWeights(weights);
  const { input_shape, variables } = version;
  const record = { ...cell, version: version.version, input_shape, variables };
  return { name, ...(await placeOf(context, cell, name)), record, weights };
}

/** Their digest, which is made in slices. */
export function nameOfWeights(weights: Weights): Promise<string> {
  return inTurns(digestOf(weights));
}

function* digestOf(weights: Weights): Generator<void, string> {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of Object.entries(weights)) {
    hash.update(`${name} ${shape}\n`);
    yield* hashSlices(hash, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    yield;
  }
  return `w${hash.digest('hex')}`;
}

async function placeOf(context: Needs, cell: CellId, name: string): Promise<Pick<Pin, 'revision' | 'pins'>> {
  const stored = await context.store.get(versionKey(cell, name));
  if (stored) return { revision: stored.revision };
  const pins = await context.store.get(pinsKey(cell.id));
  requirePinRoom(context, cell.id, (await countVersions(context, cell)) + 1);
  return { revision: null, pins: pins?.revision ?? null };
}

export async function countVersions({ store }: Pick<Context, 'store'>, cell: CellId): Promise<number> {
  let count = 0;
  for await (const _ of versionsOf(store, cell)) count++;
  return count;
}

/** @throws {Problem} too-many-pinned-versions */
export function requirePinRoom({ limits }: Pick<Context, 'limits'>, cell: string, versions: number): void {
  const { maxPinnedVersions: most } = limits;
  if (versions <= most) return;
  const detail = `Cell '${cell}' would have ${versions} versions that sessions are pinned to, over the limit of ${most} (CELLSTEP_MAX_PINNED_VERSIONS). End all sessions of one of these versions, or leave pin_cell_version out.`;
  throw fieldProblem('too-many-pinned-versions', '/pin_cell_version', detail);
}

/**
 * The writes that pin a session to a version of its cell. If the version is new, the same commit must check that the cell has
 * not changed since.
 */
export function pinWrites(session: SessionRecord, { name, revision, pins, record, weights = {} }: Pin): StoreWrite[] {
  const bytes = encodeRecord({ fields: { at: session.created_at }, tensors: {} });
  const key = versionKey(record, name);
  return [
    { key: pinsKey(session.cell), bytes, ...(pins === undefined ? {} : { expect: pins }) },
    { key: pinKey(session, name), bytes },
    revision === null
      ? { key, expect: null, bytes: recordBytes({ fields: record, tensors: weights }) }
      : { key, expect: revision },
  ];
}
