import { readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/**
 * By how many percent the heap may grow until V8 collects all of it. V8 counts the buffers that were made meanwhile, dead or alive: for a
 * heap of 40 MiB a collection begins after 80 MiB of them, in place of 16. ADR 129.
 */
const FREELY = 200;
/** V8 chooses, by how fast it collects and how fast the service allocates. */
const AS_V8_CHOOSES = 0;
/** Of the memory of the process, what may be in use together with that growth. The rest is for what the limits of the service allow. */
const PLENTY = 0.6;
const LOOK_MILLISECONDS = 50;

interface Heap {
  /** Bytes that the process has for itself, and those of its heap without buffers. */
  readonly used: () => number;
  readonly size: () => number;
  /** Counts from the next collection on. */
  readonly grow: (percent: number) => void;
}

const HEAP: Heap = {
  used: usedMemory,
  size: () => getHeapStatistics().used_heap_size,
  grow: (percent) => setFlagsFromString(`--heap-growing-percent=${percent}`),
};

/** Lets V8 collect the whole heap more seldom while the process has memory to spare. Counts for all threads. */
export class HeapGrowth {
  private readonly plenty: number;
  private readonly heap: Heap;
  private isFree = false;

  constructor(memoryBytes: number, heap = HEAP) {
    this.plenty = PLENTY * memoryBytes;
    this.heap = heap;
  }

  /** Looks from now on. */
  begin(): void {
    this.look();
    setInterval(() => this.look(), LOOK_MILLISECONDS).unref();
  }

  look(): void {
    const { used, size, grow } = this.heap;
    const isFree = used() + (FREELY / 100) * size() <= this.plenty;
    if (isFree === this.isFree) return;
    this.isFree = isFree;
    grow(isFree ? FREELY : AS_V8_CHOOSES);
  }
}

/** Without the pages of files, which the system takes back when it needs them. Only Linux tells them apart. */
export function usedMemory(): number {
  try {
    const [, kibibytes] = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    if (kibibytes) return Number(kibibytes) * 1024;
  } catch {
    // Another system.
  }
  return process.memoryUsage.rss();
}
