import type { StoreWrite } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { decodeRecord } from '../domain/record.ts';
import { isExpired } from '../domain/session.ts';
import { type Cell, cellKey, variableKey } from './cell-record.ts';
import type { CellReader } from './cells.ts';
import type { Decision } from './change.ts';
import { requireVersion } from './conditions.ts';
import type { Context } from './context.ts';
import { cellUsesKey } from './open-session.ts';
import { findSession, referencesPrefix } from './session-record.ts';

const PAGE = 1000;
/** Longer than a session takes from its reference to its record. */
const OPENING_MS = 60_000;

/** Decides on deleting a cell. @throws {Problem} not-found, version-mismatch, in-use where sessions are open and not `force` */
export async function deleteCell(
  context: Pick<Context, 'store' | 'clock'>,
  cells: CellReader,
  id: string,
  options: { readonly ifMatch?: number; readonly force: boolean },
): Promise<Decision<undefined>> {
  const { store } = context;
  const cell = await cells.read(id);
  requireVersion(`Cell '${id}'`, cell.record.version, options.ifMatch);
  const uses = await store.get(cellUsesKey(id));
  const references = await countReferences(context, cell, options.force);
  const writes: StoreWrite[] = [{ key: cellKey(id), expect: cell.revision, delete: true }];
  writes.push(
    uses ? { key: cellUsesKey(id), expect: uses.revision, delete: true } : { key: cellUsesKey(id), expect: null },
  );
  for (const variable of cell.record.variables) writes.push({ key: variableKey(cell.record, variable), delete: true });
  for (const key of references) writes.push({ key, delete: true });
  return { writes, result: undefined };
}

/** Keys of all references to the cell. @throws {Problem} in-use at the first open session, unless `force`. */
async function countReferences(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  { record: { id } }: Cell,
  force: boolean,
): Promise<string[]> {
  const prefix = referencesPrefix(id);
  const keys: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, after, PAGE);
    for (const { key, bytes } of page) {
      keys.push(key);
      if (force) continue;
      const [session, uid] = key.slice(prefix.length).split('/');
      if (await isOpen(store, session, uid, bytes, clock())) {
        throw new Problem('in-use', `Cell '${id}' has open sessions, for example '${session}'.`);
      }
    }
    if (page.length < PAGE) return keys;
    after = keys.at(-1);
  }
}

/** A reference is there a moment before its session is: one without a session counts while it is fresh. */
async function isOpen(
  store: Context['store'],
  id: string,
  uid: string,
  reference: Uint8Array,
  now: number,
): Promise<boolean> {
  const session = await findSession(store, id);
  if (session?.record.uid === uid) return !isExpired(session.record, now);
  return now - decodeRecord<{ at: number }>(reference).fields.at < OPENING_MS;
}
