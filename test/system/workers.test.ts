import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { eventually, until } from '../support/until.ts';
import { logLines, openCounter, readCounter, send, service, temporaryDirectory } from './support.ts';

const STEP = '/v1/sessions/counter/steps';
/** Of LMDB's two root pages. */
const ROOT_BYTES = 2 * 4096;
const CLOSE = { connection: 'close' };

/** A service of several processes over one directory, all of which listen. */
async function workers(count: number, settings: Readonly<Record<string, string>> = {}) {
  const CELLSTEP_STORE = `lmdb:${join(temporaryDirectory(), 'data')}`;
  const started = await service({ CELLSTEP_STORE, CELLSTEP_WORKERS: `${count}`, ...settings });
  await until(() => started.stdout().includes(`"msg":"all ${count} workers listen"`));
  const lines = () => logLines(started.stdout());
  /** The newest process of each worker. */
  const pids = () => {
    const listening = lines().filter(({ msg }) => String(msg).startsWith('Server listening'));
    return new Map(listening.map(({ worker, pid }) => [worker as number, pid as number]));
  };
  const served = () =>
    lines()
      .filter(({ route }) => route !== undefined)
      .map(({ worker }) => worker as number);
  return { ...started, settings: { CELLSTEP_STORE }, pids, served, lines };
}

const isListeningSecond = ({ msg, worker }: Record<string, unknown>) =>
  worker === 2 && String(msg).startsWith('Server listening');

