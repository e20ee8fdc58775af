import type { CellDefinition } from '../../domain/cell-definition.ts';
import type { StoredValue } from '../../domain/ports.ts';
import { BYTES_PER_ELEMENT } from '../../domain/tensor.ts';
import type { StateRows } from '../compute/row-batch.ts';
import { rowStart } from '../compute/states.ts';
import { AT, MAGIC, NONE, type SessionNumber } from './session-bytes.ts';

/** Longer records have none here: alone they gain little less, and together they would fill the memory. */
const MOST_BYTES = 2 ** 16;
/** Records begin at a multiple of it, so their numbers can be read in place. */
const ALIGNMENT = 8;

/** The numbers that a step changes. */
const CHANGED = ['version', 'step', 'cell_version', 'updated_at'] as const;
export type SteppedNumbers = Readonly<Record<(typeof CHANGED)[number], number>>;

/**
 * Copies of the records of many sessions, to be read and stepped where they are: to decode and encode each takes longer than its
 * step. A step changes four numbers and the states of a record, and never its length.
 */
export class SessionRows {
  private readonly bytes: Buffer;
  private readonly words: Uint32Array;
  private readonly numbers: Float64Array;
  private readonly floats: Float32Array;
  /** Where each record begins and ends. */
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  /** One record for each value; values that are missing or long have none. */
  constructor(values: readonly (StoredValue | undefined)[]) {
    const all = values.map((value) => value && (value.view ?? value.bytes));
    let size = 0;
    for (const bytes of all) {
      const length = bytes && bytes.length <= MOST_BYTES ? bytes.length : 0;
      this.starts.push(size);
      this.ends.push(size + length);
      size = Math.ceil((size + length) / ALIGNMENT) * ALIGNMENT;
    }
    this.bytes = Buffer.allocUnsafeSlow(size);
    for (let k = 0; k < all.length; k++) {
      const bytes = all[k];
      if (bytes && this.ends[k] > this.starts[k]) this.bytes.set(bytes, this.starts[k]);
    }
    const { buffer } = this.bytes;
    this.words = new Uint32Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  /** Whether the record has the layout of sessions, and neither a history nor an output that masked steps repeat. */
  isPlain(k: number): boolean {
    if (this.ends[k] === this.starts[k]) return false;
    const at = this.starts[k] / 4;
    const { words } = this;
    return (
      words[at] === MAGIC &&
      words[at + AT.states / 4] === words[at + AT.tensors / 4] &&
      this.number(k, 'history_limit') === NONE
    );
  }

  number(k: number, name: SessionNumber): number {
    return this.numbers[(this.starts[k] + AT[name]) / 8];
  }

  isExpired(k: number, now: number): boolean {
    const ttl = this.number(k, 'ttl_seconds');
    return ttl !== NONE && now >= this.number(k, 'updated_at') + ttl * 1000;
  }

  /** The texts cell, cell_uid and pinned, as they stand in the record. */
  cellOf(k: number): string {
    const { bytes } = this;
    const skip = (at: number) => at + 1 + bytes[at];
    const start = skip(skip(this.starts[k] + AT.texts));
    return bytes.toString('latin1', start, skip(skip(skip(start))));
  }

  /** Whether it follows this cell, and stays on none of its versions. */
  follows(k: number, cell: string): boolean {
    const texts = this.cellOf(k);
    return texts.charCodeAt(0) === cell.length && texts.startsWith(cell, 1) && texts.endsWith('\0');
  }

  /** Whether its states are those of the cell: numbers of one float dtype. */
  fits(k: number, { stateGroups }: CellDefinition): boolean {
    const [{ dtype }] = stateGroups;
    if (dtype !== 'float32' && dtype !== 'float64') return false;
    const batch = this.number(k, 'batch_size');
    let elements = 0;
    for (const group of stateGroups) {
      if (group.dtype !== dtype || group.extents) return false;
      elements += group.members.length * batch * group.width;
    }
    return this.dataOf(k) + elements * BYTES_PER_ELEMENT[dtype] === this.ends[k];
  }

  /** Copies the states into such arrays. */
  load(k: number, definition: CellDefinition, into: StateRows): void {
    this.copyStates(k, definition, into, true);
  }

  /** Makes it the record of the next version, with the states of such arrays. */
  advance(k: number, numbers: SteppedNumbers, definition: CellDefinition, { states, first }: StateRows): void {
    for (const name of CHANGED) this.numbers[(this.starts[k] + AT[name]) / 8] = numbers[name];
    this.copyStates(k, definition, { states, first }, false);
  }

  /** The whole record: a view, for as long as a request. */
  record(k: number): Uint8Array {
    return this.bytes.subarray(this.starts[k], this.ends[k]);
  }

  private dataOf(k: number): number {
    return this.starts[k] + this.words[(this.starts[k] + AT.dataStart) / 4];
  }

  private copyStates(k: number, { stateGroups }: CellDefinition, { states, first }: StateRows, out: boolean): void {
    const batch = this.number(k, 'batch_size');
    const isDouble = stateGroups[0].dtype === 'float64';
    const all = isDouble ? this.numbers : this.floats;
    let start = this.dataOf(k) / (isDouble ? 8 : 4);
    for (const group of stateGroups) {
      const { members, width } = group;
      for (let m = 0; m < members.length; m++) {
        const rows = states[members[m]];
        for (let row = 0; row < batch; row++) {
          const at = start + rowStart(group, m, row, batch);
          const own = (first + row) * width;
          if (out) for (let i = 0; i < width; i++) rows[own + i] = all[at + i];
          else for (let i = 0; i < width; i++) all[at + i] = rows[own + i];
        }
      }
      start += members.length * batch * width;
    }
  }
}
