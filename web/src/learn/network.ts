import type { Settings } from './learner.ts';
import { taskOf } from './tasks.ts';

const CLASSES = { simple: 'SimpleRNN', gru: 'GRU', lstm: 'LSTM' } as const;

/** The body that makes the network of the settings: a recurrent layer, and a Dense layer that gives the answer. */
export function newNetwork({ kind, units, task, delay }: Settings): Record<string, unknown> {
  const { features, outputs, activation } = taskOf(task, delay);
  const seeded = (class_name: string, seed: number) => ({ class_name, config: { seed } });
  const kernel = { kernel_initializer: seeded('GlorotUniform', 1) };
  const recurrent = { units, return_sequences: true, recurrent_initializer: seeded('Orthogonal', 2), ...kernel };
  const layers = [
    { class_name: CLASSES[kind], config: { name: 'recurrent', ...recurrent } },
    { class_name: 'Dense', config: { name: 'answer', units: outputs, activation, ...kernel } },
  ];
  return { class_name: 'Sequential', config: { layers }, input_shape: [null, null, features] };
}
