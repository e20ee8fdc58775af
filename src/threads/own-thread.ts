import { parentPort, type WorkerOptions } from 'node:worker_threads';
import { clientGone, type FieldError, Problem, type ProblemCode } from '../domain/problems.ts';
import { giveWay } from './give-way.ts';
import { startThread } from './start-thread.ts';

/** What a thread answers: its result, or what a client is to be told. */
type Reply<T> =
  | { readonly result: T }
  | {
      readonly problem: { readonly code: ProblemCode; readonly detail: string; readonly errors: readonly FieldError[] };
    };

/**
 * Runs a script in a thread of its own until it answers by `answerParent`. The thread is ended then, and as soon as the signal
 * says that nobody waits for it any more.
 */
export function runInThread<T>(script: URL, options: WorkerOptions, signal?: AbortSignal): Promise<T> {
  const worker = startThread(script, options);
  let leave: (() => void) | undefined;
  return new Promise<Reply<T>>((resolve, reject) => {
    leave = () => reject(clientGone());
    signal?.addEventListener('abort', leave, { once: true });
    worker.once('message', resolve);
    worker.once('messageerror', reject);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`the thread of ${script.pathname.split('/').at(-1)} ended early`)));
  })
    .then((reply) => {
      if ('result' in reply) return reply.result;
      const { code, detail, errors } = reply.problem;
      throw new Problem(code, detail, { errors });
    })
    .finally(() => {
      if (leave) signal?.removeEventListener('abort', leave);
      return worker.terminate();
    });
}

/** In such a thread: does the work and answers with what it gives, whose `buffers` are moved. */
export function answerParent<T>(work: () => T, buffersOf: (result: T) => ArrayBufferLike[]): void {
  giveWay();
  let reply: Reply<T>;
  try {
    reply = { result: work() };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    reply = { problem: { code: error.code, detail: error.message, errors: error.errors } };
  }
  const moved = 'result' in reply ? buffersOf(reply.result).filter((buffer) => buffer instanceof ArrayBuffer) : [];
  parentPort?.postMessage(reply, moved);
}
