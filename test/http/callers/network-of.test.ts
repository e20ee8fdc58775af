import { expect, it } from 'vitest';
import { clientAt } from '../../../src/http/callers/callers.ts';
import { networkOf } from '../../../src/http/callers/network-of.ts';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '::ffff:192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:'],
  ['2001:db8:1:2::6', '2001:db8:1:2:'],
  ['2001:db8::6', '2001:db8:0:0:'],
  ['2001:db8::3:4:5:6', '2001:db8:0:0:'],
  ['1::4:5:6:7:8', '1:0:0:4:'],
  ['fe80::1%eth0', 'fe80:0:0:0:'],
  ['::1', '0:0:0:0:'],
  ['::', '0:0:0:0:'],
])('says that %s belongs to %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it('takes all addresses of a network of IPv6 for one client', () => {
  expect(clientAt('2001:db8:1:2::a')).toBe(clientAt('2001:db8:1:2:ffff::b'));
  expect(clientAt('2001:db8:1:3::a')).not.toBe(clientAt('2001:db8:1:2::a'));
  expect(clientAt(undefined)).toBe('address:');
});
