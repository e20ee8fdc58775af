import { Unusual } from './json-cursor.ts';
import { codecFor, ownCodec, type ReadArray } from './number-codec.ts';

/** The arrays of numbers in a text that is read in slices, by where they start. */
export interface SlicedArrays {
  /** Whether the array that was asked for last is long. Call `readOn`, then ask again. */
  readonly isReading: boolean;
  /** The array that starts there; undefined where there is none, or only a part of it was read. @throws {Unusual} if it is long */
  at(start: number): ReadArray | undefined;
  readOn(): Generator<void>;
  /** Other texts may have been read since the last array. */
  rested(): void;
}

/** Those of a text whose arrays are all short. */
export class ShortArrays implements SlicedArrays {
  readonly isReading = false;
  private readonly text: Uint8Array;
  private read: ((start: number) => ReadArray | undefined) | undefined;

  constructor(text: Uint8Array) {
    this.text = text;
  }

  at(start: number): ReadArray | undefined {
    this.read ??= codecFor(this.text.length).reader(this.text);
    return this.read(start);
  }

  *readOn(): Generator<void> {}

  rested(): void {
    this.read = undefined;
  }
}

interface Reading {
  readonly start: number;
  readonly rest: Generator<void, ReadArray | undefined>;
}

/** Those of a long text. What is long is read in slices. */
export class LongArrays implements SlicedArrays {
  private readonly text: Uint8Array;
  private readonly mostNumbers: number;
  /** The long one that was read last. */
  private known: { readonly start: number; readonly array: ReadArray | undefined } | undefined;
  private readArray: ((start: number) => Generator<void, ReadArray | undefined>) | undefined;
  private reading: Reading | undefined;

  /** Of a long array with more numbers than `mostNumbers`, nothing is read behind these. */
  constructor(text: Uint8Array, mostNumbers: number) {
    this.text = text;
    this.mostNumbers = mostNumbers;
  }

  get isReading(): boolean {
    return this.reading !== undefined;
  }

  at(start: number): ReadArray | undefined {
    if (this.known?.start === start) return this.known.array;
    this.readArray ??= ownCodec().partsReader(this.text, this.mostNumbers);
    const rest = this.readArray(start);
    const { done, value } = rest.next();
    if (!done) {
      this.reading = { start, rest };
      throw new Unusual();
    }
    return value;
  }

  /** It has a codec of its own. */
  rested(): void {}

  *readOn(): Generator<void> {
    if (!this.reading) return;
    const { start, rest } = this.reading;
    yield;
    this.known = { start, array: yield* rest };
    this.reading = undefined;
  }
}
