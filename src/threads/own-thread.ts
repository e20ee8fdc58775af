import { getHeapStatistics } from 'node:v8';
import { parentPort, type Worker, type WorkerOptions } from 'node:worker_threads';
import { buffersOf } from '../domain/bytes.ts';
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
/** Work may wait for a processor this many times as long as it may compute: then the machine is at fault. */
export const PATIENCE = 6;
const TICKS = 10;

interface ThreadOptions extends WorkerOptions {
  /** Time of a processor that one task may take. */
  readonly timeoutMs?: number;
}

/** Threads of a script that does tasks by `answerParent`: as many as there are tasks at once. */
export class OwnThreads<Task, Result> {
  private readonly script: URL;
  private readonly timeoutMs: number | undefined;
  private readonly options: WorkerOptions;
  /** With the timers that end them. */
  private readonly idle = new Map<Worker, NodeJS.Timeout>();

  constructor(script: URL, { timeoutMs, ...options }: ThreadOptions = {}) {
    this.script = script;
    this.timeoutMs = timeoutMs;
    this.options = options;
  }

  /**
   * Does a task in a thread of its own, which is ended as soon as the signal says that nobody waits for it any more.
   * @throws {Problem} what the task throws, client-gone, overloaded on a busy machine
   * @throws {Error} the script broke, or took longer than it may
   */
  async run(task: Task, transferList: ArrayBuffer[] = [], signal?: AbortSignal): Promise<Result> {
    const worker = this.take();
    let reply: Reply<Result>;
    try {
      const send = () => worker.postMessage(task, transferList);
      reply = await answerOf(worker, send, { timeoutMs: this.timeoutMs, signal });
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
    const worker = startThread(this.script, this.options);
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

interface Patience {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

async function answerOf<T>(worker: Worker, send: () => void, { timeoutMs, signal }: Patience): Promise<Reply<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply<T>>();
  // It may be rejected before it is awaited.
  promise.catch(() => undefined);
  const leave = () => reject(clientGone());
  const listeners = {
    message: resolve,
    messageerror: reject,
    error: reject,
    exit: () => reject(new Error('its thread ended early')),
  };
  signal?.addEventListener('abort', leave, { once: true });
  for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
  const timer = timeoutMs === undefined ? undefined : await limitTime(worker, timeoutMs, reject);
  try {
    send();
    return await promise;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', leave);
    for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
  }
}

/** Rejects once the thread has computed for so long from now on, or has waited for a processor too long. */
async function limitTime(worker: Worker, timeoutMs: number, reject: (why: Error) => void): Promise<NodeJS.Timeout> {
  const before = await usedMs(worker);
  let ticks = 0;
  return setInterval(async () => {
    if (++ticks >= PATIENCE * TICKS) return reject(tooBusy(timeoutMs));
    if ((await usedMs(worker)) - before > timeoutMs) reject(new Error(`it took longer than ${timeoutMs} ms`));
  }, timeoutMs / TICKS);
}

/** 0 if the thread has ended: then it has answered. */
async function usedMs(worker: Worker): Promise<number> {
  const { user, system } = await worker.cpuUsage().catch(() => ({ user: 0, system: 0 }));
  return (user + system) / 1000;
}

function tooBusy(timeoutMs: number): Problem {
  const detail = `This was not done within ${PATIENCE * timeoutMs} ms, as the machine is busy. Send it again.`;
  return new Problem('overloaded', detail, { retryAfterSeconds: 10 });
}

/**
 * In such a thread: does each task and answers with what it gives. The memory of the result is moved to the parent, and that of the task
 * given back. A thread that keeps more than `mostKeptBytes` ends.
 */
export function answerParent<Task, Result>(
  work: (task: Task) => Result | Promise<Result>,
  mostKeptBytes = MOST_KEPT_BYTES,
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
    const moved = buffersOf(reply);
    for (const buffer of buffersOf(task).difference(moved)) buffer.transfer(0);
    const bytes = [...moved].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const { total_heap_size: heap, external_memory: arrays } = getHeapStatistics();
    const isFull = heap + arrays - bytes > mostKeptBytes;
    parentPort?.postMessage({ ...reply, isFull }, [...moved]);
  });
}
