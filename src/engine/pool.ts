import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { Problem } from '../domain/problems.ts';
import type { ComputeAnswer, ComputeCalls, ComputeKind, ComputeTask } from './compute-task.ts';
import { createSharing } from './shared-weights.ts';

/** A thread that has had nothing to do for so long ends, and its memory with it. */
const IDLE_MILLISECONDS = 60_000;
/** Work that may wait: what a client may be expected to wait for. */
const WAITING_SECONDS = 20;

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
  share<P extends ComputeTask['program']>(program: P): { readonly id: number; readonly program: P };
  /** @throws {Problem} overloaded, compute-failed, or what the engine says */
  run<K extends ComputeKind>(task: ComputeTask<K>, nanoseconds: number): Promise<ComputeCalls[K]['result']>;
  statistics(): PoolStatistics;
  /** Ends the threads; what still runs or waits is refused. */
  close(): Promise<void>;
}

/**
 * Threads that compute. A task whose thread dies is tried once more on another one, since what it computes changes nothing.
 * `nanoseconds` is what a task is expected to take: the queue is bounded by the sum of it.
 */
export function createPool({ threads }: { readonly threads: number }): ComputePool {
  const pool = new Piscina<ComputeTask, ComputeAnswer>({
    filename: fileURLToPath(new URL('./compute-worker.ts', import.meta.url)),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MILLISECONDS,
    maxQueue: Number.POSITIVE_INFINITY,
    // A thread needs no secret.
    env: {},
    execArgv: [],
  });
  // Told to whoever waits for the task; Piscina would throw what nobody listens to.
  pool.on('error', () => undefined);
  let closed = false;
  let tasks = 0;
  let seconds = 0;
  let programs = 0;
  const share = createSharing();

  async function attempt(task: ComputeTask): Promise<ComputeAnswer> {
    try {
      return await pool.run(task);
    } catch (error) {
      if (closed) throw shuttingDown();
      try {
        return await pool.run(task);
      } catch (again) {
        if (closed) throw shuttingDown();
        const reason = again instanceof Error ? again.message : String(again);
        const detail = 'The thread that computed this ended before it was done, and so did that of a second try.';
        throw new Problem('compute-failed', detail, { cause: new Error(reason, { cause: error }) });
      }
    }
  }

  return {
    threads,
    share: (program) => ({ id: ++programs, program: share(program) }),
    async run(task, nanoseconds) {
      if (closed) throw shuttingDown();
      const wait = seconds / threads;
      if (wait > WAITING_SECONDS) {
        const detail = `Work of about ${Math.ceil(wait)} s is waiting already (CELLSTEP_THREADS ${threads}).`;
        throw new Problem('overloaded', detail, { headers: { 'retry-after': `${Math.ceil(wait - WAITING_SECONDS)}` } });
      }
      tasks++;
      seconds += nanoseconds / 1e9;
      try {
        const answer = await attempt(task as unknown as ComputeTask);
        if ('result' in answer) return answer.result as never;
        const { code, detail, errors } = answer.problem;
        throw new Problem(code, detail, { errors });
      } finally {
        tasks--;
        seconds -= nanoseconds / 1e9;
      }
    },
    statistics: () => ({
      threads: pool.threads.length,
      running: tasks - pool.queueSize,
      waiting: pool.queueSize,
    }),
    async close() {
      closed = true;
      await pool.destroy();
    },
  };
}

function shuttingDown(): Problem {
  return new Problem('shutting-down', 'The service is shutting down.');
}
