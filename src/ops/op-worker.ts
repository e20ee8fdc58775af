/** The thread of one large operation: its result, or why it is refused, and it ends. */
import { workerData } from 'node:worker_threads';
import { Tensor } from '../domain/tensor.ts';
import { answerParent } from '../threads/own-thread.ts';
import { carryOut, type OpTask } from './op-task.ts';
import type { BareTensor } from './op-threads.ts';

const { inputs, ...task } = workerData as OpTask<BareTensor>;

answerParent(
  () => {
    const tensors = inputs.map(({ dtype, shape, data }) => new Tensor(dtype, shape, data));
    const { dtype, shape, data } = carryOut({ ...task, inputs: tensors } as OpTask);
    return { dtype, shape, data };
  },
  ({ data }) => [data.buffer],
);
