import { constants } from 'node:os';
import { Problem } from '../domain/problems.ts';
import { hasRoom } from './lmdb-room.ts';

const MDB_MAP_FULL = -30792;
const { EDQUOT, EFBIG, EIO, ENOSPC } = constants.errno;
const FULL: ReadonlySet<unknown> = new Set([MDB_MAP_FULL, ENOSPC, EDQUOT, EFBIG]);

/** The disk has too little room for a commit that was not begun. */
export class NoRoomError extends Error {
  readonly code = ENOSPC;
}

/** Whether an error of lmdb-js says that there is no room; its `code` is LMDB's (negative) or the system's. */
function isFull(error: unknown, directory: string): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  // The write that fills a disk is cut short without an error of the system, and LMDB calls that EIO.
  return FULL.has(code) || (code === EIO && !hasRoom(directory));
}

/** What the C library gives for the buffer of 100 bytes that lmdb-js 3.5 prints the place of a failed write into. */
const TEXT_BYTES = 104;

/** Whether that text was longer than its buffer: then it has overwritten memory of this process that is not its own. */
export function hasOverwrittenMemory(error: unknown): boolean {
  const [text = ''] = /Attempting to write page.*/s.exec(error instanceof Error ? error.message : '') ?? [];
  return text.length + 1 > TEXT_BYTES;
}

/** What a client is told of an error of the LMDB store in `directory`. */
export function storeProblem(error: unknown, directory: string): Problem {
  if (isFull(error, directory)) {
    return new Problem('store-full', 'The store has no room left for this change.', { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.replace(/: Attempting to write page.*/s, '');
  return new Problem('store-unavailable', `The store failed: ${reason}.`, {
    cause: error,
    retryAfterSeconds: 1,
  });
}
