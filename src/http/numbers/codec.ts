import { readFileSync } from 'node:fs';
import { pooledFloat64 } from '../../domain/pooled-arrays.ts';
import { type Kernels, type Views, viewsOf } from './kernel-views.ts';
import { type NumberTables, numberTables } from './tables.ts';

/** Numbers of a nested JSON array, row-major, and where its text ends. */
export interface ReadArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
  readonly end: number;
}

/** Reads the rest of a long array in slices. Gives the whole array; undefined if the text there turns out to hold no array. */
export type RestOfArray = Generator<void, ReadArray | undefined>;

const PAGE = 2 ** 16;
/** Zero bytes after a text, so that reading stops there. */
const SLACK = 40;
/** Longest text of a float32 with what follows it (-, 21 digits, a comma), and what printing it may scribble on. */
const TEXT_BYTES = 24;
const SCRIBBLE_BYTES = 32;
const MAX_RANK = 8;
/** Of a long text, so much is in memory at a time; the last bytes are for what begins before them: a number and brackets. */
const PART_BYTES = 2 ** 16;
const MARGIN_BYTES = 2 ** 10;
/** Parts of an array that are read in one slice. */
const SLICE_PARTS = 4;
/** Where an array is read to its end. */
const NO_LIMIT = -1;
const FEW = 1024;
/** No use of a codec yet. */
const NEVER = 0;

/** The kernels of number text, and the memory that they work in. */
class NumberCodec {
  private readonly kernels: Kernels;
  private readonly heap: number;
  /** The place of an array's extents in the kernels' memory, in words. */
  private readonly extents: number;
  /** Counts what was put into memory. */
  private uses = NEVER;
  /** Views of all the memory: one made for each array would take longer than to read a short one. */
  private views: Views;

  constructor(module: WebAssembly.Module, { powers, binades, fives }: NumberTables) {
    this.kernels = new WebAssembly.Instance(module).exports as unknown as Kernels;
    this.heap = (this.kernels.heap.value + 15) & ~15;
    this.extents = this.kernels.SHAPE.value / 4;
    this.views = viewsOf(this.kernels.memory);
    const { bytes } = this.views;
    bytes.set(powers, this.kernels.POWERS.value);
    bytes.set(binades, this.kernels.BINADES.value);
    bytes.set(fives, this.kernels.FIVES.value);
  }

  /** float32 values as nested JSON arrays of a shape of 1 to 8 extents, none of them 0. */
  print(values: Float32Array, shape: readonly number[]): string {
    const source = this.heap + MAX_RANK * 4;
    const out = source + values.byteLength;
    const rows = values.length / shape[shape.length - 1];
    this.uses++;
    this.reserve(out + values.length * TEXT_BYTES + rows * (2 * shape.length + 1) + SCRIBBLE_BYTES);
    const { text, words, floats } = this.views;
    // `set` takes longer for a list as short as a shape.
    for (let axis = 0; axis < shape.length; axis++) words[this.heap / 4 + axis] = shape[axis];
    floats.set(values, source / 4);
    return text.toString('latin1', out, this.kernels.printNested(source, this.heap, shape.length, out));
  }

  /** A reader of the arrays in a text. It holds until the codec is used for anything else. */
  reader(text: Uint8Array): (start: number) => ReadArray | undefined {
    const { heap, kernels } = this;
    const out = (heap + text.length + SLACK + 7) & ~7;
    // Every number takes two bytes at least.
    this.reserve(out + (text.length + 2) * 4);
    this.load(text);
    return (start) => {
      const end = kernels.readNumbers(heap + start, out, NO_LIMIT);
      return end === 0 ? undefined : { shape: this.shape(), values: this.valuesAt(out), end: end - heap };
    };
  }

