import type { Weights } from '../../domain/cell-definition.ts';
import type { Store, StoredEntry, StoreWrite } from '../../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import type { SessionRecord } from '../../domain/session.ts';
import { entriesOf } from '../changes/listing.ts';
import {
  type CellId,
  cellKey,
  pinKey,
  pinPrefix,
  pinsKey,
  type SessionOfCell,
  valueKey,
  versionKey,
  versionsPrefix,
} from '../keys.ts';
import { type Cell, type CellRecord, cellWrites } from './cell-record.ts';

/** The writes for new values of a cell. Replaced values are deleted, unless a pinned version has them. */
export async function changeCellWrites(
  store: Pick<Store, 'get' | 'list'>,
  before: Cell,
  record: CellRecord,
  changed: Weights,
): Promise<StoreWrite[]> {
  const writes = await cellWrites(before, record, changed);
  const pins = await store.get(pinsKey(record.id));
  const versions = pins ? await keptVersions(store, record) : [];
  const kept = new Set(versions.flatMap(({ values }) => values));
  return [
    ...writes.filter((write) => !(write.delete && kept.has(write.key))),
    { key: pinsKey(record.id), expect: pins?.revision ?? null },
  ];
}

/** How often a release is tried if other changes come first. After that, the sweep releases it when the session expires. */
const RELEASES = 5;

/** Removes a session's pin. If it was the last one, also removes the version and all values that nothing else uses. */
export async function releasePin(
  store: Pick<Store, 'get' | 'list' | 'commit'>,
  session: SessionOfCell & Pick<SessionRecord, 'pinned'>,
): Promise<void> {
  const { pinned } = session;
  if (pinned === undefined) return;
  const cell = { id: session.cell, uid: session.cell_uid };
  await store.commit([{ key: pinKey(session, pinned), delete: true }]);
  for (let tries = 0; tries < RELEASES; tries++) {
    const writes = await releaseWrites(store, cell, versionKey(cell, pinned), pinPrefix(cell, pinned));
    if (!writes || (await store.commit(writes)) === 'committed') return;
  }
}

async function releaseWrites(
  store: Pick<Store, 'get' | 'list'>,
  cell: CellId,
  key: string,
  prefix: string,
): Promise<StoreWrite[] | undefined> {
  const pins = await store.get(pinsKey(cell.id));
  if ((await store.list(prefix, undefined, 1)).length > 0) return undefined;
  const versions = await keptVersions(store, cell);
  const released = versions.find((one) => one.key === key);
  if (!released) return undefined;
  const rest = versions.filter((one) => one !== released);
  const current = await store.get(cellKey(cell.id));
  const used = new Set([...rest.flatMap(({ values }) => values), ...(current ? valuesOf(current.bytes) : [])]);
  const values = released.values.filter((value) => !used.has(value));
  const bytes = encodeRecord({ fields: {}, tensors: {} });
  return [
    { key: cellKey(cell.id), expect: current?.revision ?? null },
    { key: pinsKey(cell.id), expect: pins?.revision ?? null, ...(rest.length > 0 ? { bytes } : { delete: true }) },
    { key, expect: released.revision, delete: true },
    ...values.map((value) => ({ key: value, delete: true as const })),
  ];
}

/** Reads few at a time: a record may contain all weights. */
const PAGE = 16;

/** The records of a cell's pinned versions. */
export function versionsOf(store: Pick<Store, 'list'>, cell: CellId): AsyncGenerator<StoredEntry> {
  return entriesOf(store, versionsPrefix(cell), PAGE);
}

/** All keys of a cell's pinned versions. */
export async function pinnedKeys(store: Pick<Store, 'list'>, cell: CellId): Promise<string[]> {
  const versions = await keptVersions(store, cell);
  return versions.flatMap(({ key, values }) => [key, ...values]);
}

interface KeptVersion {
  readonly key: string;
  readonly revision: string;
  readonly values: readonly string[];
}

async function keptVersions(store: Pick<Store, 'list'>, cell: CellId): Promise<KeptVersion[]> {
  const versions: KeptVersion[] = [];
  for await (const { key, revision, bytes } of versionsOf(store, cell)) {
    versions.push({ key, revision, values: valuesOf(bytes) });
  }
  return versions;
}

/** Keys of the values that a version's record names; none if it has its own values. */
function valuesOf(bytes: Uint8Array): string[] {
  const { fields, tensors } = decodeRecord<CellRecord>(bytes);
  return Object.keys(tensors).length > 0 ? [] : fields.variables.map((variable) => valueKey(fields, variable));
}
