import { Worker } from 'node:worker_threads';
import type { JsonObject } from '../domain/json.ts';
import { type FieldError, Problem, type ProblemCode } from '../domain/problems.ts';
import { sizeOf, Tensor } from '../domain/tensor.ts';
import { applyOp } from './ops.ts';

type SentTensor = Pick<Tensor, 'dtype' | 'shape' | 'data'>;

export interface OpTask {
  readonly name: string;
  readonly inputs: readonly SentTensor[];
  readonly params: JsonObject;
}

export type OpReply =
  | { readonly result: SentTensor }
  | {
      readonly problem: {
        readonly code: ProblemCode;
        readonly message: string;
        readonly errors: readonly FieldError[];
      };
    };

/** Less work than this (about 10 ms) is done at once and not in a thread. The unit is one multiply-add of a matrix product. */
const AT_ONCE = 2 ** 21;
/** The highest cost of one element in other operations: sparsemax sorts. */
const ELEMENT_WORK = 32;
/** How many operations may wait for the running one. */
const MOST_WAITING = 16;

/**
 * Applies operations, as applyOp does. Large ones run in a thread, one at a time, so the service keeps answering. The promise
 * rejects with `overloaded` if too many wait already.
 */
export function createOps(): (name: string, inputs: readonly Tensor[], params: JsonObject) => Promise<Tensor> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (name, inputs, params) => {
    if (workOf(name, inputs) <= AT_ONCE) return applyOp(name, inputs, params);
    if (waiting > MOST_WAITING) {
      const detail = `${waiting} large operations wait already. Send it again later.`;
      throw new Problem('overloaded', detail, { retryAfterSeconds: 5 });
    }
    waiting++;
    const applied = last.then(() => applyInThread({ name, inputs, params })).finally(() => waiting--);
    last = applied.catch(() => undefined);
    return applied;
  };
}

/** An upper bound of the cost of an operation. Its inputs may still be invalid. */
function workOf(name: string, inputs: readonly Pick<Tensor, 'shape'>[]): number {
  if (name === 'matmul' && inputs.length === 2) {
    const [a, b] = inputs.map(({ shape }) => shape);
    return (sizeOf(a) * sizeOf(b)) / Math.max(a.at(-1) ?? 1, 1);
  }
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  let size = 1;
  for (let back = 1; back <= rank; back++) size *= Math.max(...inputs.map(({ shape }) => shape.at(-back) ?? 1));
  return size * ELEMENT_WORK;
}

function applyInThread({ name, inputs, params }: OpTask): Promise<Tensor> {
  const copies = inputs.map(({ dtype, shape, data }) => ({ dtype, shape, data: data.slice() }));
  const worker = new Worker(new URL('./op-worker.ts', import.meta.url), {
    workerData: { name, inputs: copies, params } satisfies OpTask,
    transferList: copies.map(({ data }) => data.buffer as ArrayBuffer),
    env: {},
    execArgv: [],
  });
  return new Promise<OpReply>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread of an operation ended early')));
  })
    .then((reply) => {
      if ('result' in reply) return new Tensor(reply.result.dtype, reply.result.shape, reply.result.data);
      const { code, message, errors } = reply.problem;
      throw new Problem(code, message, { errors });
    })
    .finally(() => worker.terminate());
}
