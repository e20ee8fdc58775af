import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { freePort } from '../scripts/free-port.ts';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

it('gives ports that the system gives to nobody else, each once', async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, freePort));
  expect(new Set(ports).size).toBe(200);
  // Where connections have their ports, and servers that ask for any.
  const [first] = existsSync(RANGE) ? readFileSync(RANGE, 'utf8').split('\t').map(Number) : [49_152];
  expect(Math.max(...ports)).toBeLessThan(first);
});