function openFiles(pid: number): string[] {
  const descriptors = `/proc/${pid}/fd`;
  return readdirSync(descriptors).flatMap((name) => {
    try {
      return [readlinkSync(join(descriptors, name))];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

/** A step of 1 that is sent with its key until it is answered: on a new connection each time, so to any worker. */
async function stepOnce(base: string, key: string): Promise<{ step: number; sum: number }> {
  for (;;) {
    try {
      const { status, text } = await send(base, STEP, { inputs: [[1]] }, { ...CLOSE, 'idempotency-key': key });
      if (status === 200) {
        const { step, output } = JSON.parse(text);
        return { step, sum: output[0][0] };
      }
      // Still under way with another worker, or that worker has just died.
      if (status !== 409 && status !== 503) throw new Error(`${status} ${text}`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!['ECONNRESET', 'ECONNREFUSED', 'UND_ERR_SOCKET', 'EPIPE'].includes(String(code))) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10 + 20 * Math.random()));
  }
}

describe('several processes on one port', () => {
  test('let racing steps of one session happen one after another, each once', async () => {
    const { url, served, lines } = await workers(2);
    await openCounter(url);
    const steps = await Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        const own = [];
        for (let k = 0; k < 15; k++) own.push(await stepOnce(url, `${client}-${k}`));
        return own;
      }),
    );
    expect(
      steps
        .flat()
        .map(({ step }) => step)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 120 }, (_, k) => k + 1));
    for (const { step, sum } of steps.flat()) expect(sum).toBe(step);
    // Whoever did it, its answer can be had again from any.
    const client = steps.findIndex((own) => own.some(({ step }) => step === 120));
    for (let n = 0; n < 10; n++) expect(await stepOnce(url, `${client}-14`)).toEqual(steps[client][14]);
    expect(await readCounter(url)).toEqual({ step: 120, sum: 120 });
    expect(new Set(served())).toEqual(new Set([1, 2]));
    expect(lines().filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test('go on when one of them is killed before it listens', async () => {
    const CELLSTEP_STORE = `lmdb:${join(temporaryDirectory(), 'data')}`;
    const { child, stdout, url } = await service({ CELLSTEP_STORE, CELLSTEP_WORKERS: '2' });
    // The second one starts when the first one listens.
    const started = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
    await until(() => started().length === 2);
    process.kill(Number(started()[1]), 'SIGKILL');
    await until(() => /worker 2 died \(SIGKILL\); another takes its place/.test(stdout()));
    await until(() => logLines(stdout()).some(isListeningSecond));
    expect((await send(url, '/readyz')).status).toBe(200);
    expect(child.exitCode).toBeNull();
  });

  test('lose nothing and do nothing twice when one of them is killed under load, and it is replaced', async () => {
    const { url, pids, lines, child } = await workers(2);
    await openCounter(url);
    let answered = 0;
    let killed = 0;
    const dead: number[] = [];
    const loads = Array.from({ length: 6 }, async (_, client) => {
      const own: { step: number; sum: number }[] = [];
      for (let k = 0; k < 40; k++) {
        own.push(await stepOnce(url, `${client}-${k}`));
        answered++;
      }
      return own;
    });
    for (const at of [40, 100, 160]) {
      await until(() => answered >= at);
      const victim = 1 + (killed % 2);
      const pid = pids().get(victim)!;
      process.kill(pid, 'SIGKILL');
      dead.push(pid);
      killed++;
      await until(() => pids().get(victim) !== pid);
    }
    const steps = (await Promise.all(loads)).flat();
    expect(steps.map(({ step }) => step).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 240 }, (_, k) => k + 1),
    );
    for (const { step, sum } of steps) expect(sum).toBe(step);
    expect(await readCounter(url)).toEqual({ step: 240, sum: 240 });
    const told = lines().filter(({ msg }) => /^worker \d died/.test(String(msg)));
    expect(told.map(({ workerPid }) => workerPid)).toEqual(dead);
    // Of the process that tells it.
    expect(new Set(told.map(({ pid }) => pid))).toEqual(new Set([child.pid]));
    // The last one may have said that it listens to the log, and not yet to the process that counts.
    await eventually(async () => {
      const { text } = await send(url, '/metrics');
      expect(text).toMatch(/^cellstep_worker_deaths_total\{worker="1"\} 2$/m);
      expect(text).toMatch(/^cellstep_worker_deaths_total\{worker="2"\} 1$/m);
      expect(text).toMatch(/^cellstep_worker_up\{worker="1"\} 1$/m);
    });
  });

  test('see new weights with their next step, whoever set them', async () => {
    const { url, served } = await workers(2);
    await openCounter(url);
    for (let k = 1; k <= 40; k++) {
      const assigned = await send(url, '/v1/cells/sum/variables/kernel/assign', { value: [[k]] }, CLOSE);
      expect(assigned.status).toBe(200);
      const stepped = await send(url, '/v1/cells/sum/steps', { inputs: [[1]] }, CLOSE);
      expect(JSON.parse(stepped.text)).toEqual({ output: [[k]], states: [[[k]]], cell_version: k + 1 });
    }
    expect(new Set(served())).toEqual(new Set([1, 2]));
  });

  test('give the metrics of all from any of them', async () => {
    const { url } = await workers(2);
    for (let k = 0; k < 12; k++) {
      // A worker that a busy machine lets wait for a second is left out.
      await eventually(async () => {
        const { text } = await send(url, '/metrics', undefined, CLOSE);
        for (const worker of ['1', '2']) {
          expect(text).toMatch(new RegExp(`^process_resident_memory_bytes\\{worker="${worker}"\\} \\d+$`, 'm'));
          expect(text).toContain(`cellstep_worker_up{worker="${worker}"} 1\n`);
        }
      });
    }
  });

  test('have their store checked once after a crash, before any of them opens it', async () => {
    const base = temporaryDirectory();
    const [data, STARTS] = [join(base, 'data'), join(base, 'starts')];
    const alone = await service({ CELLSTEP_STORE: `lmdb:${data}` });
    await openCounter(alone.url);
    await alone.stop('SIGKILL');
    const NODE_OPTIONS = `--import ${fileURLToPath(new URL('note-start.ts', import.meta.url))}`;
    const { child, url } = await workers(2, { CELLSTEP_STORE: `lmdb:${data}`, NODE_OPTIONS, STARTS });
    expect(logLines(readFileSync(STARTS, 'utf8'))).toEqual([
      { pid: child.pid, parent: process.pid, program: ['cellstep.cjs'] },
      { pid: expect.any(Number), parent: child.pid, program: ['verify-worker.ts', data] },
      { pid: expect.any(Number), parent: child.pid, program: ['cellstep.cjs', 'worker', '1'] },
      { pid: expect.any(Number), parent: child.pid, program: ['cellstep.cjs', 'worker', '2'] },
    ]);
    // The first process has left it to them.
    expect(openFiles(child.pid!).filter((file) => file.startsWith(data))).toEqual([]);
    expect(await readCounter(url)).toEqual({ step: 0, sum: 0 });
  });

  test('end in order on SIGTERM to the first, and lose no step', async () => {
    const { url, settings, stop, lines, stderr } = await workers(2);
    await openCounter(url);
    let acknowledged = 0;
    const ends: string[] = [];
    const client = async () => {
      for (;;) {
        try {
          const { status, text } = await send(url, STEP, { inputs: [[1]] }, CLOSE);
          if (status !== 200) return void ends.push(`${status} ${text}`);
          acknowledged++;
        } catch (error) {
          return void ends.push((error as NodeJS.ErrnoException).code ?? String(error));
        }
      }
    };
    const clients = Array.from({ length: 6 }, client);
    await until(() => acknowledged > 60);
    expect(await stop()).toEqual({ code: 0, signal: null });
    await Promise.all(clients);
    for (const end of ends) expect(end).toMatch(/^(ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET)$/);
    expect(stderr()).toBe('');
    const closed = lines().filter(({ msg }) => msg === 'closed');
    expect(closed.map(({ worker }) => worker).toSorted()).toEqual([1, 2]);
    expect(lines().at(-1)).toMatchObject({ msg: 'all workers ended' });
    // A single process can have the directory now.
    const after = await service(settings);
    expect(await readCounter(after.url)).toEqual({ step: acknowledged, sum: acknowledged });
  });

  test('end in order when the first one is killed', async () => {
    const { url, settings, child, exited } = await workers(2);
    await openCounter(url);
    expect((await send(url, STEP, { inputs: [[1]] })).status).toBe(200);
    child.kill('SIGKILL');
    // The output is closed when the last of the workers has ended.
    expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
    const after = await service(settings);
    expect(await readCounter(after.url)).toEqual({ step: 1, sum: 1 });
  });
});

