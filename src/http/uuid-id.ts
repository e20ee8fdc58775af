import { randomFillSync } from 'node:crypto';
import type { NewId } from '../domain/ports.ts';

/** Random bytes are drawn in bulk: every request needs an id, and most of its cost is the call for randomness. */
const DRAWN = 256;

/** `cell_0198…`: the prefix and a UUID version 7 (RFC 9562), whose first 48 bits are the time, so that ids sort by it. */
export function createUuidIds(): NewId {
  const pool = Buffer.alloc(16 * DRAWN);
  let next = pool.length;
  return (prefix) => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const start = next;
    next += 16;
    pool.writeUIntBE(Date.now(), start, 6);
    pool[start + 6] = (pool[start + 6] & 0x0f) | 0x70;
    pool[start + 8] = (pool[start + 8] & 0x3f) | 0x80;
    const hex = pool.toString('hex', start, next);
    return `${prefix}_${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}
