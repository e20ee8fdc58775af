import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { openBus, openRateCounter, openStore } from '../../src/store/open.ts';
import { StoreOpenError } from '../../src/store/store-open-error.ts';

describe('openStore', () => {
  it('opens memory: as a store that starts empty each time', async () => {
    const first = await openStore('memory:');
    await first.commit([{ key: 'cell/a', bytes: Buffer.of(1) }]);
    const second = await openStore('memory:');
    expect(await second.get('cell/a')).toBeUndefined();
  });

  it('opens lmdb: with an absolute and with a relative path as the same store', async () => {
    const base = mkdtempSync(join(tmpdir(), 'cellstep-open-'));
    const directory = join(base, 'data');
    const absolute = await openStore(`lmdb:${directory}`);
    await absolute.commit([{ key: 'cell/a', bytes: Buffer.of(7) }]);
    await absolute.close();
    const again = await openStore(`lmdb:${relative(process.cwd(), directory)}`);
    expect((await again.get('cell/a'))?.bytes).toEqual(Uint8Array.of(7));
    await again.close();
    rmSync(base, { recursive: true });
  });

  it.each(['', 'lmdb:', 'memory', 'memory:x', 'sqlite:/a', './data'])(
    'refuses %j and names the forms it takes',
    async (url) => {
      await expect(openStore(url)).rejects.toThrow(StoreOpenError);
      await expect(openStore(url)).rejects.toThrow(/use memory: \(lost at exit\) or lmdb:<directory>/);
    },
  );

  it('does not print the password of a URL that it refuses', async () => {
    await expect(openStore('foo://me:secret@host/1')).rejects.toThrow('"foo://***@host/1"');
  });
});

describe('a Redis that is not there', () => {
  it.each([
    ['the store', openStore],
    ['the bus between processes', openBus],
    ['the counter of the rate limit', openRateCounter],
  ])('is named when %s is opened', async (_, open) => {
    const opened: Promise<unknown> = open(`redis://me:secret@127.0.0.1:${await freePort()}`);
    await expect(opened).rejects.toThrow(StoreOpenError);
    await expect(opened).rejects.toThrow(
      /^store redis:\/\/(\*\*\*@)?127\.0\.0\.1:\d+ is not reachable: .*ECONNREFUSED/,
    );
  });
});
