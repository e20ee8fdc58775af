/** The most recently used cells are counted, at most this many. */
const MAX_CELLS = 10_000;

/** How often something was done, and the total time of it. */
class Duration {
  count = 0;
  milliseconds = 0;

  add(milliseconds: number): void {
    this.count += 1;
    this.milliseconds += milliseconds;
  }

  show() {
    return { count: this.count, ns: Math.round(this.milliseconds * 1e6) };
  }
}

/** Counts of one cell in this process. */
class CellStatistics {
  rows = 0;
  /** Milliseconds since 1970. */
  last = 0;
  readonly success = new Duration();
  readonly fail = new Duration();
  readonly input = new Duration();
  readonly infer = new Duration();
  readonly output = new Duration();
}

/** When the parts of a request began, in milliseconds of performance.now(). */
export interface Times {
  readonly start: number;
  /** The inputs are read. */
  readonly read: number;
  /** The result is computed, and durable if it is part of a sequence. */
  readonly inferred: number;
}

/** Counts inferences by tenant and cell, in memory. The counts start again with the process, as in Triton. */
export class Statistics {
  private readonly cells = new Map<string, CellStatistics>();

  succeeded(owner: string, rows: number, { start, read, inferred }: Times, now: number): void {
    const own = this.of(owner);
    const end = performance.now();
    own.rows += rows;
    own.last = now;
    own.success.add(end - start);
    own.input.add(read - start);
    own.infer.add(inferred - read);
    own.output.add(end - inferred);
  }

  failed(owner: string, start: number): void {
    this.of(owner).fail.add(performance.now() - start);
  }

  /** In the form of the protocol. Nothing waits in a queue, because steps of one cell share a product. */
  show(owner: string, name: string, version: string) {
    const own = this.cells.get(owner) ?? new CellStatistics();
    const none = new Duration().show();
    return {
      name,
      version,
      last_inference: own.last,
      inference_count: own.rows,
      execution_count: own.success.count,
      inference_stats: {
        success: own.success.show(),
        fail: own.fail.show(),
        queue: none,
        compute_input: own.input.show(),
        compute_infer: own.infer.show(),
        compute_output: own.output.show(),
        cache_hit: none,
        cache_miss: none,
      },
      batch_stats: [],
      memory_usage: [],
    };
  }

  private of(owner: string): CellStatistics {
    const own = this.cells.get(owner) ?? new CellStatistics();
    this.cells.delete(owner);
    this.cells.set(owner, own);
    for (const oldest of this.cells.keys()) {
      if (this.cells.size <= MAX_CELLS) break;
      this.cells.delete(oldest);
    }
    return own;
  }
}
