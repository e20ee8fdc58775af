import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * A thread without the process's environment, which has secrets that no thread needs. Where the process keeps what it compiles
 * (bin/cellstep.cjs), so does the thread: that halves its start.
 */
export function startThread(script: URL, options: WorkerOptions = {}): Worker {
  const kept = getCompileCacheDir();
  const env = kept === undefined ? {} : { NODE_COMPILE_CACHE: dirname(kept) };
  return new Worker(script, { env, execArgv: [], ...options });
}
