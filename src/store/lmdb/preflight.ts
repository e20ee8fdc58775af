import { accessSync, closeSync, constants, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreOpenError } from '../store-open-error.ts';
import { DATA_VERSION, dataFile, hasRoots } from './file.ts';

const ROOM_BYTES = 128 * 2 ** 10;

/**
 * Checks for anything that would make LMDB fail to open, and throws StoreOpenError. If LMDB itself refuses an environment,
 * lmdb-js 3.5 frees its context twice, and the process ends with a segmentation fault instead of a message.
 */
export function checkBeforeOpening(directory: string): void {
  const data = dataFile(directory);
  const lock = join(directory, 'lock.mdb');
  for (const file of [data, lock].filter((file) => existsSync(file))) requireAccess(file);
  if (existsSync(data) && !hasRoots(data)) {
    throw new StoreOpenError(`store file ${data} is damaged or not an LMDB database of version ${DATA_VERSION}`);
  }
  if (!existsSync(data) || !existsSync(lock)) requireRoom(directory);
}

/**
 * Whether the database is on a file system that is read-only now. Tries to open the file: access(2) may give a wrong answer
 * after the kernel has made the file system read-only.
 */
export function isReadOnly(directory: string): boolean {
  try {
    closeSync(openSync(dataFile(directory), 'r+'));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}

function requireAccess(file: string): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    closeSync(openSync(file, 'r+'));
  } catch (error) {
    throw new StoreOpenError(`store file ${file} cannot be written: ${(error as Error).message}`, error);
  }
}

/** A new database or lock file on a full disk: LMDB would fail to open, or touch a page that the disk cannot give. */
function requireRoom(directory: string): void {
  const probe = join(directory, 'room.tmp');
  try {
    writeFileSync(probe, Buffer.alloc(ROOM_BYTES), { flush: true, mode: 0o600 });
  } catch (error) {
    throw new StoreOpenError(
      `store directory ${directory} has no room for a store: ${(error as Error).message}`,
      error,
    );
  } finally {
    rmSync(probe, { force: true });
  }
}
