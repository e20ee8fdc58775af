import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PAGE = new Uint8Array(4_096);

/**
 * Writes and syncs a page next to the database; rejects with the system's error if the disk fails. After a failed commit this
 * is tried before the next one, so that LMDB does not fail again and again (see room.ts).
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
