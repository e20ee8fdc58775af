import type { SharedMemory } from '../simd/shared-memory.ts';

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

  /**
   * Zeros, for the kernels: there is a memory. Without `zeros`, for what is written before it is read, what lies there.
   * @throws {RangeError} where the memory cannot grow
   */
  take(bytes: number, zeros = true): Room {
    const memory = this.memory as SharedMemory;
    // The kernels take whole lines: they may read one beyond the end.
    const size = bytes + LINE;
    const address = memory.allocate(size);
    this.taken.push({ address, bytes: size });
    const values = new Float32Array(memory.memory.buffer, address, Math.ceil(size / 4));
    return { address, values: zeros ? values.fill(0) : values };
  }

  /** The same in rows, and as rows. */
  takeRows(rows: number, stride: number, zeros = true): Room & Rows {
    return { ...this.take(rows * stride, zeros), stride };
  }

  end(): void {
    for (const { address, bytes } of this.taken.splice(0)) this.memory?.release(address, bytes);
  }
}
