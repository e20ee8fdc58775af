import type { StoredValue } from '../domain/ports.ts';
import { CopiedValue, revisionOf, STAMP_BYTES } from './record.ts';

/** Bytes of all values, including the cost of keeping one: objects, their buffer, the key. */
const MOST_BYTES = 32 * 2 ** 20;
const ENTRY_BYTES = 512;
/** Using a longer value takes so long that reading it is a small part. */
const LONGEST_BYTES = 2 ** 16;

/** How to treat the value of a key that running commits write. */
interface Change {
  commits: number;
  /** Whether it was kept before: values that nobody reads are not kept. */
  readonly known: boolean;
}

/**
 * Values that this process has lately read, and what it has written over them, for a store that no other process writes to.
 * They equal the values in the store. A value is not used while a commit writes its key, nor after a failed commit until
 * another commit succeeds, since the failed one may still take effect.
 */
export class RecentValues {
  /** The oldest come first. */
  private readonly kept = new Map<string, { readonly value: StoredValue; readonly size: number }>();
  private bytes = 0;
  private readonly changing = new Map<string, Change>();
  /** Whether the content of the store is unknown. */
  private failed = false;
  /** No other process writes. */
  readonly alone: boolean;

  constructor(alone: boolean) {
    this.alone = alone;
  }

  get(key: string): StoredValue | undefined {
    return this.kept.get(key)?.value;
  }

  /** The value of a record (record.ts) that was read, which is kept as it is: nobody may write to it. */
  keep(key: string, record: Uint8Array): StoredValue {
    const [revision, bytes] = [revisionOf(record), record.subarray(STAMP_BYTES)];
    this.drop(key);
    // Nobody else has it then.
    if (record.length > LONGEST_BYTES) return { revision, bytes };
    const value = new CopiedValue(revision, bytes);
    if (!this.alone || this.failed || this.changing.has(key)) return value;
    const size = record.length + 2 * key.length + ENTRY_BYTES;
    this.kept.set(key, { value, size });
    this.bytes += size;
    for (const oldest of this.kept.keys()) {
      if (this.bytes <= MOST_BYTES) break;
      this.drop(oldest);
    }
    return value;
  }

  /** A commit that writes the key begins; `settled` ends it. */
  begun(key: string): void {
    if (!this.alone) return;
    const change = this.changing.get(key);
    if (change) change.commits += 1;
    else this.changing.set(key, { commits: 1, known: this.kept.has(key) });
    this.drop(key);
  }

  /** With the record that it has written. */
  settled(key: string, record?: Uint8Array): void {
    const change = this.changing.get(key);
    if (!change) return;
    change.commits -= 1;
    if (change.commits > 0) return;
    this.changing.delete(key);
    if (record && change.known) this.keep(key, record);
  }

  /** A commit has failed. */
  fail(): void {
    this.failed = true;
    this.kept.clear();
    this.bytes = 0;
  }

  /** A commit was made after all that have failed. */
  recover(): void {
    this.failed = false;
  }

  private drop(key: string): void {
    this.bytes -= this.kept.get(key)?.size ?? 0;
    this.kept.delete(key);
  }
}
