import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from './random.ts';
import type { RunOptions } from './run-options.ts';
import { ServiceProcess } from './service-process.ts';
import { isAbove, type Slope, slopeOf } from './slope.ts';
import { openKept, openSocket, type SlowClient } from './slow-clients.ts';

const KEPT = 900;
const SOCKETS = 100;
/** Seconds between two steps of a client. */
const PAUSE = { least: 3, most: 9 };
const OPENED_AT_ONCE = 50;
const EVERY_MS = 2_000;
/** Of the time, what is not looked at: code is compiled, caches fill. */
const WARM_UP = 1 / 3;
/** MiB that may be added in a minute: to what is left after collecting garbage, and to the memory of the process. */
const BOUNDS = { whole: { held: 1, resident: 3 }, bounded: { held: 6, resident: 30 } };
const MIB = 2 ** 20;

interface Sample {
  readonly minutes: number;
  /** MiB. */
  readonly held: number;
  readonly resident: number;
}

/**
 * A thousand clients that keep their connections and step slowly, over HTTP and sockets, for `size` seconds: each step is
 * answered, no connection ends, and the memory of the service does not grow. @throws {Error} with what was wrong
 */
export async function connections({ seed, size, bounded, progress }: RunOptions & { readonly bounded?: boolean }) {
  const folder = mkdtempSync(join(tmpdir(), 'cellstep-connections-'));
  const report = join(folder, 'memory.json');
  const service = new ServiceProcess({
    CELLSTEP_STORE: `lmdb:${join(folder, 'store')}`,
    CELLSTEP_MEMORY_REPORT: report,
    NODE_OPTIONS: `--expose-gc --import=${join(import.meta.dirname, 'memory-report.ts')}`,
  });
  const clients: SlowClient[] = [];
  try {
    await service.start();
    await makeSessions(service.url);
    for (let k = 0; k < KEPT + SOCKETS; k++) {
      clients.push(await (k < KEPT ? openKept : openSocket)(service.url, `s${k}`));
    }
    const end = performance.now() + size * 1000;
    const random = createRandom(seed);
    let steps = 0;
    let refused = 0;
    const stepping = clients.map(async (client) => {
      const own = random.fork();
      for (;;) {
        await delay(1000 * (PAUSE.least + own.next() * (PAUSE.most - PAUSE.least)));
        if (performance.now() > end) return;
        // A machine that is busy with other things may refuse a step, which is then sent again.
        if (await client.step()) steps++;
        else refused++;
      }
    });
    const all = Promise.all(stepping);
    const samples = await Promise.race([watch(service.pid ?? 0, report, size), all.then(() => [])]);
    await all;
    const [held, resident] = (['held', 'resident'] as const).map((what) =>
      slopeOf(samples.map((sample) => [sample.minutes, sample[what]])),
    );
    const bounds = bounded ? BOUNDS.bounded : BOUNDS.whole;
    const last = samples.at(-1);
    progress?.(`${steps} steps; after garbage collection ${told(held, last?.held, bounds.held)}`);
    progress?.(`memory of the process ${told(resident, last?.resident, bounds.resident)}`);
    if (isAbove(held, bounds.held) || isAbove(resident, bounds.resident)) {
      throw new Error(`the memory grows: ${JSON.stringify({ held, resident, bounds, samples })}`);
    }
    // In CI other work goes on, and may leave too little of the machine.
    if (steps === 0 || (!bounded && refused > steps / 10)) {
      throw new Error(`${refused} steps were refused, and ${steps} carried out`);
    }
    return { connections: clients.length, steps, refused, held, resident, bounds, mib: last };
  } finally {
    for (const client of clients) client.close();
    await service.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeSessions(url: string): Promise<void> {
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' };
    for (;;) {
      const reply = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      const text = await reply.text();
      if (reply.status === 201) return;
      // A busy machine has no time for so many at once.
      if (reply.status !== 503) throw new Error(`${path}: ${reply.status} ${text}`);
      await delay(100);
    }
  };
  await post('/v1/cells', { id: 'c', class_name: 'LSTMCell', config: { units: 64 }, input_shape: [null, 16] });
  const ids = Array.from({ length: KEPT + SOCKETS }, (_, k) => `s${k}`);
  for (let k = 0; k < ids.length; k += OPENED_AT_ONCE) {
    await Promise.all(ids.slice(k, k + OPENED_AT_ONCE).map((id) => post('/v1/sessions', { id, cell: 'c' })));
  }
}

async function watch(pid: number, report: string, seconds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const begun = performance.now();
  const end = begun + seconds * 1000;
  while (performance.now() < end) {
    await delay(EVERY_MS);
    if (performance.now() - begun < WARM_UP * seconds * 1000) continue;
    const bytes = await heldBytes(pid, report);
    const [, kilobytes] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    const minutes = (performance.now() - begun) / 60_000;
    samples.push({ minutes, held: bytes / MIB, resident: (Number(kilobytes) * 1024) / MIB });
  }
  return samples;
}

/** What is left after collecting garbage, once the service has told it. */
async function heldBytes(pid: number, report: string): Promise<number> {
  rmSync(report, { force: true });
  process.kill(pid, 'SIGUSR2');
  while (!existsSync(report)) await delay(EVERY_MS / 20);
  return (JSON.parse(readFileSync(report, 'utf8')) as { bytes: number }).bytes;
}

function told({ perUnit, error }: Slope, now: number | undefined, bound: number): string {
  const slope = `${perUnit.toFixed(2)} ± ${(2 * error).toFixed(2)} MiB a minute (at most ${bound})`;
  return `${now?.toFixed(1)} MiB, slope ${slope}`;
}
