import { readFileSync } from 'node:fs';
import { pooledFloat64 } from '../domain/pooled-arrays.ts';
import { type NumberTables, numberTables } from './number-tables.ts';

/** Exports of kernels/index.ts. Addresses are offsets in its memory. */
interface Kernels {
  readonly memory: WebAssembly.Memory;
  readonly heap: WebAssembly.Global<number>;
  readonly POWERS: WebAssembly.Global<number>;
  readonly BINADES: WebAssembly.Global<number>;
  readonly FIVES: WebAssembly.Global<number>;
  readonly SHAPE: WebAssembly.Global<number>;
  readonly rank: WebAssembly.Global<number>;
  readonly count: WebAssembly.Global<number>;
  printNested(source: number, shape: number, rank: number, out: number): number;
  readNumbers(text: number, out: number): number;
}

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
    const { heap, kernels, extents } = this;
    const out = (heap + text.length + SLACK + 7) & ~7;
    // Every number takes two bytes at least.
    this.reserve(out + (text.length + 2) * 4);
    const { bytes, words, doubles } = this.views;
    bytes.set(text, heap);
    bytes.fill(0, heap + text.length, heap + text.length + SLACK);
    return (start) => {
      const end = kernels.readNumbers(heap + start, out);
      if (end === 0) return undefined;
      const shape: number[] = [];
      const rank = kernels.rank.value;
      for (let axis = 0; axis < rank; axis++) shape.push(words[extents + axis]);
      const values = pooledFloat64(kernels.count.value);
      // A view of many costs less than a loop over them.
      if (values.length > FEW) values.set(doubles.subarray(out / 8, out / 8 + values.length));
      else for (let i = 0; i < values.length; i++) values[i] = doubles[out / 8 + i];
      return { shape, values, end: end - heap };
    };
  }

  private reserve(bytes: number): void {
    const missing = bytes - this.views.bytes.length;
    if (missing <= 0) return;
    this.kernels.memory.grow(Math.ceil(missing / PAGE));
    this.views = viewsOf(this.kernels.memory);
  }
}

interface Views {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  /** The bytes once more, to decode text. */
  readonly text: Buffer;
}

function viewsOf({ buffer }: WebAssembly.Memory): Views {
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
    text: Buffer.from(buffer),
  };
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

  private make(): NumberCodec {
    this.module ??= new WebAssembly.Module(readFileSync(new URL('./kernels/number-text.wasm', import.meta.url)));
    this.tables ??= numberTables();
    return new NumberCodec(this.module, this.tables);
  }
}

/** Scratch memory, not state: each call overwrites it. */
const codecs = new NumberCodecs();

/** A codec for a text of about so many bytes. */
export function codecFor(textBytes: number): NumberCodec {
  return codecs.for(textBytes);
}
