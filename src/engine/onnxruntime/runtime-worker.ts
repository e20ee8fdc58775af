/**
 * The process that runs graphs, one at a time. It gets messages on file descriptor 3 and answers there, in their order. A
 * graph may end it, or keep it for ever: the service starts another one (graph-process.ts). It has nothing else to do while it
 * waits, so it reads and writes at once, without its event loop.
 */
import { readSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-node';
import { giveWay } from '../../threads/give-way.ts';
import { FrameReader, frame } from './frames.ts';
import type {
  Answer,
  LoadMessage,
  Message,
  Result,
  RowResult,
  RunMessage,
  SentRequest,
  SentTensors,
} from './messages.ts';
import { together, toRuntime, toSent } from './runtime-tensors.ts';

const SERVICE = 3;
const READ_BYTES = 2 ** 18;

const [parent, maxBytes, maxResultBytes] = process.argv.slice(2).map(Number);
new Worker(new URL('./guard-worker.ts', import.meta.url), { workerData: { parent, maxBytes }, env: {} });
// Not the guard, which has to end a run that takes too much.
giveWay();

const OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 4,
};

type Values = InferenceSession.OnnxValueMapType;

const runtime = await import('onnxruntime-node').catch((error: Error) => error);
const graphs = new Map<string, InferenceSession>();
const reader = new FrameReader<Message>(Number.POSITIVE_INFINITY);
// What a message holds of it is used up before the next read.
const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
// The first answer says that the process has started.
for (const part of frame({ results: [], seconds: [] })) writeAll(part);
for (;;) {
  const length = readSync(SERVICE, buffer);
  if (length === 0) process.exit();
  for (const message of reader.push(buffer.subarray(0, length)))
    for (const part of frame(await answer(message))) writeAll(part);
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(SERVICE, bytes, at);
}

async function answer(message: Message): Promise<Answer> {
  if (runtime instanceof Error) return { results: [{ fault: runtime.message, kind: 'not-installed' }], seconds: [0] };
  const { InferenceSession: Session, Tensor: Runtime } = runtime;
  switch (message.op) {
    case 'load':
      return { results: [await orFault(() => load(Session, message))], seconds: [0] };
    case 'release':
      return { results: [await orFault(() => release(message.graph))], seconds: [0] };
    case 'run': {
      const session = graphs.get(message.graph);
      const results: Result[] = [];
      const seconds: number[] = [];
      let bytes = 0;
      for (const request of message.requests) {
        const before = process.threadCpuUsage();
        if (!session) results.push({ fault: message.graph, kind: 'not-loaded' });
        // The answer is not larger than that of one request may be.
        else if (bytes > maxResultBytes) results.push({ fault: `${bytes}`, kind: 'not-run' });
        else results.push(await orFault(() => run(Runtime, session, message, request)));
        bytes += bytesOf(results[results.length - 1]);
        const { user, system } = process.threadCpuUsage(before);
        seconds.push((user + system) / 1e6);
      }
      return { results, seconds };
    }
  }
}

async function orFault(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    return { fault: error instanceof Error ? error.message : `${error}`, kind: 'refused' };
  }
}

async function load(Session: typeof InferenceSession, { graph, model }: LoadMessage): Promise<Result> {
  graphs.set(graph, await Session.create(model.bytes, OPTIONS));
  return { rows: [] };
}

async function release(graph: string): Promise<Result> {
  await graphs.get(graph)?.release();
  graphs.delete(graph);
  return { rows: [] };
}

/** The runs of one request. Their results are counted as they come, so that none is larger than it may be. */
async function run(
  Runtime: TensorConstructor,
  session: InferenceSession,
  { inputs, constants, states, outputs }: RunMessage,
  { rows, everyState }: SentRequest,
): Promise<Result> {
  const next = states.map(({ output }) => output);
  const wanted = [...new Set([...outputs, ...next])];
  // Made once, with a field for each name, whatever the name is.
  const feeds: Record<string, Tensor> = Object.fromEntries([
    ...constants.map(([name, tensor]) => [name, toRuntime(Runtime, tensor)]),
    ...[...inputs, ...states.map(({ name }) => name)].map((name) => [name, undefined]),
  ]);
  const results: RowResult[] = [];
  let bytes = 0;
  const keep = (kept: SentTensors[][], made: Values, names: readonly string[]) => {
    for (const [i, name] of names.entries()) {
      const tensor = toSent(name, made[name]);
      bytes += tensor.bytes.length;
      kept[i].push(tensor);
    }
  };
  for (const { runs, inputs: given, states: first } of rows) {
    const made = { outputs: outputs.map((): SentTensors[] => []), states: next.map((): SentTensors[] => []) };
    for (const [i, { name }] of states.entries()) feeds[name] = toRuntime(Runtime, first[i]);
    for (let k = 0; k < runs; k++) {
      for (const [i, name] of inputs.entries()) {
        if (k < given[i].count) feeds[name] = toRuntime(Runtime, given[i], k);
      }
      const values = await session.run(feeds, wanted);
      for (const { name, output } of states) feeds[name] = values[output] as Tensor;
      keep(made.outputs, values, outputs);
      if (everyState || k === runs - 1) keep(made.states, values, next);
      if (bytes > maxResultBytes) return { fault: `${bytes}`, kind: 'too-large' };
    }
    results.push({ outputs: made.outputs.map(together), states: made.states.map(together) });
  }
  return { rows: results };
}

function bytesOf(result: Result): number {
  if ('fault' in result) return 0;
  const tensors = result.rows.flatMap(({ outputs, states }) => [...outputs, ...states].flat());
  return tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
