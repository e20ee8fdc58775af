import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFailed, onTestFinished, test } from 'vitest';
import { findProgram } from '../../scripts/programs.ts';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { until } from '../support/until.ts';
import { FailingDisk, GCC } from './disk/failing-disk.ts';
import { SteppingClients } from './stepping-client.ts';
import { openCounter, readCounter, send, service, temporaryDirectory } from './support.ts';

if (!GCC) console.warn('no gcc in PATH: the service on a failing disk is NOT tested');
const MKFS = process.getuid?.() === 0 ? findProgram('mkfs.ext4') : undefined;
if (!MKFS) console.warn('not root, or no mkfs.ext4: the service on a disk that becomes read-only is NOT tested');

const readiness = async (url: string) => (await send(url, '/readyz')).status;

describe.runIf(GCC)('the service on a disk that fails', () => {
  test('acknowledges nothing while writes or syncs fail, is not ready, and goes on when they work, nothing lost or twice', async () => {
    const disk = new FailingDisk();
    let stopping = false;
    /** A fault of lmdb-js may end the process at a failing write (ADR 23), or a while later: then it is started anew. */
    const start = async () => {
      const started = await service(disk.settings);
      void started.exited.then(async ({ signal }) => {
        if (signal !== 'SIGABRT' || disk.isFaulty || stopping) return;
        running = await start();
        clients.moveTo(running.url);
      });
      return started;
    };
    let running = await start();
    const isAlive = () => running.child.exitCode === null && running.child.signalCode === null;
    await openCounter(running.url);
    const clients = new SteppingClients(running.url);
    onTestFailed(() => console.error(running.stdout().slice(-4000), running.stderr().slice(-4000)));
    for (const fault of ['write EIO', 'sync EIO', 'root EIO', 'sync HANG', 'write EROFS', 'root EROFS']) {
      await clients.advance(20);
      disk.setFault(fault);
      // Twice, so that whatever was on its way when the fault came has been answered.
      await until(clients.allRefused());
      await until(clients.allRefused());
      const before = clients.acknowledged;
      if (isAlive()) {
        const unready = await send(running.url, '/readyz');
        expect([fault, unready.status, JSON.parse(unready.text).code]).toEqual([fault, 503, 'store-unavailable']);
        expect((await send(running.url, '/healthz')).status).toBe(200);
        // Also where LMDB has to be opened again, on a disk that is read-only by now for reading: until then it is 503.
        const reads = () => readCounter(running.url).catch(() => undefined);
        await until(async () => ((await reads())?.step ?? -1) >= before);
      }
      await until(clients.allRefused());
      expect(clients.acknowledged).toBe(before);
      const died = !isAlive();
      if (died) await running.exited;
      disk.setFault('');
      if (died) {
        expect([fault, running.child.signalCode]).toEqual([fault, 'SIGABRT']);
        running = await start();
        clients.moveTo(running.url);
      }
      await until(async () => (await readiness(running.url).catch(() => 0)) === 200);
      await until(async () => ((await readCounter(running.url).catch(() => undefined))?.step ?? -1) >= before);
    }
    await clients.advance(20);
    await clients.stop();
    const total = { step: clients.acknowledged, sum: clients.acknowledged };
    expect(await readCounter(running.url)).toEqual(total);
    stopping = true;
    const end = await running.stop();
    if (end.signal !== 'SIGABRT') expect(end, running.stderr()).toEqual({ code: 0, signal: null });
    else
      expect(running.stderr()).toMatch(
        /Attempting to write page[^\n]*\n(.*\n)*.*(free|malloc|corrupt|overflow|smashing)/,
      );
    const second = await service({ CELLSTEP_STORE: disk.settings.CELLSTEP_STORE });
    expect(await readCounter(second.url)).toEqual(total);
  });
});

describe.runIf(MKFS)('the service on a file system that the kernel makes read-only', () => {
  test('acknowledges nothing, is not ready, serves reads, and goes on after a repair, nothing lost or twice', async () => {
    const base = temporaryDirectory();
    const image = join(base, 'disk.img');
    const disk = join(base, 'disk');
    mkdirSync(disk);
    writeFileSync(image, '');
    truncateSync(image, 64 * 2 ** 20);
    execFileSync(MKFS!, ['-q', '-F', image], { stdio: 'pipe' });
    const mount = () => execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, disk], { stdio: 'pipe' });
    const unmount = () => spawnSync('umount', [disk]);
    mount();
    onTestFinished(() => void unmount());
    const settings = { CELLSTEP_STORE: `lmdb:${join(disk, 'data')}` };
    // So that there is what a store leaves that was closed in order.
    await (await service(settings)).stop();
    const first = await service(settings);
    onTestFinished(async () => void (await first.stop('SIGKILL')));
    await openCounter(first.url);
    const clients = new SteppingClients(first.url);
    await until(() => clients.acknowledged > 30);

    const device = readFileSync('/proc/mounts', 'utf8').match(new RegExp(`^/dev/(loop\\d+) ${disk} `, 'm'))![1];
    writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'made by a test');
    await until(clients.allRefused());
    await until(clients.allRefused());
    const before = clients.acknowledged;
    await until(clients.allRefused());
    expect(clients.acknowledged).toBe(before);
    if (first.child.signalCode === null) {
      expect(await readiness(first.url)).toBe(503);
      expect((await readCounter(first.url)).step).toBeGreaterThanOrEqual(before);
      expect((await first.stop()).code).toBe(0);
    } else {
      // The first failing write may end the process (ADR 23).
      expect(first.child.signalCode).toBe('SIGABRT');
    }

    // Started as it is, it says so; repaired, it has everything.
    const refused = spawnService({ CELLSTEP_PORT: '0', ...settings });
    onTestFinished(() => void refused.child.kill('SIGKILL'));
    expect((await refused.exited).code).toBe(2);
    expect(refused.stderr()).toMatch(/^cellstep: CELLSTEP_STORE: store .*read-only file system.*\n$/i);
    expect(unmount().status).toBe(0);
    spawnSync(findProgram('e2fsck')!, ['-f', '-y', image]);
    mount();
    const second = await service(settings);
    onTestFinished(async () => void (await second.stop('SIGKILL')));
    clients.moveTo(second.url);
    await until(() => clients.acknowledged > before + 20);
    await clients.stop();
    expect(await readCounter(second.url)).toEqual({ step: clients.acknowledged, sum: clients.acknowledged });
    expect(statSync(join(disk, 'data', 'data.mdb')).size).toBeGreaterThan(0);
    await second.stop();
  });
});

const isRoot = process.getuid?.() === 0;
describe.runIf(isRoot && findProgram('mount'))('the service on a full disk', () => {
  test('answers 507 to what has no room, is not ready, serves reads, and goes on when there is room', async () => {
    const disk = temporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], { stdio: 'pipe' });
    onTestFinished(() => void spawnSync('umount', [disk]));
    const { url, child, stop } = await service({ CELLSTEP_STORE: `lmdb:${join(disk, 'data')}` });
    onTestFinished(async () => void (await stop('SIGKILL')));
    await openCounter(url);
    const filler = join(disk, 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(32 * 2 ** 20))).toThrow(/ENOSPC/);
    const large = () => send(url, '/v1/variables', { id: 'large', initializer: 'zeros', shape: [500_000] });
    const answer = await large();
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([507, 'store-full']);
    expect(await readiness(url)).toBe(503);
    expect(await readCounter(url)).toEqual({ step: 0, sum: 0 });
    rmSync(filler);
    await until(async () => (await readiness(url)) === 200);
    expect((await large()).status).toBe(201);
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  });
});
