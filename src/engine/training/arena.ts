import type { SharedMemory } from '../shared-memory.ts';

const LINE = 64;

/** Room for numbers: where it is, and the numbers. */
export interface Room {
  readonly address: number;
  readonly values: Float32Array;
}

/** Rows of numbers in the memory: the address of the first, and the bytes from each to the next. */
export interface Rows {
  readonly address: number;
  readonly stride: number;
}

/** Memory that one training step takes as it runs and gives back when it ends. Without kernels there is none. */
export class Arena {
  private readonly memory: SharedMemory | undefined;
  private readonly taken: { readonly address: number; readonly bytes: number }[] = [];

  constructor(memory: SharedMemory | undefined) {
    this.memory = memory;
  }

  /** Zeros, for the kernels: there is a memory. @throws {RangeError} where it cannot grow */
  take(bytes: number): Room {
    const memory = this.memory as SharedMemory;
    // The kernels take whole lines: they may read one beyond the end.
    const size = bytes + LINE;
    const address = memory.allocate(size);
    this.taken.push({ address, bytes: size });
    return { address, values: new Float32Array(memory.memory.buffer, address, Math.ceil(size / 4)).fill(0) };
  }

  /** Zeros in rows, and as rows. */
  takeRows(rows: number, stride: number): Room & Rows {
    return { ...this.take(rows * stride), stride };
  }

  end(): void {
    for (const { address, bytes } of this.taken.splice(0)) this.memory?.release(address, bytes);
  }
}
