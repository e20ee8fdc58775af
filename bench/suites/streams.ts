import { Tensor } from '../../src/domain/tensor.ts';
import { writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { codecFor } from '../../src/http/numbers/codec.ts';
import { type Server, startLimit, startPython } from '../http/servers.ts';
import { CONNECTIONS, type Load, loadedBy, wrkVersion } from '../http/wrk.ts';
import { byCpu, type Contender, cpuOfAll, interleave, type Measured, median, ratio } from '../measure.ts';
import { MissingPeer } from '../peers.ts';
import { duration, perSecond, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';
import {
  chunkOf,
  framesOf,
  oneByOne,
  openCalls,
  openLines,
  openSocket,
  pumped,
  type RawConnection,
  requestOf,
} from '../streams/raw.ts';

const SESSIONS = 1_000;
/** Bytes of an answer to a step. */
const ANSWER_BYTES = 800;
/** In which Triton has to begin all sequences. */
const BEGIN_MS = 30_000;
/** All rounds of both stores take some four minutes. */
const ROUNDS = { rounds: 4, ms: 1000 };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const FILE_TYPES = { 'Content-Type': 'application/x-safetensors', Accept: 'application/x-safetensors' };
const INPUTS = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i * 1.7));
const TEXT = codecFor(0).print(INPUTS, [1, INPUTS.length]);

/** Least ratios to single requests, by store. */
const GOALS = {
  memory: { lines: 5, socket: 5, 'bulk JSON': 8, 'bulk safetensors': 10, OIP: 0.9, 'one by one': 1.5 },
  lmdb: { lines: 2.5, socket: 2.5 },
} as const;

export const suite: Suite = {
  about: `Steps a second of one process, an LSTM (16 → 64), no log and no threads: single requests to sessions over ${CONNECTIONS}
connections (wrk), and the same steps of ${SESSIONS} sessions as JSON lines over one connection, over one WebSocket, and as bulk calls of
${SESSIONS} steps (two under way). OIP is the binary request of Triton's client to ${CONNECTIONS} sequences (wrk). One by one: one connection,
each step after the answer to the one before, with p50 and p99 of the round trip. Ratios are to the single requests in the same run,
by the CPU that the process takes for a step; steps a second by the clock stand beside it (on a busy machine). node:http is a bare server that reads a
single request and answers with a constant of its size. Triton is its own server with sequence batching, of the package nvidia-pytriton,
and a model of its Python backend that keeps the states in a dict and steps PyTorch's cell on one thread: the same requests, by the
CPU of all its processes. MLServer is not here: version 1.7.1 knows no sequence, so it has no state between requests.`,
  async run(tell) {
    const versions = [wrkVersion()];
    for (const store of ['memory', 'lmdb'] as const) {
      const service = await serve(store, { CELLSTEP_THREADS: '0' });
      const limit = await startLimit();
      const triton = store === 'memory' ? await startTriton() : undefined;
      const open: RawConnection[] = [];
      try {
        await prepare(service);
        const goals: Readonly<Record<string, number>> = GOALS[store];
        const all = await contendersOf(service, open);
        const [single, ...others] = all.map((one) => byCpu(one, service.pid));
        const bare = byCpu(loadedBy('node:http', bareLoad(limit.url)), limit.pid);
        const peers = triton ? [byCpu(loadedBy('Triton', inferenceLoad(triton.url)), triton.pid, cpuOfAll)] : [];
        const [base, least, ...measured] = await interleave([single, bare, ...others, ...peers], ROUNDS);
        tell({
          name: `${store}: single requests, against node:http`,
          cellstep: shown(base, single),
          peer: shown(least, bare),
          ratio: ratio(base, least),
        });
        for (const [k, peer] of peers.entries()) {
          const [mine, its] = [measured[others.length - 1], measured[others.length + k]];
          tell({
            name: `${store}: OIP, against ${peer.name}`,
            cellstep: shown(mine, others[others.length - 1]),
            peer: shown(its, peer),
            ratio: ratio(mine, its),
          });
        }
        for (const [k, { name }] of others.entries()) {
          const mine = measured[k];
          tell({
            name: `${store}: ${name}`,
            cellstep: shown(mine, others[k]),
            peer: shown(base, single),
            ratio: ratio(mine, base),
            ...(goals[name] === undefined ? {} : { goal: goals[name] }),
          });
        }
        await tellOneByOne(service, open, (figure) =>
          tell({
            ...figure,
            name: `${store}: one by one${figure.name}`,
            ...(goals['one by one'] ? { goal: goals['one by one'] } : {}),
          }),
        );
      } finally {
        for (const { socket } of open) socket.destroy();
        await triton?.stop();
        await limit.stop();
        await service.close();
      }
    }
    return versions;
  },
};

/** `21.3 µs, 9200 steps/s`: the CPU of a step, and how many there were by the clock. */
function shown({ ns }: Measured, { wall }: { readonly wall: readonly number[] }): string {
  return `${duration(ns)}, ${perSecond(median(wall), 'steps')}`;
}

/** Triton with its sequences begun; undefined if it is not installed or does not start. */
async function startTriton(): Promise<Server | undefined> {
  let server: Server | undefined;
  try {
    server = await startPython('.python-pytriton', 'triton_sequences.py', '/v2/models/lstm64/ready');
    const signal = AbortSignal.timeout(BEGIN_MS);
    for (let i = 1; i <= CONNECTIONS; i++) {
      const body = JSON.stringify(inference(i, true));
      const { status } = await fetch(`${server.url}/v2/models/lstm64/infer`, { method: 'POST', body, signal });
      if (status !== 200) throw new MissingPeer(`Triton answers ${status} where sequence ${i} begins`);
    }
    return server;
  } catch (error) {
    await server?.stop();
    const { name, message } = error as Error;
    if (!(error instanceof MissingPeer || name === 'TimeoutError')) throw error;
    process.stderr.write(`left out: Triton (${message})\n`);
    return undefined;
  }
}

