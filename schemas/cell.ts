import { z } from 'zod';
import { FRAMEWORKS } from '../src/domain/cell-definition.ts';
import type { JsonObject } from '../src/domain/json.ts';
import type { TensorLiteral } from '../src/domain/tensor-literal.ts';
import { idOf, inputShape, newId, shape, timestamp, version } from './common.ts';
import { plainReaders, plainStep } from './plain-bodies.ts';
import {
  dtype,
  lengthsInput,
  optional,
  scalarReply,
  statesInput,
  tensorFormat,
  tensorInput,
  tensorLiteral,
  tensorReply,
} from './tensor.ts';
import { FORMS } from './tensor-syntax.ts';
import { checkTraining, trainingFields } from './training.ts';
import { variableReply } from './variable.ts';

const framework = z
  .enum(FRAMEWORKS)
  .describe('The framework that the class names, config, variable names and layouts come from.');
const sentFramework = z
  .enum([...FRAMEWORKS, 'torch'])
  .transform((name) => (name === 'torch' ? 'pytorch' : name))
  .describe('The framework that the class names, config, variable names and layouts come from; torch means pytorch.');
export const precision = z
  .enum(['fast', 'exact'])
  .describe(
    'exact: float64 arithmetic; each result is rounded once to the dtype of the cell. fast: float32 arithmetic. Replies name the precision that the cell has: it is always exact for a float64 cell, and for an activation that is computed in float64 only.',
  );

/** A framework's own config: an object whose keys the framework's adapter checks (src/frameworks). */
const config = z
  .record(z.string(), z.unknown())
  .transform((value) => value as JsonObject)
  .meta({
    id: 'CellConfig',
    description:
      "The config of the class, with the framework's own keys, as get_config() prints it. For a Keras cell, units is enough.",
    type: 'object',
    additionalProperties: true,
    examples: [{ units: 1, activation: null, kernel_initializer: 'ones' }],
  }) as unknown as z.ZodType<JsonObject, Record<string, unknown>>;

const weights = z
  .record(z.string().max(200), tensorLiteral.nullable())
  .transform((given) => {
    const sent = Object.entries(given).filter((entry): entry is [string, TensorLiteral] => entry[1] !== null);
    return Object.fromEntries(sent);
  })
  .describe('All weights by name. null is the same as leaving a weight out.');
const seeds = z
  .record(
    z.string().max(200),
    z
      .int()
      .min(0)
      .max(2 ** 53 - 1),
  )
  .describe('Seeds for initializers whose own seed is null, by variable. With them you can make the same cell again.');

export const createCellBody = z
  .strictObject({
    id: newId,
    framework: sentFramework.default('keras'),
    class_name: z
      .string()
      .min(1)
      .max(100)
      .describe(
        'A recurrent class of the framework, for example SimpleRNNCell, GRUCell, LSTMCell; or Sequential or Functional, a whole network.',
      ),
    config,
    input_shape: inputShape.nullable().optional(),
    weights: weights.nullable().optional(),
    precision: precision.default('fast'),
    initializer_seeds: seeds.optional(),
    module: z.string().max(1000).nullable().optional().describe('As keras.saving.serialize_keras_object prints it.'),
    registered_name: z
      .string()
      .max(1000)
      .nullable()
      .optional()
      .describe('As keras.saving.serialize_keras_object prints it.'),
    compile_config: z
      .record(z.string(), z.unknown())
      .nullish()
      .describe('As keras.saving.serialize_keras_object prints it for a model. Training has its own requests.'),
    build_config: z
      .strictObject({
        input_shape: inputShape.nullish(),
        shapes_dict: z
          .strictObject({
            sequences_shape: inputShape.nullish(),
            initial_state_shape: z.union([inputShape, z.array(inputShape).max(1000)]).nullish(),
          })
          .nullish()
          .describe('For a layer that was called with an initial state.'),
      })
      .nullish()
      .transform((config) => config?.input_shape ?? config?.shapes_dict?.sequences_shape ?? undefined)
      .describe('As keras.saving.serialize_keras_object prints it; its input_shape builds the cell.'),
  })
  .superRefine(({ input_shape, build_config }, context) => {
    // If build_config itself is wrong, there is no shape to compare yet.
    if (!Array.isArray(input_shape) || !Array.isArray(build_config)) return;
    if (input_shape.at(-1) === build_config.at(-1)) return;
    const message = 'Its feature count differs from input_shape. Send only one of the two.';
    context.addIssue({ code: 'custom', message, path: ['build_config', 'input_shape'] });
  })
  .meta({ id: 'NewCell' });

export const buildBody = z.strictObject({ input_shape: inputShape }).meta({ id: 'Build' });

