import { randomBytes } from 'node:crypto';

/** `cell_0198…`: the prefix and a UUID version 7 (RFC 9562), whose first 48 bits are the time, so that ids sort by it. */
export function newUuidId(prefix: string): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return `${prefix}_${parts.join('-')}`;
}