  /**
   * The same for a long text: one part of it is in memory at a time. Between two arrays the codec may do other work. Of a long array this
   * reads the first part; the caller reads the rest in slices, and the codec must do nothing else until then. An array has `most` numbers at most, or a few more.
   */
  partsReader(text: Uint8Array, most: number): (start: number) => ReadArray | RestOfArray | undefined {
    const { heap, kernels } = this;
    const out = (heap + PART_BYTES + SLACK + 7) & ~7;
    this.reserve(out + (PART_BYTES + 2) * 4);
    let [from, to, use] = [0, 0, NEVER];
    /** Reads the part that begins there. Returns where it ends in the text, or 0 if it has no numbers. */
    const readPart = (at: number, read: Kernels['readNumbers']) => {
      const isLoaded = use === this.uses && at >= from && (at < to - MARGIN_BYTES || (at < to && to === text.length));
      if (!isLoaded) {
        from = at;
        to = Math.min(at + PART_BYTES, text.length);
        use = this.load(text.subarray(from, to));
      }
      const limit = to === text.length ? NO_LIMIT : heap + to - from - MARGIN_BYTES;
      const end = read(heap + at - from, out, limit);
      return end && from + end - heap;
    };
    const readRest = function* (this: NumberCodec, first: number): RestOfArray {
      const parts = [this.valuesAt(out)];
      let count = parts[0].length;
      for (let at = first; count <= most; ) {
        if (parts.length % SLICE_PARTS === 0) yield;
        at = readPart(at, kernels.readOn);
        if (at === 0) return undefined;
        const part = this.valuesAt(out);
        parts.push(part);
        count += part.length;
        if (!kernels.goesOn.value) return { shape: this.shape(), values: joined(parts), end: at };
      }
      return undefined;
    };
    return (start) => {
      const end = readPart(start, kernels.readNumbers);
      if (end === 0) return undefined;
      if (kernels.goesOn.value) return readRest.call(this, end);
      return { shape: this.shape(), values: this.valuesAt(out), end };
    };
  }

  /** Puts a text into memory, in place of what was there; tells the use of the codec that this begins. */
  private load(text: Uint8Array): number {
    const { heap } = this;
    const { bytes } = this.views;
    bytes.set(text, heap);
    bytes.fill(0, heap + text.length, heap + text.length + SLACK);
    return ++this.uses;
  }

  /** Of the array, or the part of it, that was read last. */
  private valuesAt(out: number): Float64Array {
    const { doubles } = this.views;
    const values = pooledFloat64(this.kernels.count.value);
    // A view of many costs less than a loop over them.
    if (values.length > FEW) values.set(doubles.subarray(out / 8, out / 8 + values.length));
    else for (let i = 0; i < values.length; i++) values[i] = doubles[out / 8 + i];
    return values;
  }

  /** Of the array that was read last. */
  private shape(): number[] {
    const { extents, kernels } = this;
    const shape: number[] = [];
    const rank = kernels.rank.value;
    for (let axis = 0; axis < rank; axis++) shape.push(this.views.words[extents + axis]);
    return shape;
  }

  private reserve(bytes: number): void {
    const missing = bytes - this.views.bytes.length;
    if (missing <= 0) return;
    this.kernels.memory.grow(Math.ceil(missing / PAGE));
    this.views = viewsOf(this.kernels.memory);
  }
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const values = pooledFloat64(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

/** Above this size a codec is made for one use only, since its memory never shrinks. */
const SHARED_BYTES = 4 * 2 ** 20;

/**
 * Makes codecs. The kernels are compiled and the tables made at the first use. Small texts share one codec: its memory is only
 * scratch, and nothing of a call is left for the next.
 */
class NumberCodecs {
  private module: WebAssembly.Module | undefined;
  private tables: NumberTables | undefined;
  private shared: NumberCodec | undefined;

  for(textBytes: number): NumberCodec {
    if (textBytes * 5 > SHARED_BYTES) return this.make();
    this.shared ??= this.make();
    return this.shared;
  }

  make(): NumberCodec {
    this.module ??= new WebAssembly.Module(readFileSync(new URL('./kernels/number-text.wasm', import.meta.url)));
    this.tables ??= numberTables();
    return new NumberCodec(this.module, this.tables);
  }
}

/** Scratch memory, not state: each call overwrites it. */
const codecs = new NumberCodecs();

/** A codec that is used for nothing else, for a long text. */
export function ownCodec(): NumberCodec {
  return codecs.make();
}

/** A codec for a text of about so many bytes. */
export function codecFor(textBytes: number): NumberCodec {
  return codecs.for(textBytes);
}
