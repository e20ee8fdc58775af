import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Load, request } from '../load.ts';
import { cpuOf, interleave, ratio } from '../measure.ts';
import { paced, percentile } from '../paced.ts';
import { MissingPeer } from '../peers.ts';
import { duration, type Figure, perSecond, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';

const WINDOW = 512;
const AT_ONCE = 64;
/** Windows of a request that has many. */
const MANY = 64;
/** A window is 32 ms of sound. */
const EVERY_MS = 32;
/** Time for which the processor's is counted, in ticks of 10 ms. */
const CPU_MS = 2_000;
const PACED = [500, 400, 300, 200, 150, 100, 50, 25];
const PACED_MS = 5_000;
const SOCKETS = 8;

export const suite: Suite = {
  about: `Silero VAD (silero-vad 6.2.3, 16 kHz) in sessions, beside onnxruntime-node called directly in a loop that carries the state, in the
process of the bench: steps a second over HTTP, windows of ${WINDOW} samples as base64, one window a request or ${MANY}; one session and
${AT_ONCE} at once; in memory and in LMDB, durable; and the time of a processor that a step takes in the service (HTTP, base64, the commit) and in the
process of the runtime (the message and the run). Then sessions that each get a window every ${EVERY_MS} ms over ${SOCKETS} WebSockets, for
${PACED_MS / 1000} s: the 99th percentile from when a window was due to its answer, and where the time of a step went by the service's own
metrics.`,
  async run(tell) {
    const model = readFileSync(modelPath());
    const direct = await directSteps(model);
    const goals: Partial<Record<string, number>> = { 'memory 1 1': 0.7 };
    for (const store of ['memory', 'lmdb'] as const) {
      const service = await serve(store);
      try {
        const sessions = await openSessions(service, model, Math.max(...PACED, AT_ONCE));
        for (const [count, windows] of [
          [1, 1],
          [1, MANY],
          [AT_ONCE, 1],
        ] as const) {
          const load = new Load(
            service.url,
            sessions
              .slice(0, count)
              .map((id) => request('POST', `/v1/sessions/${id}/steps`, { inputs: inputsOf(windows) })),
          );
          const [served, alone] = await interleave([load.contender('sessions'), direct], { rounds: 5, ms: 1000 });
          const cpu = await cpuOfStep(service.pid, load, windows);
          load.close();
          const own = { ns: served.ns / windows, rounds: served.rounds.map((ns) => ns / windows) };
          const goal = goals[`${store} ${count} ${windows}`];
          tell({
            name: `${store}, ${count} at once, ${windows} a request`,
            cellstep: perSecond(own.ns, 'steps'),
            peer: `${perSecond(alone.ns, 'steps')} directly; CPU of a step: ${cpu}`,
            ratio: ratio(own, alone),
            ...(goal === undefined ? {} : { goal }),
          });
        }
        for (const count of PACED) {
          const figure = await pacedFigure(service, store, sessions.slice(0, count));
          tell(figure);
          if ((figure.ratio ?? 0) >= 1) break;
        }
      } finally {
        await service.close();
      }
    }
    return [`onnxruntime-node ${directVersion()}`];
  },
};

/** What a step takes of a processor, in the service and in the process of the runtime. */
async function cpuOfStep(service: number, load: Load, windows: number): Promise<string> {
  const pids = [service, childOf(service)];
  const before = pids.map(cpuOf);
  const { latencies } = await load.run(CPU_MS);
  const [own, runtime] = pids.map((pid, k) =>
    duration((1e6 * (cpuOf(pid) - before[k])) / (latencies.length * windows)),
  );
  return `service ${own}, runtime ${runtime}`;
}

/** The process of the runtime, of which the service has one while it steps one graph. */
function childOf(parent: number): number {
  const [child] = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
  return Number(child);
}

/** In site-packages of the Python that test/onnx has. */
function modelPath(): string {
  const python = process.env.CELLSTEP_ONNX_PYTHON;
  if (!python) throw new MissingPeer('CELLSTEP_ONNX_PYTHON names no Python with the packages of test/onnx/models.txt.');
  const script = 'import sysconfig; print(sysconfig.get_paths()["purelib"])';
  const packages = execFileSync(python, ['-c', script], { encoding: 'utf8' }).trim();
  const path = join(packages, 'silero_vad/data/silero_vad.onnx');
  if (!existsSync(path)) throw new MissingPeer(`There is no ${path}.`);
  return path;
}

function directVersion(): string {
  const path = join(import.meta.dirname, '../../node_modules/onnxruntime-node/package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

async function directSteps(model: Uint8Array) {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const input = new Tensor('float32', samples(WINDOW), [1, WINDOW]);
  const sr = new Tensor('int64', BigInt64Array.of(16_000n), []);
  let state = new Tensor('float32', new Float32Array(256), [2, 1, 128]);
  // By all its time, as clients see it, not by its best slices.
  const measure = async (ms: number) => {
    const started = performance.now();
    let steps = 0;
    for (; performance.now() < started + ms; steps++) {
      state = (await session.run({ input, state, sr })).stateN as typeof state;
    }
    return ((performance.now() - started) * 1e6) / steps;
  };
  return { name: 'onnxruntime-node', measure };
}

function samples(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.3) / 4);
}

/** [1, 512], or [1, windows, 512] for many steps. */
function inputsOf(windows: number) {
  const bytes = Buffer.from(samples(WINDOW * windows).buffer).toString('base64');
  return { shape: windows === 1 ? [1, WINDOW] : [1, windows, WINDOW], dtype: 'float32', base64: bytes };
}

async function openSessions(service: BenchService, model: Uint8Array, count: number): Promise<string[]> {
  const query = new URLSearchParams({ graph: 'true', id: 'vad', constants: '{"sr":16000}' });
  const made = await fetch(`${service.url}/v1/cells?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-onnx' },
    body: Buffer.from(model),
  });
  if (!made.ok) throw new Error(await made.text());
  const ids = Array.from({ length: count }, (_, i) => `s${i}`);
  for (const id of ids) await service.post('/v1/sessions', { id, cell: 'vad' });
  return ids;
}

async function pacedFigure(service: BenchService, store: string, sessions: readonly string[]): Promise<Figure> {
  const before = await meansOf(service);
  const latencies = await paced({
    url: service.url,
    sessions,
    everyMs: EVERY_MS,
    ms: PACED_MS,
    inputs: JSON.stringify(inputsOf(1)),
    sockets: SOCKETS,
  });
  const after = await meansOf(service);
  const p99 = percentile(latencies, 0.99);
  const mean = (name: 'graph' | 'commit') =>
    duration((1e9 * (after[name].sum - before[name].sum)) / (after[name].count - before[name].count));
  return {
    name: `${store}, ${sessions.length} paced: p99`,
    cellstep: duration(p99 * 1e6),
    peer: `graph ${mean('graph')}, commit ${mean('commit')}`,
    ratio: EVERY_MS / p99,
  };
}

/** The time that graphs and commits have taken so far, waiting included. */
async function meansOf({ url }: BenchService) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string, labels: string, part: string) =>
    Number(new RegExp(`^cellstep_${name}_${part}\\{[^}]*${labels}[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  const of = (name: string, labels: string) => ({ sum: read(name, labels, 'sum'), count: read(name, labels, 'count') });
  return {
    graph: of('step_duration_seconds', 'place="process"'),
    commit: of('store_commit_duration_seconds', 'outcome="committed"'),
  };
}
