import type { NamedShape, SnapshotCodec } from '../../domain/files.ts';
import type { StoredValue } from '../../domain/ports.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { isExpired } from '../../domain/session.ts';
import type { Manifest, SavedPin } from '../../domain/snapshot.ts';
import { BYTES_PER_ELEMENT } from '../../domain/tensor.ts';
import { nextTurn } from '../../threads/in-turns.ts';
import type { CellRecord } from '../cells/cell-record.ts';
import type { Decision } from '../changes/decision.ts';
import { entriesOf } from '../changes/listing.ts';
import type { Context } from '../context.ts';
import { type Kind, thingKey, thingsPrefix } from '../keys.ts';
import { sessionIn } from '../sessions/session-record.ts';
import { variableIn } from '../variables/stand-alone-variables.ts';
import type { CheckpointRecord } from './checkpoint-record.ts';
import { keepCheckpoint, requireFree } from './checkpoints.ts';
import { type ContentWriter, PIECE_BYTES } from './content-writer.ts';
import { readTrainedCell } from './read-trained-cell.ts';
import { type Taken, takeCell, takePinned, takeSession, takeVariable } from './take-snapshot.ts';

/** Of a stored thing, beside its tensors, at most. */
const FIELD_BYTES = 2 ** 12;

export interface NewCheckpoint {
  readonly all: boolean;
  readonly cells: readonly string[];
  readonly variables: readonly string[];
  readonly sessions: readonly string[];
}

type Needs = Pick<Context, 'store' | 'clock' | 'limits' | 'cells' | 'caller' | 'apart'> & {
  readonly checkpointCodec: SnapshotCodec;
};

/** The parts of the file: its head, and the tensors by the bytes of their elements. */
const PARTS: readonly number[] = [0, 8, 4, 2, 1];
/** In memory: what makes a piece, and the copy that is written. Mostly there is one part beside the head. */
const PIECES_HELD = 2;

/**
 * Decides on a checkpoint of the named things, or of all, whose file goes to `content`. One thing after another is read and written, so
 * that one of them is in memory; what they are is written at last.
 * @throws {Problem} already-exists, invalid-value, limit-exceeded
 */
export async function saveCheckpoint(
  context: Needs,
  id: string,
  wanted: NewCheckpoint,
  content: ContentWriter,
): Promise<Decision<CheckpointRecord>> {
  await requireFree(context, id);
  context.caller().hold(PIECES_HELD * PIECE_BYTES);
  await content.begin(id, PARTS.length);
  const saving = new Saving(context, content);
  await saving.requireRoomFor(wanted);
  const manifest = await saving.things(wanted);
  await saving.head(manifest);
  return keepCheckpoint(context, id, manifest, content);
}

/** What a checkpoint has of a stored thing; undefined if it is gone. */
type Take<Saved> = (stored: StoredValue, id: string) => Promise<Taken<Saved> | undefined>;

class Saving {
  private readonly context: Needs;
  private readonly content: ContentWriter;
  private readonly tensors: NamedShape[] = [];
  /** The versions that sessions are pinned to. */
  private readonly pins = new Map<string, { readonly cell: Pick<CellRecord, 'id' | 'uid'>; readonly name: string }>();

  constructor(context: Needs, content: ContentWriter) {
    this.context = context;
    this.content = content;
  }

  /**
   * Refuses what is too large before anything is written. What cells have is known when they are read.
   * @throws {Problem} limit-exceeded
   */
  async requireRoomFor(wanted: NewCheckpoint): Promise<void> {
    const { clock, limits } = this.context;
    let least = 0;
    for (const kind of ['variable', 'session'] as const) {
      for await (const stored of this.valuesOf(kind, wanted)) {
        const isLeft = kind === 'session' && isExpired((await sessionIn(stored)).record, clock());
        if (!isLeft) least += Math.max(0, stored.bytes.length - FIELD_BYTES);
        requireRoom(least, limits);
      }
    }
  }

  private async *valuesOf(kind: 'variable' | 'session', wanted: NewCheckpoint): AsyncGenerator<StoredValue> {
    const { store, apart } = this.context;
    if (wanted.all) yield* entriesOf(store, thingsPrefix(kind), 1000);
    for (const id of wanted[`${kind}s`]) {
      const stored = await apart(() => store.get(thingKey(kind, id)));
      if (stored) yield stored;
    }
  }

