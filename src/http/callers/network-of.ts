const FOUR_GROUPS = /^(?:[0-9a-f]{1,4}:){4}/i;
/** An address of IPv4 on a socket of IPv6. */
const MAPPED = '::ffff:';

/**
 * Who an address belongs to: an address of IPv4 itself, of one of IPv6 the first 64 bits. Whoever has one of those has all addresses
 * that begin with them, and would be 2^64 clients.
 */
export function networkOf(address = ''): string {
  if (!address.includes(':') || address.startsWith(MAPPED)) return address;
  return FOUR_GROUPS.exec(address)?.[0] ?? fourGroupsOf(address);
}

/** Of an address with `::` among its first groups. */
function fourGroupsOf(address: string): string {
  const [head, tail = ''] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}:`;
}
