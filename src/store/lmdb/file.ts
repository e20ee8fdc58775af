import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/*
 * The roots of a data file, of struct MDB_page, MDB_meta and MDB_db in the mdb.c that lmdb-js brings. Numbers are
 * little-endian.
 */
const MAGIC = 0xbeefc0de;
export const DATA_VERSION = 2;
const META_FLAG = 0x08;
const META_BYTES = 168;
const TREE_BYTES = 48;
/** In a root page. */
const AT = {
  flags: 18,
  magic: 24,
  version: 28,
  pageBytes: 48,
  freeList: 48,
  main: 96,
  lastPage: 144,
  transaction: 152,
};

/** The content of a root page after a commit. */
export interface Root {
  readonly pageBytes: number;
  /** The heads of the trees of free pages and of the databases. */
  readonly freeList: Buffer;
  readonly main: Buffer;
  readonly lastPage: number;
  readonly transaction: bigint;
}

export function dataFile(directory: string): string {
  return join(directory, 'data.mdb');
}

/** Runs `work` with an open file and returns its result. */
export function withFile<T>(file: string, work: (descriptor: number) => T): T {
  const descriptor = openSync(file, 'r');
  try {
    return work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether both root pages of a data file are there; an empty file is a new database. */
export function hasRoots(file: string): boolean {
  return withFile(file, (descriptor) => {
    const first = readSome(descriptor, 0, META_BYTES);
    if (first.length === 0) return true;
    if (!isRoot(first)) return false;
    const pageBytes = first.readUInt32LE(AT.pageBytes);
    return pageBytes >= 256 && isRoot(readSome(descriptor, pageBytes, META_BYTES));
  });
}

function isRoot(page: Buffer): boolean {
  return (
    page.length === META_BYTES &&
    (page.readUInt16LE(AT.flags) & META_FLAG) !== 0 &&
    page.readUInt32LE(AT.magic) === MAGIC &&
    page.readUInt16LE(AT.version) === DATA_VERSION
  );
}

/** The newer of the two roots, written by the last commit. */
export function readRoot(descriptor: number): Root {
  const first = rootOf(readBytes(descriptor, 0, META_BYTES));
  const second = rootOf(readBytes(descriptor, first.pageBytes, META_BYTES));
  return second.transaction > first.transaction ? second : first;
}

function rootOf(page: Buffer): Root {
  return {
    pageBytes: page.readUInt32LE(AT.pageBytes),
    freeList: page.subarray(AT.freeList, AT.freeList + TREE_BYTES),
    main: page.subarray(AT.main, AT.main + TREE_BYTES),
    lastPage: Number(page.readBigUInt64LE(AT.lastPage)),
    transaction: page.readBigUInt64LE(AT.transaction),
  };
}

/** @throws {Error} if the file ends before them */
export function readBytes(descriptor: number, position: number, length: number): Buffer {
  const bytes = readSome(descriptor, position, length);
  if (bytes.length < length) throw new Error(`its file ends before byte ${position + length}`);
  return bytes;
}

/** Fewer at the end of the file. */
function readSome(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let at = 0;
  for (let read = -1; read !== 0 && at < length; at += read) {
    read = readSync(descriptor, bytes, at, length - at, position + at);
  }
  return bytes.subarray(0, at);
}
