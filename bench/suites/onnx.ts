import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Load, request } from '../load.ts';
import { type Contender, cpuOf, interleave, ratio } from '../measure.ts';
import { paced, percentile } from '../paced.ts';
import { MissingPeer } from '../peers.ts';
import { duration, type Figure, perSecond, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';
import { chunkOf, framesOf, openLines, openSocket, pumped } from '../streams/raw.ts';

const WINDOW = 512;
const AT_ONCE = 64;
/** Windows of a request that has many, and of a message on a stream. */
const MANY = 64;
const SOME = 16;
/** A window is 32 ms of sound. */
const EVERY_MS = 32;
/** V8 compiles what runs often better and better: a service is measured after that. */
const WARM_MS = 15_000;
/** Time for which the processor's is counted, in ticks of 10 ms. */
const CPU_MS = 1_500;
/** Numbers of sessions at a pace, up to the first that is too many. */
const PACED = [30, 40, 50, 60, 70, 80, 90, 100];
const PACED_MS = 2_000;
/** The median of so many is taken: one stop of the machine must not decide. */
const PACED_ROUNDS = 3;
/** The number of sessions that is asked for. */
const WANTED = 500;
const SOCKETS = 8;

/** One way to send steps, and how many steps an answer is for. */
interface Way extends Contender {
  readonly steps: number;
  readonly goal?: number;
  close(): void;
}

export const suite: Suite = {
  about: `Silero VAD (silero-vad 6.2.3, 16 kHz) in sessions, beside onnxruntime-node called directly in a loop that carries the state, in the
process of the bench: steps a second, windows of ${WINDOW} samples as base64. Over HTTP one window a request or ${MANY}, of one session and of
${AT_ONCE} at once; over a stream (lines, a WebSocket) one window a message or ${SOME}, with up to ${2 * SOME} messages under way. In memory and in LMDB,
durable; and the time of a processor that a step takes in the service (HTTP, base64, the commit) and in the processes of the
runtime (the message and the run). Then sessions that each get a window every ${EVERY_MS} ms over ${SOCKETS} WebSockets: the 99th percentile from when a
window was due to its answer, the median of ${PACED_ROUNDS} rounds of ${PACED_MS / 1000} s, for growing numbers of sessions up to the first that misses ${EVERY_MS} ms, and for
${WANTED}; and where the time of a step went by the service's own metrics. The runtime has two processes, or one. The client, the service
and the runtime share the machine's cores, with whatever else it does: see its load below.`,
  async run(tell) {
    const before = loadavg()[0];
    const model = readFileSync(modelPath());
    const direct = await directSteps(model);
    for (const store of ['memory', 'lmdb'] as const) {
      const service = await serve(store);
      try {
        const sessions = await openSessions(service, model);
        const ways = waysOf(service, sessions, store);
        for (const open of ways) {
          const way = await open();
          await way.measure(WARM_MS / ways.length);
          way.close();
        }
        for (const open of ways) {
          const way = await open();
          const [served, alone] = await interleave([way, direct], { rounds: 3, ms: 700 });
          const cpu = await cpuOfStep(service.pid, way);
          way.close();
          tell({
            name: `${store}, ${way.name}`,
            cellstep: perSecond(served.ns, 'steps'),
            peer: `${perSecond(alone.ns, 'steps')} directly; CPU of a step: ${cpu}`,
            ratio: ratio(served, alone),
            ...(way.goal === undefined ? {} : { goal: way.goal }),
          });
        }
        await tellPaced(service, store, sessions, tell);
      } finally {
        await service.close();
      }
    }
    const single = await serve('memory', { CELLSTEP_ONNX_PROCESSES: '1' });
    try {
      await tellPaced(single, 'memory, one process of the runtime', await openSessions(single, model), tell);
    } finally {
      await single.close();
    }
    const load = `load ${before.toFixed(1)} before and ${loadavg()[0].toFixed(1)} after, the bench itself included`;
    return [`onnxruntime-node ${directVersion()}`, load];
  },
};

/** Each opens its connections when it is called: the service closes idle ones. */
function waysOf({ url }: BenchService, sessions: readonly string[], store: string): (() => Way | Promise<Way>)[] {
  const http = (count: number, windows: number): Way => {
    const body = { inputs: inputsOf(windows) };
    const requests = sessions.slice(0, count).map((id) => request('POST', `/v1/sessions/${id}/steps`, body));
    const load = new Load(url, requests);
    const contender = load.contender(`${count} at once, ${windows} a request`);
    const measure = async (ms: number) => (await contender.measure(ms)) / windows;
    return { ...contender, measure, steps: windows, close: () => load.close() };
  };
  const stream = async (kind: 'lines' | 'socket', count: number, windows: number): Promise<Way> => {
    const connection = await (kind === 'lines' ? openLines(url) : openSocket(url));
    const inputs = JSON.stringify(inputsOf(windows));
    const answers = Math.max(SOME / windows, count);
    const messages = Array.from(
      { length: answers },
      (_, k) => `{"id":${k},"session":"${sessions[k % count]}","inputs":${inputs}}`,
    );
    const bytes = kind === 'lines' ? chunkOf(messages) : framesOf(messages);
    const name = `${kind}: ${count} at once, ${windows} a message`;
    const contender = pumped(name, connection, { bytes, answers, steps: windows });
    return { ...contender, steps: windows, close: () => connection.socket.destroy() };
  };
  /** At one session, in memory, what is asked for is a rate of the loop's. */
  const asked = async (way: Way | Promise<Way>) => (store === 'memory' ? { ...(await way), goal: 0.7 } : way);
  return [
    () => asked(http(1, 1)),
    () => http(1, MANY),
    () => http(AT_ONCE, 1),
    () => asked(stream('lines', 1, 1)),
    () => stream('lines', 1, SOME),
    () => asked(stream('socket', 1, 1)),
    () => stream('socket', 1, SOME),
    () => stream('socket', AT_ONCE, 1),
  ];
}

/** What a step takes of a processor, in the service and in the processes of the runtime. */
async function cpuOfStep(service: number, way: Way): Promise<string> {
  const runtimes = childrenOf(service);
  const cpu = () => [cpuOf(service), runtimes.reduce((sum, pid) => sum + cpuOf(pid), 0)];
  const before = cpu();
  const started = performance.now();
  const ns = await way.measure(CPU_MS);
  const steps = ((performance.now() - started) * 1e6) / ns;
  const [own, runtime] = cpu().map((now, k) => duration((1e6 * (now - before[k])) / steps));
  return `service ${own}, runtime ${runtime}`;
}

function childrenOf(parent: number): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
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

async function openSessions(service: BenchService, model: Uint8Array): Promise<string[]> {
  const query = new URLSearchParams({ graph: 'true', id: 'vad', constants: '{"sr":16000}' });
  const made = await fetch(`${service.url}/v1/cells?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-onnx' },
    body: Buffer.from(model),
  });
  if (!made.ok) throw new Error(await made.text());
  const ids = Array.from({ length: WANTED }, (_, i) => `s${i}`);
  for (const id of ids) await service.post('/v1/sessions', { id, cell: 'vad' });
  return ids;
}

async function tellPaced(
  service: BenchService,
  name: string,
  sessions: readonly string[],
  tell: (figure: Figure) => void,
): Promise<void> {
  const round = (count: number, ms: number) =>
    paced({
      url: service.url,
      everyMs: EVERY_MS,
      inputs: JSON.stringify(inputsOf(1)),
      sockets: SOCKETS,
      sessions: sessions.slice(0, count),
      ms,
    });
  const told = async (count: number, rounds: number) => {
    const before = await meansOf(service);
    const p50s: number[] = [];
    const p99s: number[] = [];
    for (let k = 0; k < rounds; k++) {
      const latencies = await round(count, PACED_MS);
      p50s.push(percentile(latencies, 0.5));
      p99s.push(percentile(latencies, 0.99));
    }
    const after = await meansOf(service);
    const mean = (part: 'graph' | 'commit') =>
      duration((1e9 * (after[part].sum - before[part].sum)) / (after[part].count - before[part].count));
    const p99 = percentile(p99s, 0.5);
    tell({
      name: `${name}, ${count} paced: p99`,
      cellstep: duration(p99 * 1e6),
      peer: `p50 ${duration(percentile(p50s, 0.5) * 1e6)}; graph ${mean('graph')}, commit ${mean('commit')}`,
      ratio: EVERY_MS / p99,
    });
    return p99 <= EVERY_MS;
  };
  await round(PACED[0], 2 * PACED_MS);
  let most = 0;
  for (const count of PACED) {
    if (!(await told(count, PACED_ROUNDS))) break;
    most = count;
  }
  await told(WANTED, 1);
  tell({
    name: `${name}: paced sessions within ${EVERY_MS} ms`,
    cellstep: `${most}`,
    peer: `${WANTED} wanted`,
    ratio: most / WANTED,
  });
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
