/** A thread of large operations: the result of each, or why it is refused. */
import { Tensor } from '../domain/tensor.ts';
import { answerParent } from '../threads/own-thread.ts';
import { carryOut, type OpTask } from './op-task.ts';
import type { BareTensor } from './op-threads.ts';

answerParent<OpTask<BareTensor>, BareTensor>(({ inputs, ...task }) => {
  const tensors = inputs.map(({ dtype, shape, data }) => new Tensor(dtype, shape, data));
  const { dtype, shape, data } = carryOut({ ...task, inputs: tensors } as OpTask);
  return { dtype, shape, data };
});
