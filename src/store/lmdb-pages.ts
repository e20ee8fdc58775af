import { closeSync, openSync, readSync } from 'node:fs';

/*
 * The layout of a data file, of struct MDB_page, MDB_node, MDB_meta and MDB_db in the mdb.c that lmdb-js brings: numbers
 * are little-endian, positions in a page count from behind its header.
 */
const HEADER_BYTES = 24;
const DATABASE_BYTES = 48;
const NODE_BYTES = 8;
const META_PAGES = 2;
const PAGE_FLAGS = { branch: 1, leaf: 2, overflow: 4 } as const;
const NODE_FLAGS = { overflow: 1, tree: 2 } as const;
const NO_ROOT = 2n ** 64n - 1n;

interface Meta {
  readonly pageBytes: number;
  readonly freeList: Buffer;
  readonly main: Buffer;
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** The newer of the two roots of an LMDB data file: that of the last commit. */
export function lastTransaction(file: string): bigint {
  const descriptor = openSync(file, 'r');
  try {
    return readMeta(descriptor).transaction;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Walks all the trees of an LMDB data file, its list of free pages too, which LMDB first reads at a commit, and throws an
 * Error that says what is wrong: a page that is not where or what it should be, that two use, or that is used and free.
 * Nobody may be writing to the file, or a reader of LMDB's must hold the last commit.
 */
export function checkPages(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    const meta = readMeta(descriptor);
    const pages = new Pages(descriptor, meta);
    const freeLists: Buffer[] = [];
    pages.walk(meta.freeList, (key, list) => {
      const transaction = key.length === 8 ? key.readBigUInt64LE() : 0n;
      if (transaction < 1n || transaction > meta.transaction) throw new Error('its list of free pages is damaged');
      freeLists.push(list);
    });
    pages.walk(meta.main, () => {});
    for (const list of freeLists) for (const [first, count] of freeRuns(list)) pages.take(first, count);
  } finally {
    closeSync(descriptor);
  }
}

function readMeta(descriptor: number): Meta {
  const pageBytes = readBytes(descriptor, 0, HEADER_BYTES + 40).readUInt32LE(48);
  const [first, second] = [0, pageBytes].map((position): Meta => {
    const page = readBytes(descriptor, position, 168);
    return {
      pageBytes,
      freeList: page.subarray(48, 48 + DATABASE_BYTES),
      main: page.subarray(96, 96 + DATABASE_BYTES),
      lastPage: Number(page.readBigUInt64LE(144)),
      transaction: page.readBigUInt64LE(152),
    };
  });
  return second!.transaction > first!.transaction ? second! : first!;
}

/** A list of free pages: a count, then page numbers; a negative number is the length of the run that begins at the next. */
function* freeRuns(list: Buffer): Generator<[first: number, count: number]> {
  const numbers = Array.from({ length: Math.floor(list.length / 8) }, (_, n) => list.readBigInt64LE(8 * n));
  const count = Number(numbers[0] ?? -1n);
  if (count < 0 || count >= numbers.length) throw new Error('its list of free pages is damaged');
  for (let n = 1; n <= count; n++) {
    const number = numbers[n]!;
    if (number > 0n) yield [Number(number), 1];
    else if (number < 0n) yield [Number(numbers[++n] ?? 0n), Number(-number)];
  }
}

class Pages {
  readonly #descriptor: number;
  readonly #meta: Meta;
  /** A bit for each page that is in use or free. */
  readonly #taken: Uint8Array;

  constructor(descriptor: number, meta: Meta) {
    this.#descriptor = descriptor;
    this.#meta = meta;
    this.#taken = new Uint8Array(Math.ceil((meta.lastPage + 1) / 8));
  }

  /** Calls back with the key and the value of each entry of a tree but those that are trees, which it walks too. */
  walk(database: Buffer, onEntry: (key: Buffer, value: Buffer) => void): void {
    const root = database.readBigUInt64LE(40);
    const depth = database.readUInt16LE(6);
    const entries = root === NO_ROOT ? 0 : this.#walkPage(Number(root), depth, onEntry);
    const expected = database.readBigUInt64LE(32);
    if (BigInt(entries) !== expected) throw new Error(`a tree of it has ${entries} of ${expected} entries`);
  }

  take(first: number, count: number): void {
    if (first < META_PAGES || count < 1 || first + count - 1 > this.#meta.lastPage) {
      throw new Error(`it has no pages ${first} to ${first + count - 1}`);
    }
    for (let page = first; page < first + count; page++) {
      const bit = 1 << (page & 7);
      if ((this.#taken[page >> 3]! & bit) !== 0) throw new Error(`page ${page} is used twice`);
      this.#taken[page >> 3]! |= bit;
    }
  }

  #walkPage(number: number, depth: number, onEntry: (key: Buffer, value: Buffer) => void): number {
    this.take(number, 1);
    const isLeaf = depth === 1;
    const page = this.#read(number, 1, isLeaf ? PAGE_FLAGS.leaf : PAGE_FLAGS.branch);
    const body = page.subarray(HEADER_BYTES);
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    if (depth < 1 || lower < 2 || lower % 2 !== 0 || lower > upper || upper > body.length) throw damagedPage(number);
    let entries = 0;
    for (let slot = 0; slot < lower; slot += 2) {
      const at = body.readUInt16LE(slot);
      const node = body.subarray(at);
      if (at < upper || node.length < NODE_BYTES) throw damagedPage(number);
      const keyEnd = NODE_BYTES + node.readUInt16LE(6);
      if (keyEnd > node.length) throw damagedPage(number);
      if (!isLeaf) {
        entries += this.#walkPage(node.readUIntLE(0, 6), depth - 1, onEntry);
        continue;
      }
      entries += 1;
      const flags = node.readUInt16LE(4);
      const value = this.#value(number, flags, node.readUInt32LE(0), node.subarray(keyEnd));
      if ((flags & NODE_FLAGS.tree) !== 0) this.walk(value, () => {});
      else onEntry(node.subarray(NODE_BYTES, keyEnd), value);
    }
    return entries;
  }

  #value(number: number, flags: number, length: number, rest: Buffer): Buffer {
    if ((flags & NODE_FLAGS.overflow) === 0) {
      if (length > rest.length || ((flags & NODE_FLAGS.tree) !== 0 && length !== DATABASE_BYTES)) {
        throw damagedPage(number);
      }
      return rest.subarray(0, length);
    }
    if (rest.length < 24) throw damagedPage(number);
    const first = Number(rest.readBigUInt64LE(0));
    const count = Number(rest.readBigUInt64LE(16));
    this.take(first, count);
    const page = this.#read(first, count, PAGE_FLAGS.overflow);
    if (page.readUInt32LE(20) !== count || HEADER_BYTES + length > page.length) throw damagedPage(first);
    return page.subarray(HEADER_BYTES, HEADER_BYTES + length);
  }

  /** Pages that follow each other, when they are of this kind, of this number, and of no later commit than the last. */
  #read(number: number, count: number, flag: number): Buffer {
    const { pageBytes, transaction } = this.#meta;
    const page = readBytes(this.#descriptor, number * pageBytes, count * pageBytes);
    const isOf = page.readBigUInt64LE(0) === BigInt(number) && page.readBigUInt64LE(8) <= transaction;
    if (!isOf || (page.readUInt16LE(18) & 0xff) !== flag) throw damagedPage(number);
    return page;
  }
}

function damagedPage(number: number): Error {
  return new Error(`page ${number} is damaged`);
}

function readBytes(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const read = readSync(descriptor, bytes, at, length - at, position + at);
    if (read === 0) throw new Error(`its file ends before byte ${position + length}`);
    at += read;
  }
  return bytes;
}
