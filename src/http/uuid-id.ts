import { randomFillSync } from 'node:crypto';
import type { NewId } from '../domain/ports.ts';

/** Random bytes are drawn and written down in bulk: every request needs an id, and each call for either takes long. */
const DRAWN = 256;
/** Random bytes of one id, with its version and its variant; two digits each. */
const BYTES = 10;

/** `cell_0198…`: the prefix and a UUID version 7 (RFC 9562), whose first 48 bits are the time, so that ids sort by it. */
export function createUuidIds(): NewId {
  let digits = '';
  let next = 0;
  let now = 0;
  let time = '';
  return (prefix) => {
    if (next === digits.length) {
      digits = draw();
      next = 0;
    }
    const present = Date.now();
    if (present !== now) {
      now = present;
      const text = now.toString(16).padStart(12, '0');
      time = `${text.slice(0, 8)}-${text.slice(8)}`;
    }
    const from = next;
    next += 2 * BYTES;
    return `${prefix}_${time}-${digits.slice(from, from + 4)}-${digits.slice(from + 4, from + 8)}-${digits.slice(from + 8, next)}`;
  };
}

function draw(): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(DRAWN * BYTES));
  for (let at = 0; at < bytes.length; at += BYTES) {
    bytes[at] = (bytes[at] & 0x0f) | 0x70;
    bytes[at + 2] = (bytes[at + 2] & 0x3f) | 0x80;
  }
  return bytes.toString('hex');
}
