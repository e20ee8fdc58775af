import { outputShape } from '../../domain/cell-definition.ts';
import type { LossSpec, Targets } from '../../domain/learning.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { type FloatArray, formatShape, type Shape, sameShape, sizeOf, Tensor } from '../../domain/tensor.ts';
import type { TensorInput } from '../../domain/tensor-literal.ts';
import { canonicalOutput, sequenceShape } from '../compute/layout.ts';
import type { Call } from '../compute/prepare-call.ts';
import { resolveTensor } from '../compute/resolve-tensor.ts';
import type { Context } from '../context.ts';

/** The targets of a request. */
export interface TargetsGiven {
  readonly targets: TensorInput;
  readonly sample_weight?: TensorInput;
}

const SPARSE = 'SparseCategoricalCrossentropy';

/**
 * Targets in the shape of the output, or without its last axis if classes are numbered or that axis is 1. In the latter
 * case the loss is taken along the axis before it (Keras squeeze_or_expand_to_same_rank).
 * @throws {Problem} wrong-shape, invalid-value for an unknown class
 */
export async function readTargets(
  context: Pick<Context, 'store' | 'limits' | 'ops'>,
  call: Call,
  returnSequences: boolean,
  loss: LossSpec,
  given: TargetsGiven,
): Promise<Targets> {
  const { cell, timeMajor, mask } = call;
  const { definition } = cell;
  const { layout, outputDtype } = definition;
  const shape = returnSequences ? sequenceShape(definition, call) : outputShape(definition, [call.batch]);
  const width = shape[shape.length - 1];
  const dtype = outputDtype === 'float64' ? 'float64' : 'float32';
  const sent = await resolveTensor(context, given.targets, dtype, '/targets');
  const entries = shape.slice(0, -1);
  const arrange = (tensor: Tensor) =>
    (returnSequences ? canonicalOutput(tensor, timeMajor, layout) : tensor).data as FloatArray;
  const sampleWeight = given.sample_weight
    ? await readWeights(context, given.sample_weight, entries, call, arrange)
    : undefined;
  const count = sizeOf(entries);
  if (loss.className === SPARSE) {
    const numbered = sameShape(sent.shape, entries) || sameShape(sent.shape, [...entries, 1]);
    if (!numbered) throw wrongTargets(sent.shape, shape, entries);
    const values = arrange(new Tensor(dtype, [...entries, 1], sent.data));
    checkClasses(values, width, loss.params.ignore_class);
    return { values, entries: count, width, sampleWeight };
  }
  if (sameShape(sent.shape, shape)) return { values: arrange(sent), entries: count, width, sampleWeight };
  // A bare [batch] is the same as [batch, 1].
  if (width === 1 && entries.length === 1 && sameShape(sent.shape, entries)) {
    return { values: sent.data as FloatArray, entries: count, width, sampleWeight };
  }
  const plain = !timeMajor && !mask && !given.sample_weight;
  if (width === 1 && plain && entries.length === 2 && sameShape(sent.shape, entries)) {
    return { values: sent.data as FloatArray, entries: entries[0], width: entries[1] };
  }
  throw wrongTargets(sent.shape, shape);
}

function wrongTargets(sent: Shape, shape: Shape, entries?: Shape): Error {
  const wanted = entries
    ? `[${entries.join(',')}] for the numbers of classes of outputs of shape ${formatShape(shape)}`
    : `the output's shape ${formatShape(shape)}`;
  return fieldProblem('wrong-shape', '/targets', `'targets' has shape ${formatShape(sent)}. Send ${wanted}.`);
}

function checkClasses(values: FloatArray, classes: number, ignored: unknown): void {
  const wrong = values.find((value) => {
    return value !== ignored && !(Number.isInteger(value) && value >= 0 && value < classes);
  });
  if (wrong === undefined) return;
  const detail = `'targets' has ${wrong}; the output has ${classes} classes. Send whole numbers from 0 to ${classes - 1}.`;
  throw fieldProblem('invalid-value', '/targets', detail);
}

/** Weights of all entries, or of the rows of the batch. */
async function readWeights(
  context: Pick<Context, 'store' | 'limits' | 'ops'>,
  input: TensorInput,
  entries: Shape,
  { batch, timeMajor }: Call,
  arrange: (tensor: Tensor) => FloatArray,
): Promise<FloatArray> {
  const sent = await resolveTensor(context, input, 'float32', '/sample_weight');
  const { shape } = sent;
  if (sameShape(shape, entries)) return arrange(new Tensor('float32', [...shape, 1], sent.data));
  const rows = entries.length === 2 && timeMajor ? [1, batch] : [batch, 1];
  if (entries.length <= 2 && sameShape(shape, rows)) return sent.data as FloatArray;
  const detail = `'sample_weight' has shape ${formatShape(shape)}. Send ${formatShape(entries)}, one for each entry, or ${formatShape(rows)}, one for each row.`;
  throw fieldProblem('wrong-shape', '/sample_weight', detail);
}
