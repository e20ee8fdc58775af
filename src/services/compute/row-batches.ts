import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import { type Room, type RoomContext, requireRoom, takeRoom } from './prepare-call.ts';
import { type LoadStates, RowBatch } from './row-batch.ts';

/** Whether steps of a cell can be put together as rows: it is built, and takes inputs [batch, features]. */
export function takesRows({ definition, record }: Cell): boolean {
  const { computeDtype, step, fixedSteps, inputDims } = definition;
  const isSimple = step !== undefined && fixedSteps === undefined && inputDims === undefined;
  return record.input_shape !== null && isSimple && (computeDtype === 'float32' || computeDtype === 'float64');
}

/** Steps that are computed as one, and what stands for each. */
export interface Boarded<T> {
  readonly rows: RowBatch;
  readonly items: T[];
}

/** Puts steps of one version of a cell in batches of at most `mostRows` rows, unless a single step has more. */
export class RowBatches<T> {
  private readonly context: RoomContext;
  private readonly cell: Cell;
  private readonly mostRows: number;
  private readonly known = new Map<number, Room>();
  private readonly batches: Boarded<T>[] = [];
  /** Rows that may still come, and those that the last batch has room for. */
  private left: number;
  private room = 0;

  /** `rows`: those of all steps. */
  constructor(
    context: RoomContext,
    cell: Cell,
    { mostRows, rows }: { readonly mostRows: number; readonly rows: number },
  ) {
    this.context = context;
    this.cell = cell;
    this.mostRows = mostRows;
    this.left = rows;
  }

  /** Those that have steps. */
  get boarded(): readonly Boarded<T>[] {
    return this.batches.filter(({ items }) => items.length > 0);
  }

  /**
   * Adds a step, and pays for it. Its result counts in the memory of the caller. Returns false if its shape or its values do not fit: a step that is alone is refused in words.
   * @throws {Problem} limit-exceeded, quota-exceeded, overloaded
   */
  add(item: T, { inputs, rows }: { readonly inputs: TensorLiteral; readonly rows: number }, load: LoadStates): boolean {
    const { shape } = inputs;
    this.left -= rows;
    if (shape.length !== 2 || shape[0] !== rows || shape[1] !== featuresOf(this.cell.record)) return false;
    const batch = this.batchFor(rows);
    if (!batch.rows.add(inputs, rows, load)) return false;
    try {
      takeRoom(this.context, this.roomOf(inputs, rows));
    } catch (error) {
      batch.rows.takeOff();
      throw error;
    }
    batch.items.push(item);
    this.room -= rows;
    return true;
  }

  private batchFor(rows: number): Boarded<T> {
    if (rows > this.room) {
      this.room = Math.max(rows, Math.min(this.mostRows, rows + this.left));
      this.batches.push({ rows: new RowBatch(this.cell, this.room), items: [] });
    }
    return this.batches[this.batches.length - 1];
  }

  private roomOf(inputs: TensorLiteral, rows: number): Room {
    const known = this.known.get(rows);
    if (known) return known;
    const room = requireRoom(this.context, { cell: this.cell, inputs, batch: rows, time: 1, trace: false });
    this.known.set(rows, room);
    return room;
  }
}
