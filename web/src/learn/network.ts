import type { Settings } from './learner.ts';
import { taskOf } from './tasks.ts';

const CLASSES = { simple: 'SimpleRNNCell', gru: 'GRUCell', lstm: 'LSTMCell' } as const;

/** The body that makes the network of the settings: a recurrent layer, and one above it that the answer is read from. */
export function newNetwork({ kind, units, task, delay }: Settings): Record<string, unknown> {
  const { features, outputs, activation } = taskOf(task, delay);
  const seeded = (class_name: string, seed: number) => ({ class_name, config: { seed } });
  const initializers = {
    kernel_initializer: seeded('GlorotUniform', 1),
    recurrent_initializer: seeded('Orthogonal', 2),
  };
  const cells = [
    { class_name: CLASSES[kind], config: { units, ...initializers } },
    {
      class_name: 'SimpleRNNCell',
      config: {
        units: outputs,
        activation,
        kernel_initializer: seeded('GlorotUniform', 3),
        recurrent_initializer: 'zeros',
      },
    },
  ];
  return { class_name: 'StackedRNNCells', config: { cells }, input_shape: [null, features] };
}
