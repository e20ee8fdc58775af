import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { decodeRecord } from '../../domain/record.ts';
import { isExpired } from '../../domain/session.ts';
import type { Decision } from '../changes/decision.ts';
import { entriesOf } from '../changes/listing.ts';
import type { Context } from '../context.ts';
import {
  cellKey,
  cellUsesKey,
  graphKey,
  optimizerKey,
  pinsKey,
  pinsPrefix,
  referencesPrefix,
  valueKey,
} from '../keys.ts';
import { findSession } from '../sessions/session-record.ts';
import type { Cell, CellRecord } from './cell-record.ts';
import { pinnedKeys } from './pinned-versions.ts';

const PAGE = 1000;
/** Longer than opening a session takes between writing its reference and its record. */
const OPENING_MS = 60_000;

/** Decides on deleting a cell. @throws {Problem} not-found, version-mismatch; in-use if sessions are open, without `force` */
export async function deleteCell(
  context: Pick<Context, 'store' | 'clock' | 'cells'>,
  id: string,
  options: { readonly expected?: ExpectedVersion; readonly force: boolean },
): Promise<Decision<undefined>> {
  const { store } = context;
  const cell = await context.cells.read(id);
  requireVersion(`Cell '${id}'`, cell.record.version, options.expected);
  const uses = await store.get(cellUsesKey(id));
  if (!options.force) await requireUnused(context, cell);
  const writes: StoreWrite[] = [{ key: cellKey(id), expect: cell.revision, delete: true }];
  writes.push(
    uses ? { key: cellUsesKey(id), expect: uses.revision, delete: true } : { key: cellUsesKey(id), expect: null },
  );
  // Those of a graph are in its file.
  const values = cell.graph ? [] : cell.record.variables.map((variable) => valueKey(cell.record, variable));
  for (const key of new Set([...values, ...(await pinnedKeys(store, cell.record))])) writes.push({ key, delete: true });
  // Many references would make a huge commit. The rest is removed when their sessions expire.
  for (const prefix of [referencesPrefix(id), pinsPrefix(id)]) {
    for (const { key } of await store.list(prefix, undefined, PAGE)) writes.push({ key, delete: true });
  }
  const others = [pinsKey(id), optimizerKey(cell.record), graphKey(cell.record)].map((key) => ({
    key,
    delete: true as const,
  }));
  return { writes: [...writes, ...others], result: undefined };
}

/** @throws {Problem} in-use at the first open session. */
async function requireUnused(context: Pick<Context, 'store' | 'clock'>, { record }: Cell): Promise<void> {
  const prefix = referencesPrefix(record.id);
  for await (const { key, bytes } of entriesOf(context.store, prefix, PAGE)) {
    const [session, uid] = key.slice(prefix.length).split('/');
    if (!(await isOpen(context, record, { id: session, uid }, bytes))) continue;
    throw new Problem(
      'in-use',
      `Cell '${record.id}' has open sessions, for example '${session}'. End them, or send ?force=true.`,
    );
  }
}

/** A reference is written shortly before its session, so a new reference counts even without a session. */
async function isOpen(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  cell: CellRecord,
  { id, uid }: { readonly id: string; readonly uid: string },
  reference: Uint8Array,
): Promise<boolean> {
  const session = await findSession(store, id);
  if (session?.record.uid === uid) return session.record.cell_uid === cell.uid && !isExpired(session.record, clock());
  return clock() - decodeRecord<{ at: number }>(reference).fields.at < OPENING_MS;
}
