import type { Operation } from '../../src/http/openapi/operation.ts';

const tags = ['Training'] as const;

/** What a cell learns by. */
export const TRAINING_OPERATIONS = {
  trainCell: {
    tags,
    access: 'write',
    summary: 'Train a cell',
    description:
      "Takes `repeat` steps of the optimizer on one batch, in one commit, as Keras' `train_on_batch` does. Regularizers add to the loss, constraints act after each update, and variables with `trainable: false` do not change. A cell with an `activity_regularizer` is refused: its term of the loss is not computed. The cell keeps the slots and the iteration of the optimizer; the next request with the same optimizer continues from there. Sessions always use the weights that were committed last. With `Accept: application/jsonl` the reply has a line `{ iteration, loss }` for each step as it is made; the last line comes after the commit and has `cell_version`. If the client hangs up, training stops after the current step and nothing is changed. A loss that is not finite changes nothing either.",
    examples: {
      sgd: {
        summary: 'The output is 5 and should be 4: the loss is 1, and one step lowers each weight by 0.1·2·x',
        body: {
          inputs: [[[2]]],
          targets: [[[4]]],
          loss: 'mse',
          optimizer: { class_name: 'SGD', config: { learning_rate: 0.1 } },
        },
        reply: { loss: 1, losses: [1], iteration: 1, cell_version: 2 },
      },
      adam: {
        summary: 'Three steps of Adam on two sequences; the second is one step shorter',
        body: {
          inputs: [
            [[2], [3]],
            [[2], [0]],
          ],
          targets: [
            [[5], [4]],
            [[5], [0]],
          ],
          mask: [
            [1, 1],
            [1, 0],
          ],
          loss: 'huber',
          optimizer: 'adam',
          repeat: 3,
        },
      },
    },
    problems: [
      'no-gradients',
      'wrong-shape',
      'ragged-tensor',
      'value-out-of-range',
      'invalid-config',
      'invalid-value',
      'limit-exceeded',
      'loss-not-finite',
      'not-acceptable',
      'overloaded',
      'compute-failed',
    ],
  },

  readOptimizer: {
    tags,
    access: 'read',
    summary: "Read a cell's optimizer",
    description: 'Its config, its iteration and its slots. `?values=true` adds the values of the slots.',
    examples: { optimizer: { summary: 'The optimizer of the last training' } },
  },

  deleteOptimizer: {
    tags,
    access: 'write',
    summary: "Delete a cell's optimizer",
    description: 'Forgets its slots and its iteration. The weights stay; the next training starts with a new one.',
    examples: { optimizer: { summary: 'The optimizer of the last training' } },
  },
} satisfies Record<string, Operation>;
