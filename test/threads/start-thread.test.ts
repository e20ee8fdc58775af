import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./threads-of-process.ts', import.meta.url));

function seen(...words: string[]) {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const printed = execFileSync(process.execPath, [SCRIPT, ...words], {
    encoding: 'utf8',
    env: { ...env, SECRET: 'x' },
  });
  return JSON.parse(printed);
}

it('starts threads without the environment', () => {
  expect(seen()).toEqual({ thread: { environment: {} } });
});

it('has threads keep what they compile where the process keeps it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-compiled-'));
  try {
    const { thread, kept } = seen(directory);
    expect(thread).toEqual({ environment: { NODE_COMPILE_CACHE: directory }, kept });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
