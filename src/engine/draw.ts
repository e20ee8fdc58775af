import { Worker } from 'node:worker_threads';
import { initialize } from '../cells/random/initializers.ts';
import type { InitializerSpec } from '../domain/program.ts';
import { type Dtype, type Shape, sizeOf, Tensor, type TensorData } from '../domain/tensor.ts';

export interface Draw {
  readonly spec: InitializerSpec;
  readonly shape: Shape;
  readonly dtype: Dtype;
}

/** Multiply-adds that are done at once rather than in a thread: some 50 ms. */
const AT_ONCE = 2 ** 26;

/**
 * Draws tensors by `initialize`. A large orthogonal one takes seconds (its QR decomposition is rows·columns² work), so it is
 * drawn in a thread of its own, one at a time, and the service answers meanwhile.
 */
export function createDraws(): (spec: InitializerSpec, shape: Shape, dtype: Dtype) => Promise<Tensor> {
  let last: Promise<unknown> = Promise.resolve();
  return async (spec, shape, dtype) => {
    if (work(spec, shape) <= AT_ONCE) return initialize(spec, shape, dtype);
    const drawn = last.then(() => drawInThread({ spec, shape, dtype }));
    last = drawn.catch(() => undefined);
    return drawn;
  };
}

function work({ className }: InitializerSpec, shape: Shape): number {
  if (className !== 'Orthogonal') return sizeOf(shape);
  const columns = shape.at(-1) ?? 1;
  const rows = sizeOf(shape.slice(0, -1));
  return Math.max(rows, columns) * Math.min(rows, columns) ** 2;
}

function drawInThread(draw: Draw): Promise<Tensor> {
  const worker = new Worker(new URL('./draw-worker.ts', import.meta.url), { workerData: draw, env: {}, execArgv: [] });
  return new Promise<Tensor>((resolve, reject) => {
    worker.once('message', (data: TensorData) => resolve(new Tensor(draw.dtype, draw.shape, data)));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the drawing thread ended early')));
  }).finally(() => worker.terminate());
}