async function prepare(service: BenchService): Promise<void> {
  const config = { units: 64, recurrent_initializer: 'glorot_uniform' };
  await service.post('/v1/cells', { id: 'lstm64', class_name: 'LSTMCell', config, input_shape: [null, 16] });
  for (let from = 0; from < SESSIONS; from += 50) {
    const ids = Array.from({ length: 50 }, (_, i) => `s${from + i}`);
    await Promise.all(ids.map((id) => service.post('/v1/sessions', { id, cell: 'lstm64' })));
  }
  for (let i = 1; i <= CONNECTIONS; i++) await service.post('/v2/models/lstm64/infer', inference(i, true));
}

function inference(sequence: number, start: boolean) {
  const input = { name: 'inputs', shape: [1, 16], datatype: 'FP32', data: [...INPUTS] };
  return { inputs: [input], parameters: { sequence_id: sequence, sequence_start: start } };
}

function singleLoad(url: string): Load {
  const paths = Array.from({ length: CONNECTIONS }, (_, i) => `/v1/sessions/s${i}/steps`);
  return { url, paths, headers: JSON_TYPE, body: Buffer.from(`{"inputs":${TEXT}}`) };
}

/** The same request to a server that answers with a constant. */
function bareLoad(url: string): Load {
  return { ...singleLoad(url), paths: [`/${ANSWER_BYTES}/json`] };
}

async function contendersOf(service: BenchService, open: RawConnection[]): Promise<Contender[]> {
  const { url } = service;
  const messages = Array.from({ length: SESSIONS }, (_, i) => `{"id":${i},"session":"s${i}","inputs":${TEXT}}`);
  const keep = async (opening: Promise<RawConnection>) => {
    const connection = await opening;
    open.push(connection);
    return connection;
  };
  const bulk = requestOf('/v1/steps', JSON_TYPE, Buffer.from(`{"steps":[${messages.join(',')}]}`));
  const inputs = Float32Array.from({ length: SESSIONS * 16 }, (_, i) => INPUTS[i % 16]);
  const sessions = JSON.stringify(Array.from({ length: SESSIONS }, (_, i) => `s${i}`));
  const file = writeSafetensors(new Map([['inputs', new Tensor('float32', [SESSIONS, 16], inputs)]]), { sessions });
  return [
    loadedBy('single requests', singleLoad(url)),
    pumped('lines', await keep(openLines(url)), { bytes: chunkOf(messages), answers: SESSIONS }),
    pumped('socket', await keep(openSocket(url)), { bytes: framesOf(messages), answers: SESSIONS }),
    pumped('bulk JSON', await keep(openCalls(url)), { bytes: bulk, answers: 1, steps: SESSIONS }),
    pumped('bulk safetensors', await keep(openCalls(url)), {
      bytes: requestOf('/v1/steps', FILE_TYPES, file),
      answers: 1,
      steps: SESSIONS,
    }),
    loadedBy('OIP', inferenceLoad(url)),
  ];
}

/** As Triton's client sends it: a tensor as bytes, and the outputs that it wants as bytes too. */
function inferenceLoad(url: string): Load {
  const bodies = Array.from({ length: CONNECTIONS }, (_, i) => {
    const input = { name: 'inputs', shape: [1, 16], datatype: 'FP32', parameters: { binary_data_size: 64 } };
    const outputs = [{ name: 'output', parameters: { binary_data: true } }];
    // Of one length, so that one header says it for all.
    const parameters = `{"sequence_id":${i + 1},"sequence_start":false,"sequence_end":false}`.padEnd(68);
    const head = `{"inputs":${JSON.stringify([input])},"outputs":${JSON.stringify(outputs)},"parameters":${parameters}}`;
    return Buffer.concat([Buffer.from(head), Buffer.from(INPUTS.buffer)]);
  });
  const header = `${bodies[0].length - 64}`;
  const headers = { 'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': header };
  return { url, paths: bodies.map(() => '/v2/models/lstm64/infer'), headers, body: bodies[0], bodies };
}

async function tellOneByOne(
  { url }: BenchService,
  open: RawConnection[],
  tell: (figure: { name: string; cellstep: string; peer: string; ratio?: number }) => void,
): Promise<void> {
  const connections = await Promise.all([openSocket(url), openCalls(url)]);
  open.push(...connections);
  const frame = framesOf([`{"id":1,"session":"s0","inputs":${TEXT}}`]);
  const request = requestOf('/v1/sessions/s0/steps', JSON_TYPE, Buffer.from(`{"inputs":${TEXT}}`));
  const socket = oneByOne('socket', connections[0], frame);
  const single = oneByOne('single requests', connections[1], request);
  const [mine, base] = await interleave([socket.contender, single.contender], ROUNDS);
  const shown = ({ ns }: Measured, times: readonly number[]) => {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (part: number) => `${Math.round(sorted[Math.floor(sorted.length * part)] * 1000)}`;
    return `${perSecond(ns, 'steps')} (${at(0.5)}, ${at(0.99)} µs)`;
  };
  tell({ name: '', cellstep: shown(mine, socket.times), peer: shown(base, single.times), ratio: ratio(mine, base) });
}
