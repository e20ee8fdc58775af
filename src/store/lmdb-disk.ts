import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PAGE = new Uint8Array(4_096);

/**
 * Writes and syncs a page beside the database; rejects with the system's error when the disk does not take it. Asked before
 * a commit once one has failed, so that LMDB is not made to fail again and again (see lmdb-room.ts).
 */
export async function probeDisk(directory: string): Promise<void> {
  const path = join(directory, 'probe.tmp');
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(PAGE);
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(path, { force: true });
}
