import type { Bytes } from '../../domain/bytes.ts';
import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import type { SnapshotCodec } from '../../domain/files.ts';
import type { StoreWrite } from '../../domain/ports.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { isExpired } from '../../domain/session.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { nextTurn } from '../../threads/turns.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Decision } from '../changes/decision.ts';
import { entriesOf } from '../changes/listing.ts';
import type { Context } from '../context.ts';
import { checkpointKey, contentKey, type Kind, thingsPrefix } from '../keys.ts';
import { bytesOf } from '../limits.ts';
import { findSession, type Session } from '../sessions/session-record.ts';
import { findVariable, type StoredVariable } from '../variables/stand-alone-variables.ts';
import { readTrainedCell, type TrainedCell } from './read-trained-cell.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** A checkpoint as the store keeps it, without its file. */
export interface CheckpointRecord {
  readonly format: 1;
  readonly id: string;
  readonly cells: readonly string[];
  readonly variables: readonly string[];
  readonly sessions: readonly string[];
  readonly bytes: number;
  readonly version: 1;
  readonly created_at: number;
}

export interface NewCheckpoint {
  readonly all: boolean;
  readonly cells: readonly string[];
  readonly variables: readonly string[];
  readonly sessions: readonly string[];
}

type Needs = Pick<Context, 'store' | 'clock' | 'limits' | 'cells' | 'caller'> & {
  readonly checkpointCodec: SnapshotCodec;
};

/** Decides on a checkpoint of the named things, or of all. @throws {Problem} already-exists, invalid-value, limit-exceeded */
export async function saveCheckpoint(
  context: Needs,
  id: string,
  wanted: NewCheckpoint,
): Promise<Decision<CheckpointRecord>> {
  const room = new Room(context);
  const things = wanted.all ? await readAll(context, room) : await readNamed(context, wanted, room);
  await nextTurn();
  context.caller().hold(room.bytes);
  const snapshot = takeSnapshot({ ...things, pinned: await readPinned(context, things.sessions, room) });
  const content = context.checkpointCodec.encode(snapshot);
  await nextTurn();
  return keepSnapshot(context, id, snapshot, content);
}

/** Decides on a checkpoint brought in as a file. @throws {Problem} already-exists, invalid-file */
export async function importCheckpoint(
  context: Needs,
  id: string,
  bytes: Uint8Array,
): Promise<Decision<CheckpointRecord>> {
  return keepSnapshot(context, id, await inTurns(context.checkpointCodec.decode(bytes)), bytes);
}

async function keepSnapshot(
  context: Needs,
  id: string,
  { manifest }: Snapshot,
  content: Bytes,
): Promise<Decision<CheckpointRecord>> {
  const { store, clock } = context;
  if (await store.get(checkpointKey(id))) throw new Problem('already-exists', `There is a checkpoint '${id}' already.`);
  requireRoom(content.length, context.limits);
  const record: CheckpointRecord = {
    format: 1,
    id,
    cells: manifest.cells.map((cell) => cell.id),
    variables: manifest.variables.map((variable) => variable.id),
    sessions: manifest.sessions.map((session) => session.id),
    bytes: content.length,
    version: 1,
    created_at: clock(),
  };
  const writes: StoreWrite[] = [
    { key: checkpointKey(id), expect: null, bytes: encodeRecord({ fields: record, tensors: {} }) },
    { key: contentKey(id), bytes: content },
  ];
  return { writes, result: record };
}

/** @throws {Problem} not-found */
export async function readCheckpoint({ store }: Pick<Context, 'store'>, id: string): Promise<CheckpointRecord> {
  const stored = await store.get(checkpointKey(id));
  if (!stored) throw new Problem('not-found', `There is no checkpoint '${id}'.`);
  return decodeRecord<CheckpointRecord>(stored.bytes).fields;
}

/** The checkpoint's file. @throws {Problem} not-found */
export async function readCheckpointContent({ store }: Pick<Context, 'store'>, id: string): Promise<Uint8Array> {
  await readCheckpoint({ store }, id);
  const stored = await store.get(contentKey(id));
  if (!stored) throw new Problem('not-found', `There is no checkpoint '${id}'.`);
  return stored.bytes;
}

