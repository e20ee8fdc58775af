import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, 'support/large-buffers.ts');

function collections(how: 'as-shipped' | 'as-v8'): number {
  return Number(execFileSync(process.execPath, [SCRIPT, how], { encoding: 'utf8' }));
}

it('collects far less often while large buffers come and go', () => {
  const before = collections('as-v8');
  expect(before).toBeGreaterThan(4);
  expect(collections('as-shipped')).toBeLessThan(0.75 * before);
});
