import { getHeapStatistics } from 'node:v8';
import { parentPort, type Worker } from 'node:worker_threads';
import { clientGone, type FieldError, Problem, type ProblemCode } from '../domain/problems.ts';
import { giveWay } from './give-way.ts';
import { startThread } from './start-thread.ts';

/** What a thread answers: its result, or what a client is to be told. */
type Reply<Result> = (
  | { readonly result: Result }
  | {
      readonly problem: { readonly code: ProblemCode; readonly detail: string; readonly errors: readonly FieldError[] };
    }
) & {
  /** It keeps too much memory to go on. */
  readonly isFull?: boolean;
};

/** A start takes 50 ms of the processor, so a thread goes on to the next task. Without one it ends after this time. */
const IDLE_MS = 1_000;
/** A thread with more in its heap and its arrays ends. Most of that is garbage, and V8 would keep several times as much. */
const MOST_KEPT_BYTES = 2 ** 25;

/** Threads of a script that does tasks by `answerParent`: as many as there are tasks at once. */
export class OwnThreads<Task, Result> {
  private readonly script: URL;
  /** With the timers that end them. */
  private readonly idle = new Map<Worker, NodeJS.Timeout>();

  constructor(script: URL) {
    this.script = script;
  }

  /** Does a task in a thread of its own, which is ended as soon as the signal says that nobody waits for it any more. */
  async run(task: Task, transferList: ArrayBuffer[] = [], signal?: AbortSignal): Promise<Result> {
    const worker = this.take();
    let reply: Reply<Result>;
    try {
      reply = await answerOf(worker, () => worker.postMessage(task, transferList), signal);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    if (reply.isFull) await worker.terminate();
    else this.keep(worker);
    if ('result' in reply) return reply.result;
    const { code, detail, errors } = reply.problem;
    throw new Problem(code, detail, { errors });
  }

  private take(): Worker {
    const worker = this.idle.keys().next().value ?? this.start();
    this.forget(worker);
    worker.ref();
    return worker;
  }

  private start(): Worker {
    const worker = startThread(this.script);
    // What breaks between two tasks ends the thread, and only that.
    worker.on('error', () => undefined);
    worker.on('exit', () => this.forget(worker));
    return worker;
  }

  private keep(worker: Worker): void {
    worker.unref();
    const end = () => {
      this.forget(worker);
      void worker.terminate();
    };
    this.idle.set(worker, setTimeout(end, IDLE_MS).unref());
  }

  private forget(worker: Worker): void {
    clearTimeout(this.idle.get(worker));
    this.idle.delete(worker);
  }
}

async function answerOf<T>(worker: Worker, send: () => void, signal: AbortSignal | undefined): Promise<Reply<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply<T>>();
  const leave = () => reject(clientGone());
  const listeners = {
    message: resolve,
    messageerror: reject,
    error: reject,
    exit: () => reject(new Error('a thread ended before it had answered')),
  };
  signal?.addEventListener('abort', leave, { once: true });
  for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
  try {
    send();
    return await promise;
  } finally {
    signal?.removeEventListener('abort', leave);
    for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
  }
}

/** The memory of a result, which is moved to the parent, and that of a task, which is given back. */
interface Memory<Task, Result> {
  readonly ofResult?: (result: Result) => ArrayBufferLike[];
  readonly ofTask?: (task: Task) => ArrayBufferLike[];
}

/** In such a thread: does each task and answers with what it gives. */
export function answerParent<Task, Result>(
  work: (task: Task) => Result | Promise<Result>,
  { ofResult = () => [], ofTask = () => [] }: Memory<Task, Result> = {},
): void {
  giveWay();
  parentPort?.on('message', async (task: Task) => {
    let reply: Reply<Result>;
    try {
      reply = { result: await work(task) };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      reply = { problem: { code: error.code, detail: error.message, errors: error.errors } };
    }
    const moved = ('result' in reply ? ofResult(reply.result) : []).filter(isOwn);
    const kept = ofTask(task).filter((buffer) => isOwn(buffer) && !moved.includes(buffer));
    for (const buffer of kept) (buffer as ArrayBuffer).transfer(0);
    const bytes = moved.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const { total_heap_size: heap, external_memory: arrays } = getHeapStatistics();
    const isFull = heap + arrays - bytes > MOST_KEPT_BYTES;
    parentPort?.postMessage({ ...reply, isFull }, moved);
  });
}

function isOwn(buffer: ArrayBufferLike): buffer is ArrayBuffer {
  return buffer instanceof ArrayBuffer;
}