describe('several processes that cannot start', () => {
  async function refused(settings: Readonly<Record<string, string>>) {
    const started = spawnService({ CELLSTEP_PORT: '0', CELLSTEP_WORKERS: '2', ...settings });
    onTestFinished(() => void started.child.kill('SIGKILL'));
    const { code } = await started.exited;
    return { code, stderr: started.stderr() };
  }

  test('say so once: the port is taken, also by one that would share it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    onTestFinished(() => void server.close());
    const CELLSTEP_STORE = `lmdb:${join(temporaryDirectory(), 'data')}`;
    const message = (taken: string) => `cellstep: CELLSTEP_PORT ${taken} on 127.0.0.1 is in use by another process.\n`;
    expect(await refused({ CELLSTEP_STORE, CELLSTEP_PORT: `${port}` })).toEqual({
      code: 2,
      stderr: message(`${port}`),
    });

    const other = await workers(2);
    const taken = new URL(other.url).port;
    expect(await refused({ CELLSTEP_STORE, CELLSTEP_PORT: taken })).toEqual({ code: 2, stderr: message(taken) });
    expect((await send(other.url, '/readyz')).status).toBe(200);
  });

  test('say so once: one process has the directory', async () => {
    const CELLSTEP_STORE = `lmdb:${join(temporaryDirectory(), 'data')}`;
    const first = await service({ CELLSTEP_STORE });
    const { code, stderr } = await refused({ CELLSTEP_STORE });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^cellstep: CELLSTEP_STORE: [^\n]*is in use by process [^\n]+\n$/);
    expect((await send(first.url, '/readyz')).status).toBe(200);
  });

  test('say so once: their store is damaged', async () => {
    const data = join(temporaryDirectory(), 'data');
    const alone = await service({ CELLSTEP_STORE: `lmdb:${data}` });
    await openCounter(alone.url);
    await alone.stop('SIGKILL');
    const file = join(data, 'data.mdb');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xff, ROOT_BYTES));
    const { code, stderr } = await refused({ CELLSTEP_STORE: `lmdb:${data}` });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^cellstep: CELLSTEP_STORE: store file [^\n]*data\.mdb is damaged: [^\n]+\n$/);
  });

  test('say so: a store in memory cannot be shared', async () => {
    const { code, stderr } = await refused({ CELLSTEP_STORE: 'memory:' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^cellstep: CELLSTEP_WORKERS '2' cannot share CELLSTEP_STORE 'memory:'[^\n]+\n$/);
  });
});

describe('tenants of several processes', () => {
  test('keep a quota together and count right, also when one of them is killed meanwhile', async () => {
    const { url, pids } = await workers(3, { CELLSTEP_QUOTA_SESSIONS: '40' });
    await openCounter(url);
    let answered = 1;
    const open = async (n: number) => {
      if (n === 30) process.kill(pids().get(2)!, 'SIGKILL');
      try {
        const { status } = await send(url, '/v1/sessions', { id: `q${n}`, cell: 'sum' }, CLOSE);
        if (status === 201) answered++;
        return status;
      } catch {
        // The process that had it was killed.
        return 0;
      }
    };
    let refused = 0;
    for (let n = 0; n < 400 && refused < 60; n += 6) {
      const statuses = await Promise.all(Array.from({ length: 6 }, (_, k) => open(n + k)));
      refused += statuses.filter((status) => status === 429).length;
    }
    const read = async (path: string) => JSON.parse(await (await fetch(`${url}${path}`, { headers: CLOSE })).text());
    const usage = await read('/v1/usage');
    const { items } = await read('/v1/sessions?limit=1000');
    expect(usage.sessions).toEqual({ used: items.length, quota: 40 });
    expect(items.length).toBeGreaterThanOrEqual(Math.max(40, answered));
    // What six requests at once may add.
    expect(items.length).toBeLessThanOrEqual(45);
  });

  test('count the requests of a client together', async () => {
    const { url } = await workers(3, { CELLSTEP_RATE_LIMIT: '20' });
    const begun = performance.now();
    const ask = async () => {
      for (;;) {
        const { status } = await fetch(`${url}/v1/cells`, { headers: CLOSE });
        // So many at once are more than a process on a busy machine has time for.
        if (status !== 503) return status;
      }
    };
    const replies = await Promise.all(Array.from({ length: 120 }, ask));
    const windows = Math.ceil((performance.now() - begun) / 1000) + 1;
    const served = replies.filter((status) => status === 200).length;
    expect(served).toBeGreaterThanOrEqual(20);
    expect(served).toBeLessThanOrEqual(20 * windows);
    // On a busy machine some are refused as overloaded before they are counted.
    expect([200, 429, 503]).toEqual(expect.arrayContaining(replies));
  });
});
