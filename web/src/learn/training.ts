import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import type { Examples, LossName } from './tasks.ts';

export const OPTIMIZERS = ['Adam', 'RMSprop', 'SGD'] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

export interface TrainingRequest extends Examples {
  readonly loss: LossName;
  readonly optimizer: { readonly class_name: OptimizerName; readonly config: { readonly learning_rate: number } };
  /** Steps on the same examples. */
  readonly repeat: number;
}

/**
 * Takes training steps, as Keras' train_on_batch does, and tells the loss before each of them as it is made. Aborting stops
 * after the step under way.
 */
export async function* train(
  api: Api,
  cell: string,
  request: TrainingRequest,
  signal: AbortSignal,
): AsyncGenerator<number> {
  for await (const line of api.lines(`v1/cells/${cell}/training_steps`, request, signal)) {
    const { loss, problem } = line as { loss: number | string; problem?: ConstructorParameters<typeof ApiProblem>[0] };
    if (problem) throw new ApiProblem(problem);
    yield Number(loss);
  }
}
