import type { Worker } from 'node:worker_threads';
import { type CurrentCaller, OWN_WORK } from '../../domain/caller.ts';
import type { Precision } from '../../domain/ports.ts';
import { clientGone, Problem } from '../../domain/problems.ts';
import { FairQueue } from '../../threads/fair-queue.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { startThread } from '../../threads/start-thread.ts';
import { inSharedMemory } from '../simd/shared-weights.ts';
import type { SimdEngines } from '../simd/simd.ts';
import type { ComputeAnswer, ComputeCalls, ComputeKind, ComputeTask } from './compute-task.ts';

const SCRIPT = new URL('./compute-worker.ts', import.meta.url);
/** A thread that has had nothing to do for so long ends, and what it keeps with it. */
const IDLE_MILLISECONDS = 60_000;
/** How much work of one client may wait for a thread: what a client may be expected to wait for. */
const WAITING_SECONDS = 20;
/** How much work of all clients may. */
const MOST_SECONDS = 120;
/** A task that is expected to take longer leaves a thread to other clients, where there are two or more. */
const LONG_SECONDS = 0.5;
const MAX_TRIES = 2;

export interface PoolOptions {
  readonly threads: number;
  /** Those of this thread, whose memory the threads share. */
  readonly engines: Pick<SimdEngines, 'share' | 'shareSlices' | 'newThread'>;
  /** What the threads run. */
  readonly script?: URL;
  readonly caller?: CurrentCaller;
}

export interface PoolStatistics {
  /** Threads that there are now; they start when there is work. */
  readonly threads: number;
  readonly running: number;
  readonly waiting: number;
}

interface SharedProgram<P> {
  readonly id: number;
  readonly program: P;
}

export interface ComputePool {
  /** Threads that it has at most. */
  readonly threads: number;
  /** A program with its weights in shared memory, and a name for it that no other one has. */
  share<P extends ComputeTask['program']>(program: P, precision?: Precision): SharedProgram<P>;
  /** Copies what `share` would copy of it, in slices. */
  readonly shareSlices: SimdEngines['shareSlices'];
  /**
   * `nanoseconds` is what the task is expected to take; the queue is bounded by the sum of it. `original` is what the task's
   * program was shared from, whose packed weights stay where they are as long as it can be reached.
   * Clients take turns. The work of one that has hung up is ended, but not a step, which may be part of a batch of several.
   * @throws {Problem} overloaded, client-gone, compute-failed, shutting-down, or what the engine says
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
  readonly client: string;
  readonly seconds: number;
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
export function createPool({ threads, engines, script = SCRIPT, caller = () => OWN_WORK }: PoolOptions): ComputePool {
  const team = new Set<Thread>();
  const queue = new FairQueue<Job>();
  /** Work of each client that waits or runs. */
  const expected = new Map<string, number>();
  let programs = 0;
  let expectedSeconds = 0;
  let closed = false;

  function start(): Thread {
    const room = engines.newThread();
    const thread: Thread = { worker: startThread(script, { workerData: room.options }) };
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
    else if (job && job.tries < MAX_TRIES) queue.putBack(job.client, job);
    else if (job) {
      const detail = 'The thread that computed this ended too early, and so did the thread of a second try.';
      const cause = new Error(`a computing thread ended with code ${code}`, { cause: error });
      job.reject(new Problem('compute-failed', detail, { cause }));
    }
    dispatch();
  }

  function dispatch(): void {
    while (queue.size > 0 && !closed) {
      const idle = [...team].find(({ job }) => job === undefined);
      if (!idle && team.size >= threads) return;
      const job = queue.take(mayRun);
      if (!job) return;
      assign(idle ?? start(), job);
    }
  }

  /** Long work of one client takes all threads but one. */
  function mayRun(client: string): boolean {
    const long = [...team].filter(({ job }) => job?.client === client && job.seconds > LONG_SECONDS);
    return threads < 2 || long.length < threads - 1;
  }

  function expect(client: string, seconds: number): void {
    expectedSeconds += seconds;
    const own = (expected.get(client) ?? 0) + seconds;
    // What is left of a sum of fractions.
    if (own > 1e-9) expected.set(client, own);
    else expected.delete(client);
  }

  /** Nobody waits for it any more. A thread cannot be interrupted, only ended; the next job starts another one. */
  function abandon(job: Job): void {
    queue.remove(job.client, job);
    job.reject(clientGone());
    const thread = [...team].find((one) => one.job === job);
    if (!thread) return;
    team.delete(thread);
    thread.job = undefined;
    void thread.worker.terminate();
    dispatch();
  }

  return {
    threads,
    shareSlices: engines.shareSlices,
    share: (program, precision) => ({ id: ++programs, program: engines.share(program, precision) }),

    async run(task, nanoseconds, original) {
      if (closed) throw shuttingDown();
      const { client, signal } = task.kind === 'step' ? OWN_WORK : caller();
      const wait = Math.max(
        (expected.get(client) ?? 0) - WAITING_SECONDS * threads,
        expectedSeconds - MOST_SECONDS * threads,
      );
      if (wait > 0) {
        const detail = `Work of about ${Math.ceil(expectedSeconds / threads)} s is waiting already for ${threads} threads (CELLSTEP_THREADS).`;
        throw new Problem('overloaded', detail, { retryAfterSeconds: Math.ceil(wait / threads) });
      }
      const seconds = nanoseconds / 1e9;
      expect(client, seconds);
      let leave: (() => void) | undefined;
      try {
        const request = await inTurns(inSharedMemory(task.request), client);
        if (closed) throw shuttingDown();
        if (signal?.aborted) throw clientGone();
        const answer = await new Promise<ComputeAnswer>((resolve, reject) => {
          const own = { ...task, request } as unknown as ComputeTask;
          const job = { client, seconds, task: own, original, resolve, reject, tries: 0 };
          leave = () => abandon(job);
          signal?.addEventListener('abort', leave, { once: true });
          queue.add(client, job);
          dispatch();
        });
        if ('result' in answer) return answer.result as never;
        const { code, detail, errors } = answer.problem;
        throw new Problem(code, detail, { errors });
      } finally {
        if (leave) signal?.removeEventListener('abort', leave);
        expect(client, -seconds);
      }
    },

    statistics: () => ({
      threads: team.size,
      running: [...team].filter(({ job }) => job !== undefined).length,
      waiting: queue.size,
    }),

    async close() {
      closed = true;
      for (const { reject } of queue.clear()) reject(shuttingDown());
      await Promise.all([...team].map(({ worker }) => worker.terminate()));
    },
  };
}

function shuttingDown(): Problem {
  return new Problem('shutting-down', 'The service is shutting down.');
}
