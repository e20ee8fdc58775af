/** What a loaded graph takes for each byte of its file: the file, its weights, and what the runtime makes of them. */
const BYTES_PER_FILE_BYTE = 3;
/** Of the memory of a process; the rest is for runs. */
const SHARE = 0.5;

/** The graphs that a process has loaded, the least recently used first. */
export class LoadedGraphs {
  private readonly most: number;
  private readonly bytes = new Map<string, number>();
  private sum = 0;

  constructor(maxBytes: number) {
    this.most = maxBytes * SHARE;
  }

  /** Whether it is loaded; it then counts as used. */
  has(graph: string): boolean {
    const bytes = this.bytes.get(graph);
    if (bytes === undefined) return false;
    this.bytes.delete(graph);
    this.bytes.set(graph, bytes);
    return true;
  }

  /** Counts a graph as loaded. Returns those to let go of. */
  add(graph: string, fileBytes: number): string[] {
    const bytes = fileBytes * BYTES_PER_FILE_BYTE;
    const released: string[] = [];
    for (const oldest of this.bytes.keys()) {
      if (this.sum + bytes <= this.most) break;
      this.delete(oldest);
      released.push(oldest);
    }
    this.bytes.set(graph, bytes);
    this.sum += bytes;
    return released;
  }

  delete(graph: string): void {
    this.sum -= this.bytes.get(graph) ?? 0;
    this.bytes.delete(graph);
  }
}
