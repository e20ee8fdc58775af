import type { TensorFieldKind, TensorFields } from '../../../schemas/tensor-fields.ts';
import { CLOSE_ARRAY, CLOSE_OBJECT, OPEN_ARRAY, OPEN_OBJECT } from '../json/cursor.ts';
import type { SlicedArrays } from '../json/sliced-arrays.ts';
import { BodyReader } from './reader.ts';

/** So many bytes of short arrays take half a millisecond. */
const SLICE_BYTES = 2 ** 12;
/** A value that is not read at once. */
const LATER = Symbol('later');

/** Reads a body as its parent does, in slices: it rests between values, and within a long array. */
export class SlicedBodyReader extends BodyReader {
  private readonly arrays: SlicedArrays;
  private rested = 0;

  constructor(
    bytes: Buffer,
    fields: TensorFields,
    parse: (text: string) => unknown,
    arrays: SlicedArrays,
    mostNames: number,
  ) {
    super(bytes, fields, parse, (start) => arrays.at(start), mostNames);
    this.arrays = arrays;
  }

  /** @throws {Unusual} */
  *runInSlices(): Generator<void, Record<string, unknown> | undefined> {
    this.skipBlanks();
    return this.whole(yield* this.slicedObject((name) => this.fields.get(name)));
  }

  private *slicedObject(
    kindOf: (name: string) => TensorFieldKind | undefined,
  ): Generator<void, Record<string, unknown>> {
    const object: Record<string, unknown> = {};
    if (!this.opens(OPEN_OBJECT, CLOSE_OBJECT)) return object;
    do {
      const name = this.nameIn(object);
      const kind = kindOf(name);
      // Most fields hold one value, for which a generator would take longer than the value.
      const isOne = kind === undefined || kind === 'tensor';
      const value = isOne ? this.now(() => this.field(kind)) : LATER;
      object[name] = value === LATER ? yield* this.slicedField(kind) : value;
      if (this.isTired) yield* this.rest();
    } while (this.goesOn(CLOSE_OBJECT));
    return object;
  }

  /** Goes on with the long array of the field, if it has begun one. */
  private *slicedField(kind: TensorFieldKind | undefined): Generator<void, unknown> {
    yield* this.arrays.readOn();
    const first = this.bytes[this.at];
    if (kind === 'states') {
      const states = yield* this.inSlices(() => this.lift());
      if (states) return states;
    }
    if (kind === 'map' && first === OPEN_OBJECT) return yield* this.slicedObject(() => 'tensor');
    if (first === OPEN_ARRAY && (kind === 'list' || kind === 'states')) {
      return yield* this.slicedList(() => this.inSlices(() => this.tensor()));
    }
    if (first !== OPEN_ARRAY || typeof kind !== 'object') return yield* this.inSlices(() => this.field(kind));
    const kindOf = (name: string) => kind.get(name);
    return yield* this.slicedList(() =>
      this.isObject() ? this.slicedObject(kindOf) : this.inSlices(() => this.value()),
    );
  }

  private *slicedList(item: () => Generator<void, unknown>): Generator<void, unknown[]> {
    const list: unknown[] = [];
    if (!this.opens(OPEN_ARRAY, CLOSE_ARRAY)) return list;
    do {
      list.push(yield* item());
      if (this.isTired) yield* this.rest();
    } while (this.goesOn(CLOSE_ARRAY));
    return list;
  }

  private get isTired(): boolean {
    return this.at - this.rested >= SLICE_BYTES;
  }

  private *rest(): Generator<void> {
    yield;
    this.rested = this.at;
  }

  /** Reads something with one long array at most. When that is there, all is read again. */
  private *inSlices<T>(read: () => T): Generator<void, T> {
    for (;;) {
      const value = this.now(read);
      if (value !== LATER) return value;
      yield* this.arrays.readOn();
    }
  }

  /** Reads something at once; LATER where a long array is in it. */
  private now<T>(read: () => T): T | typeof LATER {
    const { at } = this;
    try {
      return read();
    } catch (error) {
      if (!this.arrays.isReading) throw error;
      this.at = at;
      return LATER;
    }
  }
}
