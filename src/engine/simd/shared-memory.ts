/** Bytes of a page of WebAssembly. */
const PAGE = 65_536;
/** Everything starts on a cache line. */
const LINE = 64;
/** The fewest pages to ask for when there is no room. */
const FEWEST_PAGES = 32;
/** Spans that a thread can tell of; each is larger than all before it together, or at least FEWEST_PAGES. */
const MOST_GROWN = 2048;

interface Span {
  start: number;
  end: number;
}

/** A memory that threads can share, for `createSimdEngine`. It takes room as it is used, up to 4 GiB. */
export function newSharedMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: PAGE, shared: true });
}

/** Where a thread notes what it takes of the memory, so that it can be given back when the thread has ended. */
export function newGrowthLog(): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer((1 + 2 * MOST_GROWN) * 4));
}

/**
 * Room in a shared memory. Each thread has its own: all room comes from growing the memory, which is atomic, so that no two
 * threads get the same. What is freed is used again by this thread.
 */
export class SharedMemory {
  readonly memory: WebAssembly.Memory;
  /** Free spans by address, none touching the next. */
  private readonly free: Span[] = [];
  private float32View: Float32Array;
  private float64View: Float64Array;
  private readonly log: Uint32Array | undefined;

  constructor(memory: WebAssembly.Memory, log?: Uint32Array) {
    this.memory = memory;
    this.log = log;
    this.float32View = new Float32Array(memory.buffer);
    this.float64View = new Float64Array(memory.buffer);
  }

  /** An address with room for so many bytes, a multiple of 64. @throws {RangeError} where the memory cannot grow. */
  allocate(bytes: number): number {
    const size = lines(bytes);
    let at = this.free.findIndex(({ start, end }) => end - start >= size);
    if (at < 0) {
      this.grow(size);
      at = this.free.findIndex(({ start, end }) => end - start >= size);
    }
    const span = this.free[at];
    const { start } = span;
    span.start += size;
    if (span.start === span.end) this.free.splice(at, 1);
    return start;
  }

  /** Gives room back: what `allocate` returned for so many bytes. */
  release(start: number, bytes: number): void {
    this.insert(start, start + lines(bytes));
  }

  /** The memory up to `end` at least. A view goes stale when another thread grows the memory, but only beyond its end. */
  float32(end: number): Float32Array {
    if (this.float32View.byteLength < end) this.float32View = new Float32Array(this.memory.buffer);
    return this.float32View;
  }

  float64(end: number): Float64Array {
    if (this.float64View.byteLength < end) this.float64View = new Float64Array(this.memory.buffer);
    return this.float64View;
  }

  private grow(size: number): void {
    const pages = Math.max(Math.ceil(size / PAGE), FEWEST_PAGES);
    const first = this.memory.grow(pages);
    if (this.log && this.log[0] < MOST_GROWN) {
      const at = 1 + 2 * this.log[0]++;
      this.log.set([first, pages], at);
    }
    this.insert(first * PAGE, (first + pages) * PAGE);
  }

  /** Takes over what an ended thread noted in its log. */
  adopt(log: Uint32Array): void {
    for (let k = 0; k < log[0]; k++) {
      const [first, pages] = log.subarray(1 + 2 * k);
      this.insert(first * PAGE, (first + pages) * PAGE);
    }
    log[0] = 0;
  }

  private insert(start: number, end: number): void {
    let at = this.free.length;
    while (at > 0 && this.free[at - 1].start > start) at--;
    const before = this.free[at - 1];
    const after = this.free[at];
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.free.splice(at, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = start;
    else this.free.splice(at, 0, { start, end });
  }
}

function lines(bytes: number): number {
  return Math.ceil(bytes / LINE) * LINE;
}