  async things(wanted: NewCheckpoint): Promise<Manifest> {
    const { context } = this;
    const cells = await this.each('cell', wanted, async (_, id) => {
      const cell = await readTrainedCell(context, id);
      return cell && takeCell(cell);
    });
    const variables = await this.each('variable', wanted, async (stored) => takeVariable(await variableIn(stored)));
    const sessions = await this.each('session', wanted, async (stored) => {
      const session = await sessionIn(stored);
      if (isExpired(session.record, context.clock())) return undefined;
      const { cell, cell_uid: uid, pinned: name } = session.record;
      if (name !== undefined) this.pins.set(`${cell}/${name}`, { cell: { id: cell, uid }, name });
      return takeSession(session);
    });
    const pinned = await this.pinned();
    return { format: 1, cells, variables, sessions, ...(pinned.length > 0 ? { pinned } : {}) };
  }

  /** @throws {Problem} limit-exceeded */
  async head(manifest: Manifest): Promise<void> {
    const { checkpointCodec, caller, limits } = this.context;
    const head = await checkpointCodec.head(manifest, this.tensors, (bytes) => caller().hold(bytes));
    requireRoom(this.content.length + head.length, limits);
    await this.content.write(0, head);
  }

  private each<Saved>(kind: Kind, wanted: NewCheckpoint, take: Take<Saved>): Promise<Saved[]> {
    return wanted.all ? this.eachStored(kind, take) : this.eachNamed(kind, wanted, take);
  }

  private async eachStored<Saved>(kind: Kind, take: Take<Saved>): Promise<Saved[]> {
    const { store, caller } = this.context;
    const found: Saved[] = [];
    const prefix = thingsPrefix(kind);
    for await (const stored of entriesOf(store, prefix, 1000)) {
      const saved = await this.save(() => {
        caller().hold(stored.bytes.length);
        return take(stored, stored.key.slice(prefix.length));
      });
      if (saved) found.push(saved);
    }
    return found;
  }

  private async eachNamed<Saved>(kind: Kind, wanted: NewCheckpoint, take: Take<Saved>): Promise<Saved[]> {
    const kinds = `${kind}s` as 'cells' | 'variables' | 'sessions';
    const found: Saved[] = [];
    for (const [i, id] of wanted[kinds].entries()) {
      const saved = await this.save(async () => {
        const stored = await this.context.store.get(thingKey(kind, id));
        return stored && take(stored, id);
      });
      if (!saved) throw fieldProblem('invalid-value', `/${kinds}/${i}`, `There is no ${kind} '${id}'.`);
      found.push(saved);
    }
    return found;
  }

  /** Except for sessions without a cell. */
  private async pinned(): Promise<SavedPin[]> {
    const found: SavedPin[] = [];
    for (const { cell: of, name } of this.pins.values()) {
      const saved = await this.save(async () => {
        const cell = await this.context.cells.findPinned(of, name);
        return cell && !cell.graph ? takePinned(cell) : undefined;
      });
      if (saved) found.push(saved);
    }
    return found;
  }

  /** Writes the values of one thing, which are free in memory then. @throws {Problem} limit-exceeded */
  private save<Saved>(find: () => Promise<Taken<Saved> | undefined>): Promise<Saved | undefined> {
    const { apart, limits } = this.context;
    return apart(async () => {
      const thing = await find();
      if (!thing) return undefined;
      const bytes = thing.tensors.reduce((sum, tensor) => sum + tensor.bytes.length, 0);
      requireRoom(this.content.length + bytes, limits);
      for (const { name, dtype, shape, bytes } of thing.tensors) {
        this.tensors.push({ name, dtype, shape });
        const part = PARTS.indexOf(BYTES_PER_ELEMENT[dtype]);
        for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
          if (bytes.length > PIECE_BYTES) await nextTurn();
          await this.content.write(part, bytes.subarray(from, Math.min(from + PIECE_BYTES, bytes.length)));
        }
      }
      return thing.saved;
    });
  }
}

/** @throws {Problem} limit-exceeded */
function requireRoom(bytes: number, { maxCheckpointBytes: most }: Context['limits']): void {
  if (bytes <= most) return;
  const detail = `The checkpoint would have ${bytes} bytes or more, over the limit of ${most} (CELLSTEP_MAX_CHECKPOINT_BYTES). Name fewer things.`;
  throw new Problem('limit-exceeded', detail);
}
