import { type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { requireBools } from '../elements.ts';
import {
  coveredBytes,
  type Entry,
  headerLength,
  inOrder,
  LENGTH_BYTES,
  type Parsed,
  parse,
  requireCovered,
} from './header.ts';
import { requireUnpacked } from './safetensors.ts';

const FORMAT = 'safetensors';

interface Checked<T> {
  readonly limits: FileLimits;
  /** Of the whole file; undefined if nobody knows yet. */
  readonly length: number | undefined;
  /** Called once with the header, in slices. What it throws refuses the file, and what it returns is the result. */
  readonly read: (header: Parsed) => Generator<void, T>;
}

/** What the header says of the data. */
interface Data<T> {
  readonly result: T;
  readonly length: number;
  /** Tensors of truth values, in the order of their places: all other bytes are valid. */
  readonly bools: readonly Entry[];
}

/**
 * Checks a safetensors file as it comes, in all that `readSafetensors` checks. It keeps the header alone, and tells `hold` of the limits of
 * its bytes first.
 */
export class SafetensorsCheck<T> {
  private readonly file: Checked<T>;
  /** The length of the header, and then the header. */
  private head: Uint8Array = new Uint8Array(LENGTH_BYTES);
  private headUsed = 0;
  private data: Data<T> | undefined;
  /** Bytes of the data that came, and tensors of truth values among them. */
  private come = 0;
  private checked = 0;

  constructor(file: Checked<T>) {
    this.file = file;
  }

  /** The next bytes, in slices. @throws {Problem} invalid-file, limit-exceeded */
  *take(bytes: Uint8Array): Generator<void> {
    let from = 0;
    while (!this.data && from < bytes.length) {
      const part = bytes.subarray(from, from + this.head.length - this.headUsed);
      this.head.set(part, this.headUsed);
      this.headUsed += part.length;
      from += part.length;
      if (this.headUsed === this.head.length) this.data = yield* this.readHead();
    }
    if (this.data) this.takeData(bytes.subarray(from), this.data);
  }

  /** After the last bytes. @throws {Problem} invalid-file */
  end(): T {
    if (this.data) {
      requireCovered(this.data.length, this.come);
      return this.data.result;
    }
    headerLength(this.head, this.headUsed, this.file.limits);
    throw invalidFile(FORMAT, 'it ends inside its header.');
  }

  private *readHead(): Generator<void, Data<T> | undefined> {
    const { limits, length: announced, read } = this.file;
    if (this.head.length === LENGTH_BYTES) {
      const length = headerLength(this.head, announced ?? limits.maxFileBytes, limits);
      limits.hold?.(length);
      const head = new Uint8Array(LENGTH_BYTES + length);
      head.set(this.head);
      this.head = head;
      if (length > 0) return undefined;
    }
    const header = yield* parse(this.head.subarray(LENGTH_BYTES), limits);
    const entries = inOrder(header.entries);
    const length = coveredBytes(entries, limits);
    if (announced !== undefined) requireCovered(length, announced - this.head.length);
    requireWithin(FORMAT, 'bytes', this.head.length + length, limits.maxFileBytes);
    requireUnpacked(entries, limits);
    const result = yield* read(header);
    this.head = new Uint8Array(0);
    return { result, length, bools: entries.filter(({ type, begin, end }) => type === 'bool' && begin < end) };
  }

  private takeData(bytes: Uint8Array, { length, bools }: Data<T>): void {
    const from = this.come;
    this.come += bytes.length;
    if (this.come > length) requireCovered(length, this.come);
    for (; this.checked < bools.length; this.checked++) {
      const { name, begin, end } = bools[this.checked];
      const first = Math.max(begin, from);
      if (first >= this.come) return;
      try {
        requireBools(bytes.subarray(first - from, Math.min(end, this.come) - from), first - begin);
      } catch (error) {
        throw invalidFile(FORMAT, `in '${name}' ${(error as Error).message}.`, error);
      }
      if (end > this.come) return;
    }
  }
}
