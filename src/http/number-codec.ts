import { readFileSync } from 'node:fs';
import { pooledFloat64 } from '../domain/pooled-arrays.ts';
import { type Kernels, type Views, viewsOf } from './number-kernels.ts';
import { type NumberTables, numberTables } from './number-tables.ts';

/** Numbers of a nested JSON array, row-major, and where its text ends. */
export interface ReadArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
  readonly end: number;
}

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

/** The kernels of number text, and the memory that they work in. */
class NumberCodec {
  private readonly kernels: Kernels;
  private readonly heap: number;
  /** The place of an array's extents in the kernels' memory, in words. */
  private readonly extents: number;
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
    const { bytes, doubles } = this.views;
    bytes.set(text, heap);
    bytes.fill(0, heap + text.length, heap + text.length + SLACK);
    return (start) => {
      const end = kernels.readNumbers(heap + start, out, NO_LIMIT);
      if (end === 0) return undefined;
      const shape = this.shape();
      const values = pooledFloat64(kernels.count.value);
      // A view of many costs less than a loop over them.
      if (values.length > FEW) values.set(doubles.subarray(out / 8, out / 8 + values.length));
      else for (let i = 0; i < values.length; i++) values[i] = doubles[out / 8 + i];
      return { shape, values, end: end - heap };
    };
  }

  /**
   * The same for a long text, of which a part is in memory at a time. A long array is read in slices; none is made of more numbers than `most`, or
   * a little more.
   */
  partsReader(text: Uint8Array, most: number): (start: number) => Generator<void, ReadArray | undefined> {
    const { heap, kernels } = this;
    const out = (heap + PART_BYTES + SLACK + 7) & ~7;
    this.reserve(out + (PART_BYTES + 2) * 4);
    const { bytes, doubles } = this.views;
    const inMemory = { from: 0, to: 0 };
    const load = (at: number) => {
      const { from, to } = inMemory;
      if (at >= from && (at < to - MARGIN_BYTES || (at < to && to === text.length))) return inMemory;
      inMemory.from = at;
      inMemory.to = Math.min(at + PART_BYTES, text.length);
      bytes.set(text.subarray(at, inMemory.to), heap);
      bytes.fill(0, heap + inMemory.to - at, heap + inMemory.to - at + SLACK);
      return inMemory;
    };
    const shapeOf = () => this.shape();
    return function* read(start) {
      const parts: Float64Array[] = [];
      let count = 0;
      for (let at = start; count <= most; ) {
        const { from, to } = load(at);
        const limit = to === text.length ? NO_LIMIT : heap + to - from - MARGIN_BYTES;
        const readHere = parts.length === 0 ? kernels.readNumbers : kernels.readOn;
        const end = readHere(heap + at - from, out, limit);
        if (end === 0) return undefined;
        parts.push(doubles.slice(out / 8, out / 8 + kernels.count.value));
        count += kernels.count.value;
        at = from + end - heap;
        if (!kernels.goesOn.value) return { shape: shapeOf(), values: joined(parts), end: at };
        if (parts.length % SLICE_PARTS === 0) yield;
      }
      return undefined;
    };
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
