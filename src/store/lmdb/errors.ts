import { constants } from 'node:os';
import { Problem } from '../../domain/problems.ts';
import { hasRoom } from './room.ts';

const MDB_MAP_FULL = -30792;
const { EDQUOT, EFBIG, EIO, ENOSPC } = constants.errno;
const FULL: ReadonlySet<unknown> = new Set([MDB_MAP_FULL, ENOSPC, EDQUOT, EFBIG]);

/** The disk has too little room for a commit that was not begun. */
export class NoRoomError extends Error {
  readonly code = ENOSPC;
}

/** Whether an error of lmdb-js means that there is no room. Its `code` comes from LMDB (negative) or the system. */
function isFull(error: unknown, directory: string): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  // A write that fills the disk is cut short without a system error, and LMDB reports EIO.
  return FULL.has(code) || (code === EIO && !hasRoom(directory));
}

/** The text that lmdb-js 3.5 prints about a failed write into a buffer of 100 bytes. */
const TEXT_BYTES = 104;

/** Whether that text was longer than its buffer. Then it has overwritten other memory of this process. */
export function hasOverwrittenMemory(error: unknown): boolean {
  const [text = ''] = /Attempting to write page.*/s.exec(error instanceof Error ? error.message : '') ?? [];
  return text.length + 1 > TEXT_BYTES;
}

/** The problem that clients get for an error of the LMDB store in `directory`. */
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