const variableSummary = z
  .object({ name: z.string(), shape, dtype, trainable: z.boolean(), version })
  .meta({ id: 'CellVariable', description: 'A variable of a cell, without its value.' });

/** A value at the edge of a graph. */
const graphValue = z.object({
  name: z.string(),
  dtype,
  shape: z.array(z.union([z.int(), z.string()])).describe('The name of an extent that is open; ? if it has no name.'),
  rows: z.int().nullable().describe('Axis of the rows of a batch; null if there is no such axis.'),
});
const graphFields = z
  .object({
    inputs: z.array(graphValue).describe('Sent with each step; `inputs` of a request is the first.'),
    outputs: z.array(graphValue).describe('`output` of a reply is the first.'),
    states: z.array(
      graphValue.extend({
        output: z.string().describe('The output that gives the next state.'),
        found: z
          .enum(['asked', 'name', 'shape', 'opened'])
          .describe('opened: it was inside a recurrent node, which has it as an input and an output now.'),
      }),
    ),
    constants: z.array(
      z.object({ name: z.string(), dtype, shape, values: z.array(z.union([z.number(), z.string()])) }),
    ),
  })
  .meta({ id: 'Graph', description: 'What a whole ONNX graph takes and gives as a cell.' });

export const cellReply = z
  .object({
    id: idOf('the cell'),
    framework,
    class_name: z.string(),
    config: z.record(z.string(), z.unknown()).describe('Equal to get_config(), with all defaults filled in.'),
    precision: z
      .enum([...precision.options, 'onnxruntime'])
      .describe(`${precision.description} onnxruntime: a whole ONNX graph, computed by ONNX Runtime.`),
    initializer_seeds: seeds,
    built: z.boolean(),
    input_shape: inputShape.nullable(),
    state_shapes: z.array(inputShape).describe('Shape of each state, null for any batch.'),
    state_names: z.array(z.string()).describe('Name of each state, for example h, cells.0.c, or lstm.h in a network.'),
    input_names: z.array(z.string()).optional().describe('Of a whole ONNX graph: the names for `named_inputs`.'),
    output_names: z.array(z.string()).optional().describe('Of a whole ONNX graph: the names in `outputs`.'),
    output_shape: inputShape,
    output_is_state: z
      .int()
      .nullable()
      .describe(
        "Index of the state that equals the output, after rounding to the output's dtype. null if no state does.",
      ),
    variables: z.array(variableSummary),
    parameter_count: z.int(),
    version,
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'Cell' });

/** What `?dry_run=true` tells of a graph. */
export const graphReply = z
  .object({
    graph: graphFields,
    variables: z.array(variableSummary),
    skipped: z
      .array(z.object({ name: z.string(), reason: z.string() }))
      .describe('Recurrent nodes whose states stay inside, and initializers that are not shown as variables.'),
  })
  .meta({ id: 'GraphDescription', description: 'A whole ONNX graph as a cell; nothing was stored.' });

export const configReply = z
  .object({ class_name: z.string(), config: z.record(z.string(), z.unknown()) })
  .meta({ id: 'SerializedCell', description: 'You can send it as a new cell.' });

export const cellVariablesReply = z.object({ items: z.array(variableReply) }).meta({ id: 'CellVariables' });

export const weightsBody = z.strictObject({ weights }).meta({ id: 'NewWeights' });
export const weightsReply = z
  .object({ weights: z.record(z.string(), tensorReply), cell_version: version })
  .meta({ id: 'Weights' });

/** The inputs of a graph that has several. */
export const namedInputs = z
  .record(z.string().max(200), tensorInput)
  .optional()
  .describe('In place of inputs, for a whole ONNX graph: its inputs by name.');

/** All outputs of a graph that has several. */
export const outputsReply = z
  .record(z.string(), tensorReply)
  .describe('All outputs by name, if the cell is a whole ONNX graph that has several. `output` is the first.');

/** `inputs` or `named_inputs`. */
export function checkInputs(
  { inputs, named_inputs }: { readonly inputs?: unknown; readonly named_inputs?: unknown },
  context: z.core.$RefinementCtx,
): void {
  if ((inputs === undefined) !== (named_inputs === undefined)) return;
  const message = inputs
    ? 'Send inputs or named_inputs, not both.'
    : `This field is missing; ${FORMS}. A whole ONNX graph takes named_inputs too.`;
  context.addIssue({ code: 'custom', message, path: [inputs ? 'named_inputs' : 'inputs'] });
}

