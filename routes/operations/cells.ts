import type { Operation } from '../../src/http/openapi/operation.ts';
import { CELL, CELL_BODY, CELL_CONFIG, CELL_VARIABLES } from './examples.ts';

const tags = ['Cells'] as const;

/** Links from a reply with a cell. */
const ofCell = {
  readCell: { operationId: 'readCell', description: 'Read it again.', parameters: { cell: '$response.body#/id' } },
  readCellConfig: {
    operationId: 'readCellConfig',
    description: 'Read its config, to make it again elsewhere.',
    parameters: { cell: '$response.body#/id' },
  },
  listCellVariables: {
    operationId: 'listCellVariables',
    description: 'Read its variables with their values.',
    parameters: { cell: '$response.body#/id' },
  },
  stepCell: {
    operationId: 'stepCell',
    description: 'Take a step with it.',
    parameters: { cell: '$response.body#/id' },
  },
  deleteCell: { operationId: 'deleteCell', description: 'Delete it.', parameters: { cell: '$response.body#/id' } },
};

export const CELL_OPERATIONS = {
  createCell: {
    tags,
    access: 'write',
    summary: 'Create a cell',
    description:
      "Makes a cell from its class and config, with the names of Keras. Only `units` is required; all else has the default of Keras. With `input_shape` (or `build_config`, or `weights`) the cell is built at once, otherwise by its first step. You can send the output of `keras.saving.serialize_keras_object(cell)` unchanged.\n\nWith the content type of a file, the cell is made from the file. `.keras` and legacy `.h5` files of Keras, ONNX models, and safetensors files that this service wrote have the configuration too. Other files (`.npz`, `.safetensors` or `.pt` of PyTorch's `state_dict`, `.weights.h5`) have only names and shapes, which determine class, sizes, biases, stacks and directions. The other options (activations, `return_sequences`, `merge_mode` …) get the defaults of the class. `?layer=` picks one of several layers; `?config.chain=` makes a network of the layers of a PyTorch module; `?id=` and `?precision=` replace the fields of the body. With `?graph=true`, an ONNX file is kept as a whole and runs in ONNX Runtime: its first input is `inputs`, its states are found or named by `?states=`, and `?dry_run=true` answers with 200 and what was found. If all weights have one dtype, the cell has it too; otherwise they are cast to the dtype of the cell.",
    examples: {
      cell: {
        summary: 'SimpleRNNCell of one unit: kernels of ones, bias 3, no activation',
        body: CELL_BODY,
        reply: CELL,
      },
      cell2: {
        summary: 'The same with recurrent kernel 3 and bias 1',
        body: {
          ...CELL_BODY,
          id: 'cell2',
          config: {
            ...CELL_BODY.config,
            recurrent_initializer: { class_name: 'Constant', config: { value: 3 } },
            bias_initializer: 'ones',
          },
        },
      },
      weights: {
        summary: 'GRUCell with its weights; their shapes build it',
        body: {
          id: 'gru',
          class_name: 'GRUCell',
          config: { units: 1, reset_after: false },
          weights: { kernel: [[0.5, -0.5, 1]], recurrent_kernel: [[0.25, 0.75, -1]], bias: [0, 1, 0] },
        },
      },
      unbuilt: {
        summary: 'LSTMCell that its first step builds; the service makes the id',
        body: { class_name: 'LSTMCell', config: { units: 4 } },
      },
      serialized: {
        summary: 'As keras.saving.serialize_keras_object(cell) prints it',
        body: {
          module: 'keras.layers',
          class_name: 'SimpleRNNCell',
          config: CELL_CONFIG,
          registered_name: null,
          build_config: { input_shape: [null, 1] },
        },
      },
    },
    problems: [
      'already-exists',
      'wrong-shape',
      'ragged-tensor',
      'value-out-of-range',
      'invalid-config',
      'invalid-value',
      'invalid-file',
      'several-layers',
      'ambiguous-file',
      'unsupported-layer',
      'unsupported-network',
      'no-state',
      'engine-not-installed',
      'limit-exceeded',
    ],
    links: ofCell,
  },

  listCells: {
    tags,
    access: 'read',
    summary: 'List the cells',
    description: 'All cells in the order of their ids, a page at a time.',
    examples: { cells: { summary: 'One cell', reply: { items: [CELL], next_cursor: null } } },
  },

  readCell: {
    tags,
    access: 'read',
    summary: 'Read a cell',
    description: 'Its config with all defaults, its shapes, and its variables without their values.',
    examples: { cell: { summary: 'SimpleRNNCell of one unit', reply: CELL } },
    links: ofCell,
  },

  deleteCell: {
    tags,
    access: 'write',
    summary: 'Delete a cell',
    description:
      'Deletes the cell and its variables. A cell with open sessions is kept (409) unless `force` is true; its sessions then keep their states but cannot step.',
    examples: { cell: { summary: 'A cell without sessions' } },
    problems: ['in-use'],
  },

  buildCell: {
    tags,
    access: 'write',
    summary: 'Build a cell',
    description:
      'Makes the variables for inputs of the given shape. The initializers draw their values. Building again with the same feature count changes nothing.',
    examples: { build: { summary: 'For one feature', body: { input_shape: [null, 1] }, reply: CELL } },
    problems: ['already-built', 'invalid-config', 'invalid-value', 'limit-exceeded'],
    links: ofCell,
  },

  readCellConfig: {
    tags,
    access: 'read',
    summary: "Read a cell's config",
    description: "`class_name` and `config`, equal to Keras' `get_config()`. It can be sent as a new cell.",
    examples: {
      config: {
        summary: 'SimpleRNNCell of one unit',
        reply: { class_name: 'SimpleRNNCell', config: CELL_CONFIG },
      },
    },
  },

  listCellVariables: {
    tags,
    access: 'read',
    summary: "List a cell's variables",
    description: "With their values, in Keras' order: kernel, recurrent_kernel, bias.",
    examples: { variables: { summary: 'SimpleRNNCell of one unit', reply: { items: CELL_VARIABLES } } },
    problems: ['not-built'],
    links: {
      readCellVariable: {
        operationId: 'readCellVariable',
        description: 'Read one of them.',
        parameters: { cell: '$request.path.cell', name: '$response.body#/items/0/name' },
      },
    },
  },

  readWeights: {
    tags,
    access: 'read',
    summary: "Read a cell's weights",
    description:
      'All weights by name, from one version of the cell: as JSON, or as a file of the type in `Accept`. You can send the file back to make the same cell. Every cell can be read as safetensors and npz, Keras cells as `.keras` and HDF5, and ONNX cells as ONNX. A Keras cell that is not a layer is written inside an `RNN` layer. `Accept: application/x-hdf5` gives a `.weights.h5`, `application/x-hdf5; profile=legacy` a legacy `.h5`. npz and `.weights.h5` hold no configuration; both fill a cell or network that is there.',
    examples: {
      weights: {
        summary: 'SimpleRNNCell of one unit',
        reply: { weights: { kernel: [[1]], recurrent_kernel: [[1]], bias: [3] }, cell_version: 1 },
      },
    },
    problems: ['not-built', 'not-acceptable'],
  },

  putWeights: {
    tags,
    access: 'write',
    summary: "Put a cell's weights",
    description:
      'Replaces all weights at once. Send every weight, in its own shape. No step sees part of the change. The body may be a file in any format that a cell can be made from. Its configuration is ignored, and floats of another dtype are cast. `?layer=` picks one of several layers.',
    examples: {
      weights: {
        summary: 'Recurrent kernel 3 and bias 1',
        body: { weights: { kernel: [[1]], recurrent_kernel: [[3]], bias: [1] } },
      },
    },
    problems: [
      'not-built',
      'read-only-variable',
      'wrong-shape',
      'ragged-tensor',
      'value-out-of-range',
      'invalid-value',
      'invalid-file',
      'several-layers',
      'limit-exceeded',
    ],
    links: ofCell,
  },
} satisfies Record<string, Operation>;
