import { accessSync, closeSync, constants, existsSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreOpenError } from './store-open-error.ts';

const ROOM_BYTES = 128 * 2 ** 10;
const HEAD_BYTES = 128 * 2 ** 10;
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_DATA_VERSION = 2;
const META_PAGE_FLAG = 0x08;

/**
 * Checks beforehand what would make LMDB fail to open, and throws StoreOpenError for it: when LMDB itself refuses an
 * environment, lmdb-js 3.5 frees its context twice and the process ends with a segmentation fault instead of a message.
 */
export function checkBeforeOpening(directory: string): void {
  const data = dataFile(directory);
  const lock = join(directory, 'lock.mdb');
  for (const file of [data, lock].filter((file) => existsSync(file))) requireAccess(file);
  if (existsSync(data)) requireDatabase(data);
  if (!existsSync(data) || !existsSync(lock)) requireRoom(directory);
}

/**
 * Whether the database lies on a file system that takes no changes now. Asked by opening it: one that the kernel has given
 * up on may say otherwise to access(2).
 */
export function isReadOnly(directory: string): boolean {
  try {
    closeSync(openSync(dataFile(directory), 'r+'));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}

function dataFile(directory: string): string {
  return join(directory, 'data.mdb');
}

function requireAccess(file: string): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    closeSync(openSync(file, 'r+'));
  } catch (error) {
    throw new StoreOpenError(`store file ${file} cannot be written: ${(error as Error).message}`, error);
  }
}

/** Both root pages (struct MDB_page and MDB_meta in LMDB's mdb.c) must be there; an empty file is a new database. */
function requireDatabase(file: string): void {
  const head = readHead(file);
  if (head.length === 0) return;
  const pageSize = head.length >= 52 ? head.readUInt32LE(48) : 0;
  const isRoot = (page: number) =>
    head.length >= page + 32 &&
    (head.readUInt16LE(page + 18) & META_PAGE_FLAG) !== 0 &&
    head.readUInt32LE(page + 24) === LMDB_MAGIC &&
    head.readUInt16LE(page + 28) === LMDB_DATA_VERSION;
  if (!isRoot(0) || pageSize < 256 || !isRoot(pageSize)) {
    throw new StoreOpenError(`store file ${file} is damaged or not an LMDB database of version ${LMDB_DATA_VERSION}`);
  }
}

function readHead(file: string): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(descriptor);
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
