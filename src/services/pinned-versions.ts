import { createHash } from 'node:crypto';
import type { Weights } from '../domain/cell-definition.ts';
import type { Store, StoredEntry, StoreWrite } from '../domain/ports.ts';
import { decodeRecord, encodeRecord } from '../domain/record.ts';
import type { SessionRecord } from '../domain/session.ts';
import { type Cell, type CellRecord, cellKey, cellWrites, variableKey } from './cell-record.ts';

/** A version of a cell that sessions stay on, by its name among those of the cell. */
export interface Pin {
  readonly name: string;
  /** Revision of the version's record; null where it is not there yet and is to be written. */
  readonly revision: string | null;
  readonly record: CellRecord;
  /** Values of its own, where they are not those of the cell's variables. */
  readonly weights?: Weights;
}

type CellId = Pick<CellRecord, 'id' | 'uid'>;
/** All that has to be known of a session. */
type PinnedSession = Pick<SessionRecord, 'id' | 'uid' | 'cell' | 'cell_uid' | 'pinned'>;

/** Changes whenever a version is pinned, or one is let go of. */
export function pinsKey(cell: string): string {
  return `cell-pins/${cell}`;
}

/** Where the records of a cell's pinned versions are. */
function versionsPrefix({ id, uid }: CellId): string {
  return `cell-version/${id}/${uid}/`;
}

export function versionKey(cell: CellId, pin: string): string {
  return `${versionsPrefix(cell)}${pin}`;
}

/** Where the pins of a cell's sessions are. */
export function pinsPrefix(cell: string): string {
  return `cell-pin/${cell}/`;
}

function pinPrefix({ id, uid }: CellId, pin: string): string {
  return `${pinsPrefix(id)}${uid}/${pin}/`;
}

/** That this session is pinned to a version. */
function pinKey(session: PinnedSession, pin: string): string {
  const cell = { id: session.cell, uid: session.cell_uid };
  return `${pinPrefix(cell, pin)}${session.id}/${session.uid}`;
}

/** A pin to the version that the cell has now. */
export async function pinNow(store: Pick<Store, 'get'>, { record }: Pick<Cell, 'record'>): Promise<Pin> {
  const name = `${record.version}`;
  const stored = await store.get(versionKey(record, name));
  return { name, revision: stored?.revision ?? null, record };
}

/**
 * A pin to weights that the cell need not have had. The name is their digest, so that sessions with the same ones share
 * them.
 */
export async function pinOwn(
  store: Pick<Store, 'get'>,
  cell: CellRecord,
  version: Pick<CellRecord, 'version' | 'input_shape' | 'variables'>,
  weights: Weights,
): Promise<Pin> {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of Object.entries(weights)) {
    hash.update(`${name} ${shape}\n`).update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  const name = `w${hash.digest('hex')}`;
  const stored = await store.get(versionKey(cell, name));
  const { input_shape, variables } = version;
  const record = { ...cell, version: version.version, input_shape, variables };
  return { name, revision: stored?.revision ?? null, record, weights };
}

/**
 * The writes that pin a session to a version of its cell. Where the version is not there yet, the same commit must expect
 * that the cell still is what the pin says.
 */
export function pinWrites(session: SessionRecord, { name, revision, record, weights = {} }: Pin): StoreWrite[] {
  const bytes = encodeRecord({ fields: { at: session.created_at }, tensors: {} });
  const key = versionKey(record, name);
  return [
    { key: pinsKey(session.cell), bytes },
    { key: pinKey(session, name), bytes },
    revision === null
      ? { key, expect: null, bytes: encodeRecord({ fields: record, tensors: weights }) }
      : { key, expect: revision },
  ];
}

/**
 * The writes that put new values of a cell. Those that they replace are deleted, but for those that a pinned version has.
 */
export async function changeCellWrites(
  store: Pick<Store, 'get' | 'list'>,
  before: Cell,
  record: CellRecord,
  changed: Weights,
): Promise<StoreWrite[]> {
  const writes = cellWrites(before, record, changed);
  const pins = await store.get(pinsKey(record.id));
  const kept = pins ? valuesOf(await listVersions(store, record)) : new Set<string>();
  return [
    ...writes.filter((write) => !(write.delete && kept.has(write.key))),
    { key: pinsKey(record.id), expect: pins?.revision ?? null },
  ];
}

/** Tries of a release that others come before; what is left then is found again when the session's time is over. */
const RELEASES = 5;

/** Lets go of a session's pin, and of its version with all values that nothing else has, if it was the last one. */
export async function releasePin(store: Pick<Store, 'get' | 'list' | 'commit'>, session: PinnedSession): Promise<void> {
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
  const versions = await listVersions(store, cell);
  const released = versions.find((one) => one.key === key);
  if (!released) return undefined;
  const rest = versions.filter((one) => one !== released);
  const current = await store.get(cellKey(cell.id));
  const used = valuesOf([...rest, ...(current ? [current] : [])]);
  const values = [...valuesOf([released])].filter((value) => !used.has(value));
  const bytes = encodeRecord({ fields: {}, tensors: {} });
  return [
    { key: cellKey(cell.id), expect: current?.revision ?? null },
    { key: pinsKey(cell.id), expect: pins?.revision ?? null, ...(rest.length > 0 ? { bytes } : { delete: true }) },
    { key, expect: released.revision, delete: true },
    ...values.map((value) => ({ key: value, delete: true as const })),
  ];
}

/** Keys of everything that a cell's pinned versions have. */
export async function pinnedKeys(store: Pick<Store, 'list'>, cell: CellId): Promise<string[]> {
  const versions = await listVersions(store, cell);
  return [...versions.map(({ key }) => key), ...valuesOf(versions)];
}

/** Keys of the values that records of versions name; none where a version has values of its own. */
function valuesOf(records: readonly { readonly bytes: Uint8Array }[]): Set<string> {
  return new Set(
    records.flatMap(({ bytes }) => {
      const { fields, tensors } = decodeRecord<CellRecord>(bytes);
      return Object.keys(tensors).length > 0 ? [] : fields.variables.map((variable) => variableKey(fields, variable));
    }),
  );
}

const PAGE = 100;

async function listVersions(store: Pick<Store, 'list'>, cell: CellId): Promise<StoredEntry[]> {
  const versions: StoredEntry[] = [];
  for (;;) {
    const page = await store.list(versionsPrefix(cell), versions.at(-1)?.key, PAGE);
    versions.push(...page);
    if (page.length < PAGE) return versions;
  }
}
