import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory and its parents for this user only. It does not use mkdir's `recursive`, because under /proc, where mkdir
 * fails with ENOENT, Node 26 then tries forever.
 */
export function makeDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(directory);
  if (!existsSync(parent) && parent !== directory) makeDirectory(parent);
  mkdirSync(directory, { mode: 0o700 });
}
