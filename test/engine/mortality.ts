import { parentPort } from 'node:worker_threads';
import type { ComputeTask } from '../../src/engine/threads/compute-task.ts';

parentPort?.on('message', ({ program }: ComputeTask<'step'>) => {
  const { left } = (program as unknown as { dropout: { left: Int32Array } }).dropout;
  if (Atomics.load(left, 0) === 0) return;
  Atomics.sub(left, 0, 1);
  process.exit(1);
});
