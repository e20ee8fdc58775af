import type { Worker } from 'node:worker_threads';
import { clientGone, Problem } from '../domain/problems.ts';
import { startThread } from '../threads/start-thread.ts';

/** A file may wait for a processor this many times as long as it may compute: then the machine is at fault. */
const PATIENCE = 6;
const TICKS = 10;
/** A thread without work ends after this time, and gives back what its library took. */
const IDLE_MS = 1_000;

/**
 * Threads for files, as many as there are requests at once. Each answers a `Request` by a `Reply`, and goes on to another file. It is
 * ended if its script breaks, or takes more than `timeoutMs` of a processor for one.
 */
export function createThreads<Request, Reply>(script: URL, timeoutMs: number) {
  /** With the timers that end them. */
  const idle = new Map<Worker, NodeJS.Timeout>();

  function take(): Worker {
    const worker = idle.keys().next().value ?? startWorker(script, () => forget(worker));
    forget(worker);
    worker.ref();
    return worker;
  }

  function forget(worker: Worker): void {
    clearTimeout(idle.get(worker));
    idle.delete(worker);
  }

  /** An idle thread does not keep the process alive. */
  function keep(worker: Worker): void {
    worker.unref();
    // It takes no other file while it ends.
    const end = () => {
      forget(worker);
      void worker.terminate();
    };
    idle.set(worker, setTimeout(end, IDLE_MS).unref());
  }

  return {
    /** The signal ends the thread, and the work with it. */
    async ask(request: Request, transferList: ArrayBuffer[] = [], signal?: AbortSignal): Promise<Reply> {
      const worker = take();
      try {
        const reply = await answerOf<Reply>(worker, { timeoutMs, signal }, () =>
          worker.postMessage(request, transferList),
        );
        keep(worker);
        return reply;
      } catch (error) {
        await worker.terminate();
        throw error;
      }
    },
  };
}

/** With its output swallowed: a library may log to it. */
function startWorker(script: URL, ended: () => void): Worker {
  const worker = startThread(script, {
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 },
  });
  // A fault between two files ends the thread, and only that.
  worker.on('error', () => {});
  worker.on('exit', ended);
  return worker;
}

interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

async function answerOf<Reply>(worker: Worker, { timeoutMs, signal }: Patience, send: () => void): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const listeners = {
    message: resolve,
    messageerror: reject,
    error: reject,
    exit: () => reject(new Error('its thread ended early')),
  };
  // It may be rejected before it is awaited.
  promise.catch(() => undefined);
  const leave = () => reject(clientGone());
  signal?.addEventListener('abort', leave, { once: true });
  const before = await usedMs(worker);
  let ticks = 0;
  const timer = setInterval(async () => {
    if (++ticks >= PATIENCE * TICKS) return reject(tooBusy(timeoutMs));
    if ((await usedMs(worker)) - before > timeoutMs) reject(new Error(`it took longer than ${timeoutMs} ms`));
  }, timeoutMs / TICKS);
  for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
  try {
    send();
    return await promise;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', leave);
    for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
  }
}

/** 0 if the thread has ended: then it has answered. */
async function usedMs(worker: Worker): Promise<number> {
  const { user, system } = await worker.cpuUsage().catch(() => ({ user: 0, system: 0 }));
  return (user + system) / 1000;
}

function tooBusy(timeoutMs: number): Problem {
  const detail = `The file was not read within ${PATIENCE * timeoutMs} ms, as the machine is busy. Send it again.`;
  return new Problem('overloaded', detail, { retryAfterSeconds: 10 });
}
