import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./support/large-buffers.ts', import.meta.url));

function collections(how: 'as-shipped' | 'as-v8'): number {
  return Number(execFileSync(process.execPath, [SCRIPT, how], { encoding: 'utf8' }));
}

it('collects far less often while large buffers come and go', () => {
  const before = collections('as-v8');
  expect(before).toBeGreaterThan(4);
  expect(collections('as-shipped')).toBeLessThan(0.75 * before);
});
