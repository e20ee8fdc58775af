import type { z } from 'zod';
import { TensorReply } from '../../schemas/tensor.ts';
import type { optimizerReply, trainingReply } from '../../schemas/train.ts';
import { type FloatArray, Tensor } from '../../src/domain/tensor.ts';
import type { OptimizerState } from '../../src/services/training/optimizers.ts';
import type { Trained, TrainingProgress } from '../../src/services/training/train-cell.ts';

export function presentTrained({ losses, iteration, cellVersion }: Trained): z.input<typeof trainingReply> {
  return {
    loss: scalar(losses, losses.data.length - 1),
    losses: new TensorReply(losses, 'nested'),
    iteration,
    cell_version: cellVersion,
  };
}

export function presentProgress({ iteration, loss }: TrainingProgress): object {
  return { iteration, loss: new TensorReply(loss, 'nested') };
}

/** One line for each step. The last one reports the commit too. */
export function trainedLines({ losses, iteration, cellVersion }: Trained): object[] {
  const count = losses.data.length;
  return Array.from({ length: count }, (_, k) => {
    const line = { iteration: iteration - count + 1 + k, loss: scalar(losses, k) };
    return k === count - 1 ? { ...line, cell_version: cellVersion } : line;
  });
}

function scalar({ dtype, data }: Tensor, k: number): TensorReply {
  return new TensorReply(new Tensor(dtype, [], (data as FloatArray).slice(k, k + 1)), 'nested');
}

export function presentOptimizer({ record, slots }: OptimizerState, values: boolean): z.input<typeof optimizerReply> {
  const { class_name, config, iteration, version, updated_at } = record;
  return {
    class_name,
    config: config as Record<string, unknown>,
    iteration,
    slots: slots.map(({ variable, name, value }) => {
      const { shape, dtype } = value;
      const shown = values ? { value: new TensorReply(value, 'nested') } : {};
      return { variable, name, shape: [...shape], dtype, ...shown };
    }),
    version,
    updated_at: new Date(updated_at).toISOString(),
  };
}
