import type { StoreWrite } from '../../domain/ports.ts';
import { nextTurn } from '../../threads/in-turns.ts';

/** So many bytes are copied in a millisecond or so. */
const LARGE_BYTES = 2 ** 20;

/** Lets the event loop turn, where a change writes so much that each copy of it takes long. */
export function breathe(writes: readonly StoreWrite[]): Promise<void> | undefined {
  return bytesOfWrites(writes) < LARGE_BYTES ? undefined : nextTurn();
}

export function bytesOfWrites(writes: readonly StoreWrite[]): number {
  return writes.reduce((sum, write) => sum + (write.bytes?.length ?? 0), 0);
}
