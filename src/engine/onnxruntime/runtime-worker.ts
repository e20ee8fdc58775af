/**
 * The process that runs graphs, one at a time. It gets messages on file descriptor 3 and answers there, in their order. A
 * graph may end it, or keep it for ever: the service starts another one (graph-process.ts). It has nothing else to do while it
 * waits, so it reads and writes at once, without its event loop.
 */
import { readSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { InferenceSession, TensorConstructor } from 'onnxruntime-node';
import { FrameReader, frame } from './frames.ts';
import type {
  Answer,
  LoadMessage,
  Message,
  Result,
  RowResult,
  RunMessage,
  SentRequest,
  SentTensor,
} from './messages.ts';
import { toRuntime, toSent } from './runtime-tensors.ts';

const SERVICE = 3;
const READ_BYTES = 2 ** 18;

const [parent, maxBytes, maxResultBytes] = process.argv.slice(2).map(Number);
new Worker(new URL('./guard-worker.ts', import.meta.url), { workerData: { parent, maxBytes }, env: {} });

const OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 4,
};

type Values = InferenceSession.OnnxValueMapType;

const graphs = new Map<string, InferenceSession>();
const reader = new FrameReader<Message>(Number.POSITIVE_INFINITY);
for (;;) {
  // One of its own for each read: what is not whole yet stays in it.
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const length = readSync(SERVICE, buffer);
  if (length === 0) process.exit();
  for (const message of reader.push(buffer.subarray(0, length))) writeAll(frame(await answer(message)));
}

function writeAll(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(SERVICE, bytes, at);
}

async function answer(message: Message): Promise<Answer> {
  const runtime = await import('onnxruntime-node').catch((error: Error) => error);
  if (runtime instanceof Error) return { results: [{ fault: runtime.message, kind: 'not-installed' }] };
  switch (message.op) {
    case 'load':
      return { results: [await orFault(() => load(runtime.InferenceSession, message))] };
    case 'release':
      return { results: [await orFault(() => release(message.graph))] };
    case 'run': {
      const session = graphs.get(message.graph);
      const results: Result[] = [];
      let bytes = 0;
      for (const request of message.requests) {
        if (!session) results.push({ fault: message.graph, kind: 'not-loaded' });
        // The answer is not larger than that of one request may be.
        else if (bytes > maxResultBytes) results.push({ fault: `${bytes}`, kind: 'not-run' });
        else results.push(await orFault(() => run(runtime.Tensor, session, message, request)));
        bytes += bytesOf(results[results.length - 1]);
      }
      return { results };
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
  graphs.set(graph, await Session.create(model, OPTIONS));
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
  { states, outputs }: RunMessage,
  { rows, everyState }: SentRequest,
): Promise<Result> {
  const next = states.map(({ output }) => output);
  const wanted = [...new Set([...outputs, ...next])];
  const results: RowResult[] = [];
  let bytes = 0;
  const keep = (made: Values, names: readonly string[]) => {
    const tensors = names.map((name) => toSent(name, made[name]));
    bytes += sumOf(tensors);
    return tensors;
  };
  for (const { steps, states: first } of rows) {
    const result: { outputs: SentTensor[][]; states: SentTensor[][] } = { outputs: [], states: [] };
    let carried: Values = Object.fromEntries(states.map(({ name }, i) => [name, toRuntime(Runtime, first[i])]));
    for (const [k, feeds] of steps.entries()) {
      const given = Object.fromEntries(
        Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(Runtime, tensor)]),
      );
      const made = await session.run({ ...given, ...carried }, wanted);
      carried = Object.fromEntries(states.map(({ name, output }) => [name, made[output]]));
      result.outputs.push(keep(made, outputs));
      if (everyState || k === steps.length - 1) result.states.push(keep(made, next));
      if (bytes > maxResultBytes) return { fault: `${bytes}`, kind: 'too-large' };
    }
    results.push(result);
  }
  return { rows: results };
}

function bytesOf(result: Result): number {
  if ('fault' in result) return 0;
  return result.rows.reduce((sum, row) => sum + sumOf([...row.outputs, ...row.states].flat()), 0);
}

function sumOf(tensors: readonly SentTensor[]): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
