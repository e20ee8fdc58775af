import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Load, request } from '../load.ts';
import { exponent, type Point, writePlot } from '../plot.ts';
import { perSecond, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';
import { makeLstm, stepInputs } from '../steppers.ts';

/** CELLSTEP_BENCH_SESSIONS makes it shorter. */
const SESSIONS = Number(process.env.CELLSTEP_BENCH_SESSIONS ?? 1_000_000);
const CELLS = SESSIONS / 100;
const UNITS = 64;
const CONNECTIONS = 64;
/** Of so many sessions one is stepped. */
const ONE_IN = 1_000;
/** How fast a figure may grow with what is stored: a tree is searched, a logarithm. */
const MAX_EXPONENT = 0.25;

export const suite: Suite = {
  about: `${SESSIONS} sessions of an LSTM(${UNITS}) opened over HTTP and left idle in LMDB, but for one in ${ONE_IN}, which is stepped: bytes that
an idle session takes on the disk and in the memory of the process (pages of the file that the system caches apart), and how
the time of a step grows with the sessions and the cells stored. The ratio of an exponent is the allowed ${MAX_EXPONENT} over the measured one.`,
  async run(tell) {
    const service = await serve('lmdb');
    try {
      const cell = await makeLstm(service, UNITS);
      const sessionTimes: Point[] = [];
      const before = { ...memoryOf(service.pid), disk: diskOf(service) };
      const memories: number[] = [];
      let opened = 0;
      let openSeconds = 0;
      for (const count of steps(SESSIONS)) {
        const started = performance.now();
        await make(service, count - opened, () => {
          opened++;
          return request('POST', '/v1/sessions', { id: `s${opened}`, cell });
        });
        openSeconds += (performance.now() - started) / 1000;
        sessionTimes.push([count, await stepTime(service, count)]);
        memories.push(memoryOf(service.pid).own);
      }
      const after = { ...memoryOf(service.pid), disk: diskOf(service) };
      const each = (bytes: number, sessions: number) => `${(bytes / sessions).toFixed(0)} B a session`;
      const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
      tell({ name: 'opened', cellstep: perSecond((openSeconds * 1e9) / SESSIONS, 'sessions'), peer: '' });
      tell({ name: 'on the disk', cellstep: each(after.disk - before.disk, SESSIONS), peer: mib(after.disk) });
      // The first tenth lets the heap of a busy process grow to what it needs.
      const [, , tenth] = memories;
      tell({
        name: 'in the memory of the process',
        cellstep: each(Math.max(0, after.own - tenth), SESSIONS * 0.9),
        peer: `${mib(before.own)} empty, ${mib(tenth)} → ${mib(after.own)}`,
      });
      tell({ name: 'pages of the file, cached', cellstep: mib(after.file), peer: 'given back when others need them' });

      const cellTimes: Point[] = [];
      let made = 0;
      for (const count of steps(CELLS)) {
        await make(service, count - made, () => {
          made++;
          const config = { units: 4, kernel_initializer: 'zeros', recurrent_initializer: 'zeros' };
          return request('POST', '/v1/cells', {
            id: `c${made}`,
            class_name: 'LSTMCell',
            config,
            input_shape: [null, 4],
          });
        });
        cellTimes.push([count, await stepTime(service, SESSIONS)]);
      }
      for (const [name, points] of [
        ['sessions', sessionTimes],
        ['cells', cellTimes],
      ] as const) {
        const slope = exponent(points);
        tell({
          name: `time of a step ~ ${name} stored ^ ${slope.toFixed(3)}`,
          cellstep: `${points.at(-1)?.[1].toFixed(1)} µs`,
          peer: `${points[0][1].toFixed(1)} µs with ${points[0][0]}`,
          ratio: MAX_EXPONENT / Math.max(slope, 0.001),
          goal: 1,
        });
      }
      const lines = [
        { name: 'sessions stored', points: sessionTimes },
        { name: 'cells stored', points: cellTimes },
      ];
      writePlot('stored.svg', {
        title: 'A session step with more and more stored',
        x: 'stored',
        y: 'µs a step',
        lines,
      });
      return [];
    } finally {
      await service.close();
    }
  },
};

/** Five counts over two decades, the last one `most`. */
function steps(most: number): number[] {
  return [0.01, 0.03, 0.1, 0.3, 1].map((share) => Math.max(1, Math.round(most * share)));
}

/** Sends what `next` gives, `count` times, by all connections. */
async function make(service: BenchService, count: number, next: () => Buffer): Promise<void> {
  let left = count;
  const load = new Load(
    service.url,
    Array(CONNECTIONS).fill(() => (left-- > 0 ? next() : undefined)),
  );
  await load.run(Number.POSITIVE_INFINITY);
  load.close();
}

/** Microseconds a step while one in so many of the sessions, spread over all, is stepped by all connections. */
async function stepTime(service: BenchService, sessions: number): Promise<number> {
  const stepped = Math.max(CONNECTIONS, Math.floor(sessions / ONE_IN));
  let at = 0;
  const next = () => {
    at = (at + 1) % stepped;
    const id = `s${1 + Math.floor((at * sessions) / stepped)}`;
    return request('POST', `/v1/sessions/${id}/steps`, { inputs: stepInputs() });
  };
  const load = new Load(service.url, Array(CONNECTIONS).fill(next));
  await load.run(500);
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) rounds.push(1e6 / (await load.run(600)).perSecond);
  load.close();
  return rounds.sort((a, b) => a - b)[2];
}

/** Bytes of a process: its own, and those that it has mapped of files. */
function memoryOf(pid: number): { own: number; file: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { own: read('RssAnon'), file: read('RssFile') };
}

/** Bytes that the data take on the disk, holes left out. */
function diskOf({ directory }: BenchService): number {
  return statSync(join(directory, 'data.mdb')).blocks * 512;
}
