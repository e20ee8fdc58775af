import { statfsSync } from 'node:fs';
import type { LmdbDatabase } from './lmdb-database.ts';

const MEGABYTE = 2 ** 20;
/** Kept free on the disk, for deletions, which copy pages too. */
const RESERVE_BYTES = MEGABYTE;
const DELETION_BYTES = RESERVE_BYTES / 4;
/** What a commit may change beside its values: the pages on the way to them, and LMDB's own list of free pages. */
const PATH_PAGES = 64;

/** Whether the disk has so much more than the reserve that commits of usual size find room. */
export function hasRoom(directory: string): boolean {
  return freeBytes(directory) >= 2 * RESERVE_BYTES;
}

/**
 * Whether values of so many bytes find room, on the disk or in pages that the file has to spare. Asked before a commit: when
 * a write fails, lmdb-js 3.5 prints the reason into a buffer that may be too short for it, and may take the process with it.
 */
export function hasRoomFor(size: number, { root, records }: LmdbDatabase, directory: string): boolean {
  const free = freeBytes(directory);
  if (free >= (size === 0 ? DELETION_BYTES : 2 * size + RESERVE_BYTES)) return true;
  const all = root.getStats() as Statistics;
  const used = [all, all.free, records.getStats() as TreeStatistics].reduce((sum, tree) => sum + pagesOf(tree), 2);
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

/** For this user; without end where the file system does not say. */
function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
