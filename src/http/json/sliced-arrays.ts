import { codecFor, ownCodec, type ReadArray, type RestOfArray } from '../numbers/codec.ts';
import { Unusual } from './cursor.ts';

/**
 * The arrays of numbers in a text that is read in slices, by where they start. Short ones are read at once by the codec of all texts; from the first
 * long one on the text has a codec of its own, since a codec must do nothing else between the parts of an array.
 */
export class SlicedArrays {
  private readonly text: Uint8Array;
  private readonly mostNumbers: number;
  /** The long one that was read last. */
  private known: { readonly start: number; readonly array: ReadArray | undefined } | undefined;
  private readArray: ((start: number) => ReadArray | RestOfArray | undefined) | undefined;
  private hasOwnCodec = false;
  private reading: { readonly start: number; readonly rest: RestOfArray } | undefined;

  /** Of a long array with more numbers than `mostNumbers`, nothing is read behind these. */
  constructor(text: Uint8Array, mostNumbers: number) {
    this.text = text;
    this.mostNumbers = mostNumbers;
  }

  /** Whether the array that was asked for last is long. Call `readOn`, then ask again. */
  get isReading(): boolean {
    return this.reading !== undefined;
  }

  /** The array that starts there; undefined where there is none, or only a part of it was read. @throws {Unusual} if it is long */
  at(start: number): ReadArray | undefined {
    if (this.known?.start === start) return this.known.array;
    this.readArray ??= codecFor(0).partsReader(this.text, this.mostNumbers);
    let array = this.readArray(start);
    if (array && !('values' in array) && !this.hasOwnCodec) {
      this.readArray = ownCodec().partsReader(this.text, this.mostNumbers);
      this.hasOwnCodec = true;
      array = this.readArray(start);
    }
    if (!array || 'values' in array) return array;
    this.reading = { start, rest: array };
    throw new Unusual();
  }

  *readOn(): Generator<void> {
    if (!this.reading) return;
    const { start, rest } = this.reading;
    yield;
    this.known = { start, array: yield* rest };
    this.reading = undefined;
  }
}
