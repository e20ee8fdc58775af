import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { indices } from '../properties/paths/options.ts';

const SCRIPT = fileURLToPath(new URL('../properties/paths/digest.ts', import.meta.url));

it('kernels that V8 makes wider have the same bits as those that it does not', async () => {
  const cases = Math.max(...indices(48)) + 1;
  const digests = async (width: 'wide' | 'narrow') => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-liftoff', SCRIPT, width, `${cases}`]);
    return stdout.trim().split('\n');
  };
  const wide = await digests('wide');
  expect(wide.length).toBe(cases);
  expect(await digests('narrow')).toEqual(wide);
});
