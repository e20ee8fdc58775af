import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { type KeyEntry, keyEntry, nameSchema } from './key-entry.ts';
import { type QuotaEntry, quotaEntry } from './quota-entry.ts';

const MAX_BYTES = 4 * 2 ** 20;

const keysFile = z.strictObject({
  keys: z.array(keyEntry).max(10_000),
  quotas: z.record(nameSchema, quotaEntry).default({}),
});

export interface KeysFile {
  readonly keys: readonly KeyEntry[];
  /** By tenant. */
  readonly quotas: Readonly<Record<string, QuotaEntry>>;
}

/** An error in a file of keys, for a person. It quotes no content except names of fields. */
export class KeysFileError extends Error {}

/** @throws {KeysFileError} */
export function readKeysFile(path: string): KeysFile {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw new KeysFileError(`'${path}' has ${size} bytes; at most ${MAX_BYTES} are read`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof KeysFileError) throw error;
    throw new KeysFileError(`'${path}' cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new KeysFileError(`'${path}' is not JSON`);
  }
  const parsed = keysFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path: place, message }] = parsed.error.issues;
  throw new KeysFileError(`'${path}' has a mistake at /${place.join('/')}: ${message}`);
}

/**
 * Replaces the content of a file with the result of `change`. Makes the file if it is missing. It makes the whole change or
 * none, and only one writer works at a time. Only the owner of the file may read it. @throws {KeysFileError}, and what
 * `change` throws
 */
export function changeKeysFile(path: string, change: (file: KeysFile) => KeysFile): void {
  const draft = `${path}.new`;
  let file: number;
  try {
    file = openSync(draft, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new KeysFileError(`'${draft}' cannot be made (${code})`);
    throw new KeysFileError(
      `'${draft}' exists: another command is changing the keys, or one died. Remove it if none runs`,
    );
  }
  try {
    const former = statSync(path, { throwIfNoEntry: false }) ? readKeysFile(path) : { keys: [], quotas: {} };
    writeSync(file, `${JSON.stringify(change(former), null, 2)}\n`);
    fsyncSync(file);
    closeSync(file);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  }
  renameSync(draft, path);
}
