import type { Example, Operation } from '../../src/http/openapi/operation.ts';
import { CELL_VARIABLES, VARIABLE } from './examples.ts';

const tags = ['Variables'] as const;
const [KERNEL] = CELL_VARIABLES;

const problems = ['wrong-shape', 'ragged-tensor', 'value-out-of-range', 'invalid-value', 'limit-exceeded'] as const;

const ofVariable = Object.fromEntries(
  (
    [
      ['readVariable', 'Read it again.'],
      ['assignVariable', 'Assign to it.'],
      ['assignAddVariable', 'Add to it.'],
      ['deleteVariable', 'Delete it.'],
    ] as const
  ).map(([operationId, description]) => {
    const link = { operationId, description, parameters: { variable: '$response.body#/id' } };
    return [operationId, link];
  }),
);

/** The documentation of one update, for a stand-alone variable and for a variable of a cell. */
function update(
  summary: string,
  description: string,
  examples: { readonly own: Readonly<Record<string, Example>>; readonly ofCell: Readonly<Record<string, Example>> },
): { own: Operation; ofCell: Operation } {
  const note = 'This gives the cell a new version.';
  return {
    own: {
      tags,
      access: 'write',
      summary: `${summary} a variable`,
      description,
      examples: examples.own,
      problems,
      links: ofVariable,
    },
    ofCell: {
      tags,
      access: 'write',
      summary: `${summary} a variable of a cell`,
      description: `${description} ${note}`,
      examples: examples.ofCell,
      problems: ['not-built', 'read-only-variable', ...problems],
    },
  };
}

const put = update('Put', 'Replaces the value; the shape stays. The same as assign.', {
  own: { value: { summary: '99', body: { value: 99 }, reply: { ...VARIABLE, value: 99, version: 2 } } },
  ofCell: { value: { summary: '2', body: { value: [[2]] }, reply: { ...KERNEL, value: [[2]], version: 2 } } },
});
const assign = update('Assign to', 'Replaces the value, as `v.assign(value)` does. The shape stays.', {
  own: { assign: { summary: 'v.assign(2.0)', body: { value: 2 }, reply: { ...VARIABLE, value: 2, version: 2 } } },
  ofCell: {
    assign: {
      summary: 'kernel.assign([[2.0]])',
      body: { value: [[2]] },
      reply: { ...KERNEL, value: [[2]], version: 2 },
    },
  },
});
const assignAdd = update(
  'Add to',
  'Adds to the current value, as `v.assign_add(value)` does. No concurrent change is lost.',
  {
    own: {
      add: { summary: 'v.assign_add(0.5)', body: { value: 0.5 }, reply: { ...VARIABLE, value: 1.5, version: 2 } },
    },
    ofCell: {
      add: {
        summary: 'kernel.assign_add([[0.5]])',
        body: { value: [[0.5]] },
        reply: { ...KERNEL, value: [[1.5]], version: 2 },
      },
    },
  },
);
const assignSub = update(
  'Subtract from',
  'Subtracts from the current value, as `v.assign_sub(value)` does. No concurrent change is lost.',
  {
    own: {
      subtract: {
        summary: 'v.assign_sub(1.25)',
        body: { value: 1.25 },
        reply: { ...VARIABLE, value: -0.25, version: 2 },
      },
    },
    ofCell: {
      subtract: {
        summary: 'kernel.assign_sub([[1.25]])',
        body: { value: [[1.25]] },
        reply: { ...KERNEL, value: [[-0.25]], version: 2 },
      },
    },
  },
);
const scatterUpdate = update(
  'Update places of',
  'Replaces the places that `indices` [n, k] name along the first k axes with `updates` [n, …rest]. Other places stay.',
  {
    own: {
      scalar: {
        summary: 'The only place of a scalar, which needs no index',
        body: { indices: [[]], updates: [7] },
        reply: { ...VARIABLE, value: 7, version: 2 },
      },
    },
    ofCell: {
      element: {
        summary: 'kernel[0, 0] = 2',
        body: { indices: [[0, 0]], updates: [2] },
        reply: { ...KERNEL, value: [[2]], version: 2 },
      },
      row: {
        summary: 'kernel[0] = [2]',
        body: { indices: [[0]], updates: [[2]] },
        reply: { ...KERNEL, value: [[2]], version: 2 },
      },
    },
  },
);

const { value: _, ...LISTED } = VARIABLE;

export const VARIABLE_OPERATIONS = {
  createVariable: {
    tags,
    access: 'write',
    summary: 'Create a variable',
    description:
      "Makes a stand-alone variable from a `value`, from an `initializer` with a `shape`, or from NumPy's `randint`. Its shape and dtype never change. Requests can name the variable instead of sending a tensor.",
    examples: {
      scalar: { summary: 'tf.Variable(1.0)', body: { id: 'v', value: 1 }, reply: VARIABLE },
      randint: {
        summary: 'np.random.randint(2, 3, size=[1, 1]), which is [[2]]',
        body: { id: 'xt', randint: { low: 2, high: 3, size: [1, 1] }, dtype: 'float32' },
        reply: { id: 'xt', shape: [1, 1], dtype: 'float32', trainable: true, value: [[2]], version: 1 },
      },
      initializer: {
        summary: 'Drawn by an initializer, and not trainable',
        body: { id: 'ones', initializer: 'ones', shape: [2, 2], trainable: false },
        reply: {
          id: 'ones',
          shape: [2, 2],
          dtype: 'float32',
          trainable: false,
          value: [
            [1, 1],
            [1, 1],
          ],
          version: 1,
        },
      },
      integers: {
        summary: 'int64, beyond 2^53 written as strings',
        body: { value: ['9223372036854775807', 0], dtype: 'int64' },
      },
    },
    problems: ['already-exists', ...problems, 'invalid-config'],
    links: ofVariable,
  },

  listVariables: {
    tags,
    access: 'read',
    summary: 'List the variables',
    description:
      'All stand-alone variables, in the order of their ids, a page at a time; with their values if `values=true`.',
    examples: { variables: { summary: 'One variable', reply: { items: [LISTED], next_cursor: null } } },
  },

  readVariable: {
    tags,
    access: 'read',
    summary: 'Read a variable',
    description: 'Its current value, shape, dtype and version.',
    examples: { scalar: { summary: 'A scalar', reply: VARIABLE } },
    links: ofVariable,
  },
  putVariable: put.own,
  assignVariable: assign.own,
  assignAddVariable: assignAdd.own,
  assignSubVariable: assignSub.own,
  scatterUpdateVariable: scatterUpdate.own,

  deleteVariable: {
    tags,
    access: 'write',
    summary: 'Delete a variable',
    description: 'Deletes a stand-alone variable. Checkpoints keep the values that they have of it.',
    examples: { variable: { summary: 'The scalar' } },
  },

  readCellVariable: {
    tags,
    access: 'read',
    summary: 'Read a variable of a cell',
    description: 'Its current value, shape, dtype and version.',
    examples: { kernel: { summary: 'The kernel', reply: KERNEL } },
    problems: ['not-built'],
  },
  putCellVariable: put.ofCell,
  assignCellVariable: assign.ofCell,
  assignAddCellVariable: assignAdd.ofCell,
  assignSubCellVariable: assignSub.ofCell,
  scatterUpdateCellVariable: scatterUpdate.ofCell,
} satisfies Record<string, Operation>;
