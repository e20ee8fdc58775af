import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { hasOverwrittenMemory } from '../../../src/store/lmdb/errors.ts';

const textOf = (sizes: string) =>
  `Input/output error: Attempting to write page at position 4294967295, size 1048576, blocks 64, buffer sizes ${sizes}`;

describe('the text of a failed write of lmdb-js', () => {
  it.each([
    ['fits its buffer', '4096 4096 4096', false],
    ['fits with its end into what the C library gives', '40960 40960 4096', false],
    ['is a byte too long', '40960 40960 40960', true],
    ['is far too long', '4096 -1610612736 -1610612736', true],
  ])('%s', (_, sizes, overwrites) => {
    expect(hasOverwrittenMemory(new Error(textOf(sizes)))).toBe(overwrites);
  });

  it('is not taken for one in other errors', () => {
    for (const other of [new Error('x'.repeat(500)), 'EIO', undefined]) expect(hasOverwrittenMemory(other)).toBe(false);
  });

  it('ends the process at once if it was too long, before any answer', () => {
    const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', PROCESS], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    });
    expect([signal, stdout]).toEqual(['SIGABRT', 'fits: store-unavailable\n']);
    expect(stderr).toContain('buffer sizes 4096 -1610612736 -1610612736\nThe overflow of a buffer of lmdb-js');
  });
});

/** Two commits that LMDB fails to write. */
const PROCESS = `
import { createCommitQueue } from '../../../src/store/lmdb/commits.ts';
import { RecentValues } from '../../../src/store/recent-values.ts';
let text = '${textOf('4096 4096 0')}';
const root = {
  resetReadTxn: () => undefined,
  batch: () => Promise.reject(new Error(text)),
  remove: () => undefined,
  getStats: () => ({ free: {} }),
};
const database = { root, records: { getBinaryFast: () => undefined, getStats: () => ({}) }, usages: { get: () => undefined } };
const connection = { directory: '.', current: () => database, recover: async () => true };
const queue = createCommitQueue(connection, new RecentValues(true));
const write = (name) =>
  queue.add([[{ key: 'cell/a', bytes: Buffer.of(1) }]]).then(
    ([{ code = 'committed' }]) => console.log(name + ': ' + code),
  );
await write('fits');
text = '${textOf('4096 -1610612736 -1610612736')}';
await write('does not fit');
`;
