/**
 * The process that runs graphs, one at a time. It gets messages on file descriptor 3 and answers there, in their order. A
 * graph may end it, or keep it for ever: the service starts another one (graph-process.ts).
 */
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { InferenceSession, TensorConstructor } from 'onnxruntime-node';
import {
  type Answer,
  FrameReader,
  frame,
  type Message,
  type RowResult,
  type RunMessage,
  type SentTensor,
} from './messages.ts';
import { toRuntime, toSent } from './runtime-tensors.ts';

const [parent, maxBytes] = process.argv.slice(2).map(Number);
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
const socket = new Socket({ fd: 3 });
let last: Promise<void> = Promise.resolve();
socket.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk))
    last = last.then(async () => void socket.write(frame(await answer(message))));
});
socket.on('close', () => process.exit());

async function answer(message: Message): Promise<Answer> {
  const runtime = await import('onnxruntime-node').catch((error: Error) => error);
  if (runtime instanceof Error) return { fault: runtime.message, kind: 'not-installed' };
  try {
    switch (message.op) {
      case 'load':
        graphs.set(message.graph, await runtime.InferenceSession.create(message.model, OPTIONS));
        break;
      case 'release':
        await graphs.get(message.graph)?.release();
        graphs.delete(message.graph);
        break;
      case 'run':
        return await run(runtime.Tensor, message);
    }
    return { rows: [] };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : `${error}`, kind: 'refused' };
  }
}

/** The runs of one request. Their results are counted as they come, so that no answer is larger than it may be. */
async function run(
  Runtime: TensorConstructor,
  { graph, rows, states, outputs, everyState, maxBytes }: RunMessage,
): Promise<Answer> {
  const session = graphs.get(graph);
  if (!session) return { fault: graph, kind: 'not-loaded' };
  const next = states.map(({ output }) => output);
  const wanted = [...new Set([...outputs, ...next])];
  const results: RowResult[] = [];
  let bytes = 0;
  const keep = (made: Values, names: readonly string[]) => {
    const tensors = names.map((name) => toSent(name, made[name]));
    bytes += tensors.reduce((sum, tensor) => sum + tensor.bytes.length, 0);
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
      if (bytes > maxBytes) return { fault: `${bytes}`, kind: 'too-large' };
    }
    results.push(result);
  }
  return { rows: results };
}
