import { statfsSync } from 'node:fs';
import type { LmdbDatabase } from './database.ts';

const MEGABYTE = 2 ** 20;
/** Bytes to keep free on the disk for deletions, which copy pages too. */
const RESERVE_BYTES = MEGABYTE;
const DELETION_BYTES = RESERVE_BYTES / 4;
/** Bytes that a commit may change besides its values: the pages that lead to them, and LMDB's list of free pages. */
const PATH_PAGES = 64;

/** Whether the disk has enough room above the reserve for commits of usual size. */
export function hasRoom(directory: string): boolean {
  return freeBytes(directory) >= 2 * RESERVE_BYTES;
}

/**
 * Whether there is room for values of this many bytes, on the disk or in free pages of the file. Checked before a commit:
 * when a write fails, lmdb-js 3.5 prints the reason into a buffer that may be too short, which may end the process.
 */
export function hasRoomFor(size: number, { root, ...named }: LmdbDatabase, directory: string): boolean {
  const free = freeBytes(directory);
  if (free >= (size === 0 ? DELETION_BYTES : 2 * size + RESERVE_BYTES)) return true;
  const all = root.getStats() as Statistics;
  const trees = [all, all.free, ...Object.values(named).map((tree) => tree.getStats() as TreeStatistics)];
  const used = trees.reduce((sum, tree) => sum + pagesOf(tree), 2);
  return all.lastPageNumber + 1 - used >= PATH_PAGES + 4 * Math.ceil(size / all.pageSize);
}

interface TreeStatistics {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface Statistics extends TreeStatistics {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly free: TreeStatistics;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: TreeStatistics): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

/** For this user; Infinity if the file system does not say. */
export function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
