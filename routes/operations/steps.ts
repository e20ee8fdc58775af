import type { Operation } from '../../src/http/openapi/operation.ts';

const tags = ['Cells'] as const;

/** The first step of a cell builds it. */
const ofBuilding = ['conflict', 'store-full'] as const;

/** Computations with a state that the client carries. */
export const STEP_OPERATIONS = {
  stepCell: {
    tags,
    access: 'step',
    pure: true,
    summary: 'Take a step with a cell',
    description:
      'Takes one step from `inputs` [batch, features] and the `states` that the client sends. Nothing is stored. States that are left out are zeros. Send the `states` of the reply with the next step.',
    examples: {
      step: {
        summary: 'x = 2, h = 1: 2·1 + 1·1 + 3 = 6',
        body: { inputs: [[2]], states: [[[1]]] },
        reply: { output: [[6]], states: [[[6]]], cell_version: 1 },
      },
      batch: {
        summary: 'Two rows from zero states',
        body: { inputs: [[2], [3]] },
        reply: { output: [[5], [6]], states: [[[5], [6]]], cell_version: 1 },
      },
      trace: {
        summary: 'With the values before and after the activation',
        body: { inputs: [[2]], states: [[[1]]], trace: true },
      },
      base64: {
        summary: 'As little-endian bytes, both ways',
        body: { inputs: { shape: [1, 1], dtype: 'float32', base64: 'AAAAQA==' }, tensor_format: 'base64' },
        reply: {
          output: { shape: [1, 1], dtype: 'float32', base64: 'AACgQA==' },
          states: [{ shape: [1, 1], dtype: 'float32', base64: 'AACgQA==' }],
          cell_version: 1,
        },
      },
    },
    problems: [
      'no-single-step',
      'wrong-shape',
      'ragged-tensor',
      'value-out-of-range',
      'invalid-config',
      'invalid-value',
      'limit-exceeded',
      ...ofBuilding,
      'overloaded',
      'compute-failed',
      'graph-failed',
      'graph-blocked',
      'engine-not-installed',
    ],
  },
  runCellSequence: {
    tags,
    access: 'step',
    pure: true,
    summary: 'Run a cell over sequences',
    description:
      "Many steps in one call: `inputs` [batch, time, features] from `initial_state`, with Keras' results for masks, `go_backwards`, `return_sequences` and `zero_output_for_mask`. Options that are left out come from the class and its config. Nothing is stored. PyTorch and ONNX keep their own layouts.",
    examples: {
      sequence: {
        summary: 'Three steps: 2 + 0 + 3 = 5, 3 + 5 + 3 = 11, 4 + 11 + 3 = 18',
        body: { inputs: [[[2], [3], [4]]] },
        reply: { output: [[[5], [11], [18]]], states: [[[18]]], cell_version: 1 },
      },
      mask: {
        summary: 'Only the last output, from h = 1; the second step is masked',
        body: {
          inputs: [[[2], [3]]],
          initial_state: [[[1]]],
          mask: [[true, false]],
          return_sequences: false,
        },
        reply: { output: [[6]], states: [[[6]]], cell_version: 1 },
      },
      lengths: {
        summary: 'Two rows of different lengths',
        body: {
          inputs: [
            [[2], [3]],
            [[2], [0]],
          ],
          sequence_lengths: [2, 1],
          zero_output_for_mask: true,
        },
        reply: {
          output: [
            [[5], [11]],
            [[5], [0]],
          ],
          states: [[[11], [5]]],
          cell_version: 1,
        },
      },
    },
    problems: [
      'wrong-shape',
      'ragged-tensor',
      'value-out-of-range',
      'invalid-config',
      'invalid-value',
      'limit-exceeded',
      ...ofBuilding,
      'overloaded',
      'compute-failed',
      'graph-failed',
      'graph-blocked',
      'engine-not-installed',
    ],
  },
  readGradients: {
    tags,
    access: 'step',
    pure: true,
    summary: 'Gradients through time',
    description:
      'The gradients of objective = Σ output·cotangent with respect to every variable, the inputs and the initial state, through all time steps. For a training step, `assign_sub` a gradient times a learning rate. The fields of a sequence have the same meaning as there.',
    examples: {
      gradients: {
        summary: 'Two steps; the objective is the sum of both outputs, 5 + 11',
        body: { inputs: [[[2], [3]]], cotangent: [[[1], [1]]] },
        reply: {
          output: [[[5], [11]]],
          states: [[[11]]],
          objective: 16,
          loss: 16,
          gradients: {
            inputs: [[[2], [1]]],
            initial_state: [[[2]]],
            kernel: [[7]],
            recurrent_kernel: [[5]],
            bias: [3],
          },
          cell_version: 1,
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
      'overloaded',
      'compute-failed',
    ],
  },
} satisfies Record<string, Operation>;
