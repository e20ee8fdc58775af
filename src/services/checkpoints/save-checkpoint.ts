import type { Bytes } from '../../domain/bytes.ts';
import type { IncomingFile, SnapshotCodec } from '../../domain/files.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { isExpired } from '../../domain/session.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { nextTurn } from '../../threads/in-turns.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Decision } from '../changes/decision.ts';
import { entriesOf } from '../changes/listing.ts';
import type { Context } from '../context.ts';
import { type Kind, thingsPrefix } from '../keys.ts';
import { bytesOf } from '../limits.ts';
import { findSession, type Session } from '../sessions/session-record.ts';
import { findVariable, type StoredVariable } from '../variables/stand-alone-variables.ts';
import type { CheckpointRecord } from './checkpoint-record.ts';
import { keepCheckpoint, requireFree } from './checkpoints.ts';
import { type ContentWriter, PIECE_BYTES } from './content-writer.ts';
import { readTrainedCell, type TrainedCell } from './read-trained-cell.ts';
import { takeSnapshot } from './take-snapshot.ts';

export interface NewCheckpoint {
  readonly all: boolean;
  readonly cells: readonly string[];
  readonly variables: readonly string[];
  readonly sessions: readonly string[];
}

type Needs = Pick<Context, 'store' | 'clock' | 'limits' | 'cells' | 'caller'> & {
  readonly checkpointCodec: SnapshotCodec;
};

/**
 * Decides on a checkpoint of the named things, or of all, whose file goes to `content`.
 * @throws {Problem} already-exists, invalid-value, limit-exceeded
 */
export async function saveCheckpoint(
  context: Needs,
  id: string,
  wanted: NewCheckpoint,
  content: ContentWriter,
): Promise<Decision<CheckpointRecord>> {
  await requireFree(context, id);
  const room = new Room(context);
  const things = wanted.all ? await readAll(context, room) : await readNamed(context, wanted, room);
  await nextTurn();
  context.caller().hold(room.bytes);
  const snapshot = takeSnapshot({ ...things, pinned: await readPinned(context, things.sessions, room) });
  const file = context.checkpointCodec.encode(snapshot);
  requireRoom(file.length, context.limits);
  // What could not be restored is not saved: a file has a limit of tensors, for example.
  const check = context.checkpointCodec.check(file, (bytes) => context.caller().hold(bytes));
  const manifest = await content.writeAll(id, inPieces(file), check);
  return keepCheckpoint(context, id, manifest, content);
}

function inPieces(file: Bytes): IncomingFile {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < file.length; from += PIECE_BYTES) {
      await nextTurn();
      yield file.subarray(from, Math.min(from + PIECE_BYTES, file.length));
    }
  }
  return { length: file.length, [Symbol.asyncIterator]: pieces };
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
