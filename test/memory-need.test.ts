import { expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { memoryTooSmall } from '../src/memory-need.ts';

const GIB = 2 ** 30;

it('lets the defaults run in the memory that deploy/ gives', () => {
  expect(memoryTooSmall(readConfig({}), GIB)).toBeUndefined();
});

it.each([
  [{ CELLSTEP_MAX_THING_BYTES: `${2 ** 28}` }, '3 x CELLSTEP_MAX_THING_BYTES 256 = 1408 MiB'],
  [{ CELLSTEP_MAX_IN_FLIGHT_BYTES: `${2 ** 30}` }, 'CELLSTEP_MAX_IN_FLIGHT_BYTES 1024'],
  [{ CELLSTEP_WORKERS: '2' }, 'for each of CELLSTEP_WORKERS 2'],
])('refuses %o in a container of 1 GiB, and says the sum in one line', (env, words) => {
  const line = memoryTooSmall(readConfig(env), GIB);
  expect(line).toContain(words);
  expect(line).toMatch(/^The limits add up to more than the 1024 MiB .*[^\n]$/);
});
