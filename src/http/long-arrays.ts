import { ownCodec, type ReadArray } from './number-codec.ts';

interface Reading {
  readonly start: number;
  readonly rest: Generator<void, ReadArray | undefined>;
}

/** The arrays of numbers in a long text, by where they start. What is long is read in slices. */
export class LongArrays {
  private readonly text: Uint8Array;
  private readonly mostNumbers: number;
  private readonly known = new Map<number, ReadArray | undefined>();
  private readArray: ((start: number) => Generator<void, ReadArray | undefined>) | undefined;
  private reading: Reading | undefined;

  /** Of a long array with more numbers than `mostNumbers`, nothing is read behind these. */
  constructor(text: Uint8Array, mostNumbers: number) {
    this.text = text;
    this.mostNumbers = mostNumbers;
  }

  /** Whether the array that was asked for last is long. Call `readOn`, then ask again. */
  get isReading(): boolean {
    return this.reading !== undefined;
  }

  /** The array that starts there; undefined where there is none, or only a part of it was read. */
  at(start: number): ReadArray | undefined {
    if (this.known.has(start)) return this.known.get(start);
    this.readArray ??= ownCodec().partsReader(this.text, this.mostNumbers);
    const rest = this.readArray(start);
    const { done, value } = rest.next();
    if (done) this.known.set(start, value);
    else this.reading = { start, rest };
    return done ? value : undefined;
  }

  *readOn(): Generator<void> {
    if (!this.reading) return;
    const { start, rest } = this.reading;
    yield;
    this.known.set(start, yield* rest);
    this.reading = undefined;
  }
}
