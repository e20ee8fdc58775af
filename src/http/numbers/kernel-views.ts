/** Exports of kernels/index.ts. Addresses are offsets in its memory. */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  readonly heap: WebAssembly.Global<number>;
  readonly POWERS: WebAssembly.Global<number>;
  readonly BINADES: WebAssembly.Global<number>;
  readonly FIVES: WebAssembly.Global<number>;
  readonly SHAPE: WebAssembly.Global<number>;
  readonly rank: WebAssembly.Global<number>;
  readonly count: WebAssembly.Global<number>;
  printNested(source: number, shape: number, rank: number, out: number): number;
  readonly goesOn: WebAssembly.Global<number>;
  readNumbers(text: number, out: number, limit: number): number;
  readOn(text: number, out: number, limit: number): number;
}

/** Views of all the memory of the kernels. */
export interface Views {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  /** The bytes once more, to decode text. */
  readonly text: Buffer;
}

export function viewsOf({ buffer }: WebAssembly.Memory): Views {
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
    text: Buffer.from(buffer),
  };
}
