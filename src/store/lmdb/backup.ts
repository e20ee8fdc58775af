import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { open } from 'lmdb';
import type { Store } from '../../domain/ports.ts';
import { makeDirectory } from '../make-directory.ts';
import { StoreOpenError } from '../store-open-error.ts';
import { syncPath } from '../sync-path.ts';
import { dataFile } from './file.ts';
import { openLmdbStore } from './lmdb.ts';
import { checkBeforeOpening } from './preflight.ts';

export interface BackupResult {
  /** Keys in the copy. Each was read back. */
  readonly records: number;
  /** Bytes of their values. */
  readonly bytes: number;
}

const PAGE = 1_000;

/**
 * Copies the LMDB store of `directory`, even while it is in use, to the directory `target`, which must be missing or empty.
 * The copy is consistent: it has every commit acknowledged before the call, and only whole commits. It is read back
 * completely and gets its name only when it is complete and on the disk. An `abort` leaves nothing. During the copy the store
 * does not reuse the pages that it frees, so it may grow. Throws StoreOpenError when there is no store in `directory`, or
 * `target` cannot be used.
 */
export async function backupLmdb(directory: string, target: string, abort?: AbortSignal): Promise<BackupResult> {
  if (!existsSync(dataFile(directory))) throw new StoreOpenError(`there is no store in ${directory}`);
  checkBeforeOpening(directory);
  const end = resolve(target);
  requireEmpty(end);
  const partial = makePartial(end);
  abort?.addEventListener('abort', () => rmSync(partial, { recursive: true, force: true }), { once: true });
  try {
    await copy(directory, partial);
    const result = await readBack(partial);
    for (const file of readdirSync(partial)) if (file !== 'data.mdb') rmSync(join(partial, file));
    chmodSync(dataFile(partial), 0o600);
    for (const path of [dataFile(partial), partial]) syncPath(path);
    abort?.throwIfAborted();
    renameSync(partial, end);
    syncPath(dirname(end));
    return result;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function requireEmpty(target: string): void {
  if (!existsSync(target)) return;
  let names: string[];
  try {
    names = readdirSync(target);
  } catch (error) {
    throw new StoreOpenError(`${target} is not a directory; name one that is missing or empty`, error);
  }
  if (names.length > 0) {
    throw new StoreOpenError(`${target} is not empty (${names[0]}); name a directory that is missing or empty`);
  }
}

/** Beside the target, so that it can be renamed. */
function makePartial(target: string): string {
  try {
    makeDirectory(dirname(target));
    return mkdtempSync(`${target}.partial-`);
  } catch (error) {
    throw new StoreOpenError(`${target} cannot be made: ${(error as Error).message}`, error);
  }
}

/** Uses LMDB's own copy in a read transaction, compacted, so free pages are left out. */
async function copy(directory: string, partial: string): Promise<void> {
  const root = open<string, string>({ path: directory, readOnly: true, noSubdir: false, encoding: 'string' });
  try {
    await root.backup(partial, true);
  } finally {
    await root.close();
  }
}

async function readBack(directory: string): Promise<BackupResult> {
  const store: Store = await openLmdbStore({ directory });
  try {
    let [records, bytes] = [0, 0];
    for (let after: string | undefined; ; ) {
      const page = await store.list('', after, PAGE);
      records += page.length;
      for (const entry of page) bytes += entry.bytes.length;
      if (page.length < PAGE) return { records, bytes };
      after = page.at(-1)?.key;
    }
  } finally {
    await store.close();
  }
}
