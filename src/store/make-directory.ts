import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory, and those above it, for this user only. Not by mkdir's own `recursive`: under /proc, where making
 * fails with ENOENT, Node 26 then tries without end.
 */
export function makeDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(directory);
  if (!existsSync(parent) && parent !== directory) makeDirectory(parent);
  mkdirSync(directory, { mode: 0o700 });
}
