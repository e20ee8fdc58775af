import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { z } from 'zod';
import { type KeyEntry, keyEntry, nameSchema } from './key-entry.ts';
import { type QuotaEntry, quotaEntry } from './quota-entry.ts';

const MAX_BYTES = 4 * 2 ** 20;

const keysFile = z.strictObject({
  keys: z.array(keyEntry).max(10_000).superRefine(refuseTwins),
  quotas: z.record(nameSchema, quotaEntry).default({}),
});

export interface KeysFile {
  readonly keys: readonly KeyEntry[];
  /** By tenant. */
  readonly quotas: Readonly<Record<string, QuotaEntry>>;
}

/** An error in a file of keys, for a person. It quotes no content except names of fields. */
export class KeysFileError extends Error {}

/** A key of two entries would belong to whoever comes last. */
function refuseTwins(keys: readonly KeyEntry[], context: z.RefinementCtx): void {
  const names = new Map<string, string>();
  for (const [place, { name, sha256 }] of keys.entries()) {
    const twin = names.get(sha256);
    if (twin !== undefined) {
      context.addIssue({ code: 'custom', path: [place, 'sha256'], message: `is the key of '${twin}' already` });
    }
    names.set(sha256, name);
  }
}

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
  return checked(path, json);
}

/** @throws {KeysFileError} */
function checked(path: string, json: unknown): KeysFile {
  const parsed = keysFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path: place, message }] = parsed.error.issues;
  throw new KeysFileError(`'${path}' has a mistake at /${place.join('/')}: ${message}`);
}

/** @throws {KeysFileError} if no service would read it */
function textOf(path: string, file: KeysFile): string {
  const text = `${JSON.stringify(checked(path, file), null, 2)}\n`;
  const { length } = Buffer.from(text);
  if (length <= MAX_BYTES) return text;
  throw new KeysFileError(`'${path}' would have ${length} bytes; at most ${MAX_BYTES} are read`);
}

/**
 * Replaces the content of a file with the result of `change`. Makes the file if it is missing. It makes the whole change or
 * none, and only one writer works at a time. Only the owner of a new file may read it. @throws {KeysFileError}, and what
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
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats) keepReaders(file, stats);
    const former = stats ? readKeysFile(path) : { keys: [], quotas: {} };
    writeSync(file, textOf(path, change(former)));
    fsyncSync(file);
    closeSync(file);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  }
  renameSync(draft, path);
}

/** A service that could not read the file any more would go on with keys that were revoked. */
function keepReaders(file: number, { mode, uid, gid }: Stats): void {
  // Only root may give a file away.
  if (process.getuid?.() === 0) fchownSync(file, uid, gid);
  fchmodSync(file, mode & 0o777);
}
