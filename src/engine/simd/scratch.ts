import type { PackedCell } from './packed-cell.ts';
import type { SharedMemory } from './shared-memory.ts';

/** Scratch of one thread, unless a single row needs more: so many rows that weights which no cache holds are seldom read. */
const BUDGET = 2 ** 22;
const MEGABYTE = 2 ** 20;
/** Rows that the kernels take at once. */
export const FOUR = 4;

/** Where one block of rows is worked on: addresses, each for so many rows. */
export interface Workplace {
  /** Rows that there is room for. */
  readonly rows: number;
  /** The address behind it all. */
  readonly end: number;
  readonly x: number;
  readonly z: number;
  readonly h: number;
  readonly nextH: number;
  readonly c: number;
  readonly nextC: number;
  /** What comes out of the activations. */
  readonly a: number;
  /** The sums of the state's product, of a GRU. */
  readonly s: number;
  /** r∘h, or h' before its projection. */
  readonly full: number;
  /** What a product takes four rows at a time. */
  readonly fours: number;
}

/** The room in which a thread computes; what one call leaves there means nothing to the next. */
export class Scratch {
  private readonly memory: SharedMemory;
  private address = 0;
  private bytes = 0;

  constructor(memory: SharedMemory) {
    this.memory = memory;
  }

  /** A workplace for as many of `rows` rows as are good for the cache. `products`: of how many steps each row has x and z. */
  layOut(cell: PackedCell, rows: number, products = 1): Workplace {
    const { width, hStride, sums, gateSums } = cell;
    const xStride = inputStride(cell);
    const full = Math.max(width, hStride);
    const fours = Math.max(xStride * products, full);
    const perRow = (xStride + sums) * products + hStride * (products + 1) + 7 * width + sums + gateSums + full + fours;
    const fitting = Math.floor(BUDGET / perRow);
    const most = Math.max(1, Math.min(rows, fitting > FOUR ? fitting - (fitting % FOUR) : fitting));
    const start = this.room(most * perRow + 1024);
    let end = start;
    const take = (stride: number) => {
      const at = end;
      end += Math.ceil((most * stride) / 64) * 64;
      return at;
    };
    const places = {
      x: take(xStride * products),
      z: take(sums * products),
      h: take(hStride),
      nextH: take(hStride * products),
      c: take(width),
      nextC: take(width),
      a: take(5 * width),
      s: take(sums + gateSums),
      full: take(full),
      fours: take(fours),
    };
    return { rows: most, end, ...places };
  }

  /** Room for so many bytes, on a cache line. */
  room(bytes: number): number {
    if (this.bytes < bytes) {
      if (this.bytes > 0) this.memory.release(this.address, this.bytes);
      this.bytes = 0;
      const wanted = Math.ceil(bytes / MEGABYTE) * MEGABYTE;
      this.address = this.memory.allocate(wanted);
      this.bytes = wanted;
    }
    return this.address;
  }
}

/** Bytes of one row of inputs. */
export function inputStride({ features, arithmetic }: PackedCell): number {
  return features * (arithmetic === 'float32' ? 4 : 8);
}
