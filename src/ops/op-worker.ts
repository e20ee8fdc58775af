/** The thread of one large operation. It sends the result or the refusal, then ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { Problem } from '../domain/problems.ts';
import { Tensor } from '../domain/tensor.ts';
import type { OpReply, OpTask } from './op-threads.ts';
import { applyOp } from './ops.ts';

const { name, inputs, params } = workerData as OpTask;

function run(): OpReply {
  try {
    const tensors = inputs.map(({ dtype, shape, data }) => new Tensor(dtype, shape, data));
    const { dtype, shape, data } = applyOp(name, tensors, params);
    return { result: { dtype, shape, data } };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { code, message, errors } = error;
    return { problem: { code, message, errors } };
  }
}

parentPort?.postMessage(run());
