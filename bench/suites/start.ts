import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.ts';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { median } from '../measure.ts';
import { duration, type Suite } from '../report.ts';

const STARTS = 10;
const GOAL_MS = 700;
/** The least that a service of this stack can take: Fastify with one route. */
const BARE = `require('fastify')().get('/readyz', async () => 'ok').listen({ host: '127.0.0.1', port: Number(process.env.CELLSTEP_PORT) })`;

export const suite: Suite = {
  about: `From the start of the process to the first 200 of /readyz, over LMDB in a new directory: the median of ${STARTS} starts,
beside Fastify with one route, by turns. The goal of the ratio is ${GOAL_MS} ms over the measured time.`,
  async run(tell) {
    const [own, bare]: number[][] = [[], []];
    // The first start fills the compile cache and does not count.
    for (let k = 0; k <= STARTS; k++) {
      const times = [await startOfService(), await startOfFastify()];
      if (k === 0) continue;
      own.push(times[0]);
      bare.push(times[1]);
    }
    const ms = median(own);
    tell({
      name: `start, median of ${STARTS}`,
      cellstep: duration(ms * 1e6),
      peer: `${duration(median(bare) * 1e6)} Fastify`,
      ratio: GOAL_MS / ms,
      goal: 1,
    });
    return [];
  },
};

async function startOfService(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-start-'));
  const port = await freePort();
  const begin = performance.now();
  const service = spawnService({ CELLSTEP_STORE: `lmdb:${directory}`, CELLSTEP_PORT: `${port}` });
  try {
    await answering(port);
    return performance.now() - begin;
  } finally {
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startOfFastify(): Promise<number> {
  const port = await freePort();
  const begin = performance.now();
  const child = spawn(process.execPath, ['-e', BARE], {
    env: { ...process.env, CELLSTEP_PORT: `${port}` },
    stdio: 'inherit',
  });
  try {
    await answering(port);
    return performance.now() - begin;
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}

/** @throws {Error} after 30 s */
async function answering(port: number): Promise<void> {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const status = await new Promise<number | undefined>((resolve) => {
      get({ host: '127.0.0.1', port, path: '/readyz' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', () => resolve(undefined));
    });
    if (status === 200) return;
    await delay(5);
  }
  throw new Error('the service did not answer within 30 s');
}
