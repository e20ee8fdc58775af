import { fstatSync } from 'node:fs';
import { type Root, readBytes, readRoot, withFile } from './file.ts';

/*
 * The layout of pages, of struct MDB_page and MDB_node in the mdb.c that lmdb-js brings: numbers are little-endian, positions
 * in a page count from behind its header.
 */
const HEADER_BYTES = 24;
const TREE_BYTES = 48;
const NODE_BYTES = 8;
const ROOT_PAGES = 2;
const PAGE_FLAGS = { branch: 1, leaf: 2, overflow: 4 } as const;
const NODE_FLAGS = { overflow: 1, tree: 2 } as const;
const NO_PAGE = 2n ** 64n - 1n;

/** Of the last commit. */
export function lastTransaction(file: string): bigint {
  return withFile(file, (descriptor) => readRoot(descriptor).transaction);
}

/**
 * Walks all trees of an LMDB data file, including the list of free pages, which LMDB itself reads only at a commit. Throws an
 * Error for a page that is wrong, missing, used twice, or both used and free. Nobody may write to the file meanwhile, unless
 * an LMDB reader holds the last commit.
 */
export function checkPages(file: string): void {
  withFile(file, (descriptor) => {
    const root = readRoot(descriptor);
    const pages = new Pages(descriptor, root);
    const freeLists: Buffer[] = [];
    pages.walk(root.freeList, (key, read) => {
      const transaction = key.length === 8 ? key.readBigUInt64LE() : 0n;
      if (transaction < 1n || transaction > root.transaction) throw new Error('its list of free pages is damaged');
      freeLists.push(read());
    });
    pages.walk(root.main);
    for (const list of freeLists) for (const [first, count] of freeRuns(list)) pages.take(first, count);
  });
}

/** An entry of a tree, and how to read its value. */
type OnEntry = (key: Buffer, read: () => Buffer) => void;

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
  readonly #root: Root;
  readonly #fileBytes: number;
  /** A bit for each page that is in use or free. */
  readonly #taken: Uint8Array;

  constructor(descriptor: number, root: Root) {
    this.#descriptor = descriptor;
    this.#root = root;
    this.#fileBytes = fstatSync(descriptor).size;
    this.#taken = new Uint8Array(Math.ceil((root.lastPage + 1) / 8));
  }

  /** Calls back with each entry of a tree. Entries that are trees are walked instead. */
  walk(tree: Buffer, onEntry?: OnEntry): void {
    const root = tree.readBigUInt64LE(40);
    const depth = tree.readUInt16LE(6);
    const entries = root === NO_PAGE ? 0 : this.#walkPage(Number(root), depth, onEntry);
    const expected = tree.readBigUInt64LE(32);
    if (BigInt(entries) !== expected) throw new Error(`a tree of it has ${entries} of ${expected} entries`);
  }

  take(first: number, count: number): void {
    if (first < ROOT_PAGES || count < 1 || first + count - 1 > this.#root.lastPage) {
      throw new Error(`it has no pages ${first} to ${first + count - 1}`);
    }
    for (let page = first; page < first + count; page++) {
      const bit = 1 << (page & 7);
      if ((this.#taken[page >> 3]! & bit) !== 0) throw new Error(`page ${page} is used twice`);
      this.#taken[page >> 3]! |= bit;
    }
  }

  #walkPage(number: number, depth: number, onEntry?: OnEntry): number {
    const isLeaf = depth === 1;
    const page = this.#use(number, 1, isLeaf ? PAGE_FLAGS.leaf : PAGE_FLAGS.branch);
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
      if (isLeaf) {
        this.#visit(number, node, keyEnd, onEntry);
        entries += 1;
      } else {
        entries += this.#walkPage(node.readUIntLE(0, 6), depth - 1, onEntry);
      }
    }
    return entries;
  }

  #visit(number: number, node: Buffer, keyEnd: number, onEntry?: OnEntry): void {
    const length = node.readUInt32LE(0);
    const flags = node.readUInt16LE(4);
    const rest = node.subarray(keyEnd);
    const key = node.subarray(NODE_BYTES, keyEnd);
    if ((flags & NODE_FLAGS.overflow) !== 0) {
      const position = this.#overflow(number, rest, length);
      onEntry?.(key, () => readBytes(this.#descriptor, position, length));
    } else if (length > rest.length) {
      throw damagedPage(number);
    } else if ((flags & NODE_FLAGS.tree) === 0) {
      onEntry?.(key, () => rest.subarray(0, length));
    } else if (length === TREE_BYTES) {
      this.walk(rest);
    } else {
      throw damagedPage(number);
    }
  }

  /** The place of a value that has its own pages. */
  #overflow(number: number, place: Buffer, length: number): number {
    if (place.length < 24) throw damagedPage(number);
    const first = Number(place.readBigUInt64LE(0));
    const count = Number(place.readBigUInt64LE(16));
    const { pageBytes } = this.#root;
    const page = this.#use(first, count, PAGE_FLAGS.overflow);
    if (page.readUInt32LE(20) !== count || HEADER_BYTES + length > count * pageBytes) throw damagedPage(first);
    return first * pageBytes + HEADER_BYTES;
  }

  /** The first of pages that belong together. Checks its kind, its number and its commit. */
  #use(first: number, count: number, flag: number): Buffer {
    this.take(first, count);
    const { pageBytes, transaction } = this.#root;
    const end = (first + count) * pageBytes;
    if (end > this.#fileBytes) throw new Error(`its file ends before byte ${end}`);
    const page = readBytes(this.#descriptor, first * pageBytes, pageBytes);
    const isOf = page.readBigUInt64LE(0) === BigInt(first) && page.readBigUInt64LE(8) <= transaction;
    if (!isOf || (page.readUInt16LE(18) & 0xff) !== flag) throw damagedPage(first);
    return page;
  }
}

function damagedPage(number: number): Error {
  return new Error(`page ${number} is damaged`);
}
