import type { Operation } from '../../src/http/openapi/operation.ts';

const tags = ['Ops'] as const;

export const OP_OPERATIONS = {
  listOps: {
    tags,
    access: 'read',
    summary: 'List the ops',
    description: 'Every op with its formula, the number of its tensors, and its parameters with their defaults.',
    examples: { ops: { summary: 'All ops' } },
  },

  applyOp: {
    tags,
    access: 'step',
    pure: true,
    summary: 'Apply an op',
    description:
      "Every Keras activation, and `add`, `subtract`, `multiply`, `divide` and `matmul` with NumPy's broadcasting. Nothing is stored: an op does not change a variable.",
    examples: {
      tanh: {
        summary: 'tanh([-∞, 6, ∞])',
        body: { inputs: [['-Infinity', 6, 'Infinity']] },
        reply: { output: [-1, 0.9999877, 1] },
      },
      softmax: {
        summary: 'softmax([[1, 2, 3]], axis=-1); choose op = softmax',
        path: { op: 'softmax' },
        body: { inputs: [[[1, 2, 3]]], params: { axis: -1 } },
      },
      multiply: {
        summary: 'v * 2.0; choose op = multiply',
        path: { op: 'multiply' },
        body: { inputs: [{ variable: 'v' }, 2] },
        reply: { output: 2 },
      },
      matmul: {
        summary: '[[1, 2], [3, 4]] @ [[1], [1]]; choose op = matmul',
        path: { op: 'matmul' },
        body: {
          inputs: [
            [
              [1, 2],
              [3, 4],
            ],
            [[1], [1]],
          ],
        },
        reply: { output: [[3], [7]] },
      },
    },
    problems: [
      'wrong-shape',
      'ragged-tensor',
      'value-out-of-range',
      'invalid-config',
      'invalid-value',
      'limit-exceeded',
    ],
  },
} satisfies Record<string, Operation>;
