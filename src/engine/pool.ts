import { Worker } from 'node:worker_threads';
import type { Precision } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import type { ComputeAnswer, ComputeCalls, ComputeKind, ComputeTask } from './compute-task.ts';
import { inSharedMemory } from './shared-weights.ts';
import type { SimdEngines } from './simd.ts';

const SCRIPT = new URL('./compute-worker.ts', import.meta.url);
/** A thread that has had nothing to do for so long ends, and what it keeps with it. */
const IDLE_MILLISECONDS = 60_000;
/** How much work may wait for a thread: what a client may be expected to wait for. */
const WAITING_SECONDS = 20;
const MAX_TRIES = 2;

export interface PoolOptions {
  readonly threads: number;
  /** Those of this thread, whose memory the threads share. */
  readonly engines: Pick<SimdEngines, 'share' | 'newThread'>;
  /** What the threads run. */
  readonly script?: URL;
}

export interface PoolStatistics {
  /** Threads that there are now; they start when there is work. */
  readonly threads: number;
  readonly running: number;
  readonly waiting: number;
}

export interface ComputePool {
  /** Threads that it has at most. */
  readonly threads: number;
  /** A program with its weights in shared memory, and a name for it that no other one has. */
  share<P extends ComputeTask['program']>(
    program: P,
    precision?: Precision,
  ): { readonly id: number; readonly program: P };
  /**
   * `nanoseconds` is what the task is expected to take; the queue is bounded by the sum of it. `original` is what the task's
   * program was shared from, whose packed weights stay where they are as long as it can be reached.
   * @throws {Problem} overloaded, compute-failed, shutting-down, or what the engine says
   */
  run<K extends ComputeKind>(
    task: ComputeTask<K>,
    nanoseconds: number,
    original?: object,
  ): Promise<ComputeCalls[K]['result']>;
  statistics(): PoolStatistics;
  /** Ends the threads; what still runs or waits is refused. */
  close(): Promise<void>;
}

interface Job {
  readonly task: ComputeTask;
  readonly original: object | undefined;
  readonly resolve: (answer: ComputeAnswer) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
}

interface Thread {
  readonly worker: Worker;
  job?: Job;
  error?: unknown;
  idle?: NodeJS.Timeout;
}

/** Threads that compute. A task whose thread dies is tried once more on another one: what it computes changes nothing. */
export function createPool({ threads, engines, script = SCRIPT }: PoolOptions): ComputePool {
  const team = new Set<Thread>();
  const queue: Job[] = [];
  let programs = 0;
  let expectedSeconds = 0;
  let closed = false;

  function start(): Thread {
    const room = engines.newThread();
    // A thread needs none of the environment's secrets.
    const thread: Thread = { worker: new Worker(script, { env: {}, execArgv: [], workerData: room.options }) };
    thread.worker.on('message', (answer: ComputeAnswer) => {
      thread.job?.resolve(answer);
      rest(thread);
    });
    thread.worker.on('error', (error) => {
      thread.error = error;
    });
    thread.worker.on('exit', (code) => {
      room.end();
      bury(thread, code);
    });
    team.add(thread);
    return thread;
  }

  function assign(thread: Thread, job: Job): void {
    clearTimeout(thread.idle);
    thread.job = job;
    job.tries++;
    thread.worker.ref();
    try {
      thread.worker.postMessage(job.task);
    } catch (error) {
      job.reject(error);
      rest(thread);
    }
  }

  function rest(thread: Thread): void {
    thread.job = undefined;
    thread.worker.unref();
    thread.idle = setTimeout(() => void thread.worker.terminate(), IDLE_MILLISECONDS).unref();
    dispatch();
  }

  function bury(thread: Thread, code: number): void {
    const { job, error } = thread;
    clearTimeout(thread.idle);
    team.delete(thread);
    if (job && closed) job.reject(shuttingDown());
    else if (job && job.tries < MAX_TRIES) queue.unshift(job);
    else if (job) {
      const detail = 'The thread that computed this ended too early, and so did the thread of a second try.';
      const cause = new Error(`a computing thread ended with code ${code}`, { cause: error });
      job.reject(new Problem('compute-failed', detail, { cause }));
    }
    dispatch();
  }

  function dispatch(): void {
    while (queue.length > 0 && !closed) {
      const idle = [...team].find(({ job }) => job === undefined);
      if (!idle && team.size >= threads) return;
      assign(idle ?? start(), queue.shift()!);
    }
  }

  return {
    threads,
    share: (program, precision) => ({ id: ++programs, program: engines.share(program, precision) }),

    async run(task, nanoseconds, original) {
      if (closed) throw shuttingDown();
      const wait = expectedSeconds / threads;
      if (wait > WAITING_SECONDS) {
        const detail = `Work of about ${Math.ceil(wait)} s is waiting already for ${threads} threads (CELLSTEP_THREADS).`;
        throw new Problem('overloaded', detail, { retryAfterSeconds: Math.ceil(wait - WAITING_SECONDS) });
      }
      expectedSeconds += nanoseconds / 1e9;
      try {
        const answer = await new Promise<ComputeAnswer>((resolve, reject) => {
          const own = { ...task, request: inSharedMemory(task.request) } as unknown as ComputeTask;
          queue.push({ task: own, original, resolve, reject, tries: 0 });
          dispatch();
        });
        if ('result' in answer) return answer.result as never;
        const { code, detail, errors } = answer.problem;
        throw new Problem(code, detail, { errors });
      } finally {
        expectedSeconds -= nanoseconds / 1e9;
      }
    },

    statistics: () => ({
      threads: team.size,
      running: [...team].filter(({ job }) => job !== undefined).length,
      waiting: queue.length,
    }),

    async close() {
      closed = true;
      for (const { reject } of queue.splice(0)) reject(shuttingDown());
      await Promise.all([...team].map(({ worker }) => worker.terminate()));
    },
  };
}

function shuttingDown(): Problem {
  return new Problem('shutting-down', 'The service is shutting down.');
}