export const stepBody = z
  .strictObject({
    inputs: tensorInput.optional().describe('[batch, features]'),
    named_inputs: namedInputs,
    states: optional(statesInput).describe('[batch, units] each; zeros if left out.'),
    trace: z.boolean().default(false).describe('Answer with every gate, before and after its activation.'),
    ...trainingFields,
    tensor_format: tensorFormat,
  })
  .superRefine(checkTraining)
  .superRefine(checkInputs)
  .meta({ id: 'Step' })
  .register(plainReaders, { read: plainStep });

const maskDescription =
  'True or 1 for a step that counts. At other steps the states stay, and the output is the previous one or zeros.';
export const maskField = optional(tensorLiteral).describe(`[batch, time]. ${maskDescription}`);

const sequenceInputs = tensorInput.describe(
  '[batch, time, features]; [time, batch, features] if time comes first: with time_major, in PyTorch layers without ' +
    'batch_first, in ONNX with layout 0.',
);
const sequenceFields = {
  initial_state: optional(statesInput).describe('[batch, units] each; zeros if left out.'),
  mask: maskField,
  sequence_lengths: optional(lengthsInput).describe('Instead of a mask: how many steps of each row count.'),
  return_sequences: z
    .boolean()
    .optional()
    .describe('The outputs of all steps (the default for a cell), or only the last one.'),
  go_backwards: z
    .boolean()
    .optional()
    .describe('Go from the last step to the first. Outputs come in the order of processing.'),
  zero_output_for_mask: z.boolean().optional().describe('Masked steps give zeros instead of the previous output.'),
  time_major: z.boolean().optional().describe('Inputs and outputs are [time, batch, …]; the mask stays [batch, time].'),
  ...trainingFields,
  tensor_format: tensorFormat,
};

interface SequenceFields {
  readonly training: boolean;
  readonly seed?: number;
  readonly mask?: unknown;
  readonly sequence_lengths?: unknown;
}

function checkSequence(body: SequenceFields, context: z.core.$RefinementCtx): void {
  checkTraining(body, context);
  if (body.mask === undefined || body.sequence_lengths === undefined) return;
  const message = 'Send mask or sequence_lengths, not both.';
  context.addIssue({ code: 'custom', message, path: ['sequence_lengths'] });
}

export const sequenceBody = z
  .strictObject({
    inputs: sequenceInputs.optional(),
    named_inputs: namedInputs,
    ...sequenceFields,
    trace: z.boolean().default(false).describe('Answer with every gate of every step.'),
  })
  .superRefine(checkSequence)
  .superRefine(checkInputs)
  .meta({ id: 'Sequence' });

export const gradientsBody = z
  .strictObject({
    inputs: sequenceInputs,
    ...sequenceFields,
    cotangent: optional(tensorInput).describe(
      'What each number of the output counts in the objective, in the shape of the output.',
    ),
    cotangents: z
      .array(tensorInput)
      .length(2)
      .optional()
      .describe('Instead of cotangent, if the cell has two outputs.'),
  })
  .superRefine((body, context) => {
    checkSequence(body, context);
    if ((body.cotangent === undefined) !== (body.cotangents === undefined)) return;
    const message = 'Send cotangent, or cotangents if the cell has two outputs.';
    context.addIssue({ code: 'custom', message, path: ['cotangent'] });
  })
  .meta({ id: 'GradientRequest' });

export const traceReply = z
  .record(z.string(), z.object({ before: tensorReply, after: tensorReply }))
  .meta({ id: 'Trace', description: 'Every gate and intermediate by name, before and after its activation.' });

export const stepReply = z
  .object({
    output: tensorReply,
    outputs: outputsReply.optional(),
    states: z.array(tensorReply),
    trace: traceReply.optional(),
    cell_version: version,
  })
  .meta({ id: 'StepResult' });

export const sequenceReply = z
  .object({
    output: z
      .union([tensorReply, z.array(tensorReply)])
      .describe('Output of every step, or of the last one. A list of two if a Bidirectional has merge_mode null.'),
    outputs: outputsReply.optional(),
    states: z.array(tensorReply).describe('The final states.'),
    trace: traceReply.optional(),
    cell_version: version,
  })
  .meta({ id: 'SequenceResult' });

export const gradientsReply = z
  .object({
    output: z.union([tensorReply, z.array(tensorReply)]),
    states: z.array(tensorReply).describe('The final states.'),
    objective: scalarReply.describe('The sum of output times cotangent. This is what the gradients differentiate.'),
    loss: scalarReply.meta({ description: 'Use `objective`, which is the same number.', deprecated: true }),
    gradients: z
      .object({ inputs: tensorReply, initial_state: z.array(tensorReply) })
      .catchall(tensorReply)
      .describe('By name: inputs, initial_state, and every variable of the cell.'),
    cell_version: version,
  })
  .meta({ id: 'Gradients' });