/** Decides on deleting a checkpoint. @throws {Problem} not-found, version-mismatch */
export async function deleteCheckpoint(
  { store }: Pick<Context, 'store'>,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<Decision<undefined>> {
  const stored = await store.get(checkpointKey(id));
  if (!stored) throw new Problem('not-found', `There is no checkpoint '${id}'.`);
  const { version } = decodeRecord<CheckpointRecord>(stored.bytes).fields;
  requireVersion(`Checkpoint '${id}'`, version, expected);
  const writes: StoreWrite[] = [
    { key: checkpointKey(id), expect: stored.revision, delete: true },
    { key: contentKey(id), delete: true },
  ];
  return { writes, result: undefined };
}

/** @throws {Problem} limit-exceeded */
function requireRoom(bytes: number, { maxCheckpointBytes: most }: Context['limits']): void {
  if (bytes <= most) return;
  const detail = `The checkpoint would have ${bytes} bytes or more, over the limit of ${most} (CELLSTEP_MAX_CHECKPOINT_BYTES). Name fewer things.`;
  throw new Problem('limit-exceeded', detail);
}

/** Adds up the bytes of a checkpoint while its things are read, before all of them are in memory. */
class Room {
  private readonly limits: Context['limits'];
  /** Of what was taken. */
  bytes = 0;

  constructor({ limits }: Pick<Context, 'limits'>) {
    this.limits = limits;
  }

  /** @throws {Problem} limit-exceeded */
  take(bytes: number): void {
    this.bytes += bytes;
    requireRoom(this.bytes, this.limits);
  }

  add<T>(thing: T, tensors: Iterable<Tensor>): T {
    this.take(bytesOf(tensors));
    return thing;
  }
}

interface Things {
  readonly cells: TrainedCell[];
  readonly variables: StoredVariable[];
  readonly sessions: Session[];
}

/** The versions that sessions are pinned to, except for sessions without a cell. */
async function readPinned({ cells }: Needs, sessions: readonly Session[], room: Room): Promise<Cell[]> {
  const versions = new Map<string, Cell>();
  for (const { record } of sessions) {
    const { cell: id, cell_uid: uid, pinned } = record;
    const name = `${id}/${pinned}`;
    const cell = pinned === undefined || versions.has(name) ? undefined : await cells.findPinned({ id, uid }, pinned);
    if (cell && !cell.graph) versions.set(name, room.add(cell, Object.values(cell.weights)));
  }
  return [...versions.values()];
}

/** How to find what a checkpoint is made of, each within its room. */
function finders(context: Needs, room: Room) {
  const { store, clock } = context;
  return {
    cell: async (id: string) => {
      const cell = await readTrainedCell(context, id);
      if (cell?.graph) room.take(cell.graph.length);
      const weights = cell?.graph ? [] : Object.values(cell?.weights ?? {});
      return cell && room.add(cell, [...weights, ...Object.values(cell.optimizer?.slots ?? {})]);
    },
    variable: async (id: string) => {
      const variable = await findVariable(store, id);
      return variable && room.add(variable, [variable.value]);
    },
    session: async (id: string) => {
      const session = await findSession(store, id);
      return session && !isExpired(session.record, clock()) ? room.add(session, session.states) : undefined;
    },
  };
}

async function readNamed(context: Needs, wanted: NewCheckpoint, room: Room): Promise<Things> {
  const find = finders(context, room);
  return {
    cells: await eachNamed('cells', wanted.cells, find.cell),
    variables: await eachNamed('variables', wanted.variables, find.variable),
    sessions: await eachNamed('sessions', wanted.sessions, find.session),
  };
}

async function eachNamed<T>(
  kind: string,
  ids: readonly string[],
  find: (id: string) => Promise<T | undefined>,
): Promise<T[]> {
  const found: T[] = [];
  for (const [i, id] of ids.entries()) {
    const one = await find(id);
    if (!one) throw fieldProblem('invalid-value', `/${kind}/${i}`, `There is no ${kind.slice(0, -1)} '${id}'.`);
    found.push(one);
  }
  return found;
}

async function readAll(context: Needs, room: Room): Promise<Things> {
  const { store } = context;
  const find = finders(context, room);
  return {
    cells: await eachStored(store, 'cell', find.cell),
    variables: await eachStored(store, 'variable', find.variable),
    sessions: await eachStored(store, 'session', find.session),
  };
}

async function eachStored<T>(
  store: Needs['store'],
  kind: Kind,
  find: (id: string) => Promise<T | undefined>,
): Promise<T[]> {
  const found: T[] = [];
  const prefix = thingsPrefix(kind);
  for await (const { key } of entriesOf(store, prefix, 1000)) {
    const one = await find(key.slice(prefix.length));
    if (one) found.push(one);
  }
  return found;
}
