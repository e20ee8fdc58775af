import type { CellDefinition, VariableSpec, Weights } from '../../domain/cell-definition.ts';
import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import { fieldProblem } from '../../domain/problems.ts';
import type { InitializerSpec } from '../../domain/program.ts';
import { type Dtype, type FloatArray, formatShape, type Shape, Tensor } from '../../domain/tensor.ts';
import { counted } from '../../domain/words.ts';
import { withSeed } from '../../frameworks/keras/parse-object.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import { requireBytes, requireDraws, requireElements } from '../limits.ts';
import { type Cell, type CellRecord, cellWrites, featuresOf, freshVariables } from './cell-record.ts';
import { requireWeights } from './weights.ts';

type Needs = Pick<Context, 'clock' | 'initialize' | 'limits' | 'spendWork'>;

/**
 * Decides on building a cell. If it is built with the same feature count, nothing changes.
 * @throws {Problem} not-found, version-mismatch, already-built with another feature count.
 */
export async function buildCell(
  context: Needs & Pick<Context, 'cells'>,
  id: string,
  inputShape: readonly (number | null)[],
  expected?: ExpectedVersion,
): Promise<Decision<CellRecord>> {
  const cell = await context.cells.read(id);
  requireVersion(`Cell '${id}'`, cell.record.version, expected);
  if (cell.record.input_shape) {
    if (builtAs(cell, inputShape)) return { writes: [], result: cell.record };
    const built = formatShape(cell.record.input_shape);
    const detail = `Cell '${id}' is built with input shape ${built}; it cannot be built again with ${formatShape(inputShape)}.`;
    throw fieldProblem('already-built', '/input_shape', detail);
  }
  const { record, weights } = await buildRecord(context, cell.record, cell.definition, inputShape);
  return { writes: await cellWrites(cell, record, weights), result: record };
}

/** Whether a shape has the feature count that the cell is built with. */
function builtAs({ record, definition }: Cell, inputShape: readonly (number | null)[]): boolean {
  const own = definition.fixedInputShape;
  if (!own) return featuresOf(record) === inputShape.at(-1);
  return own.length === inputShape.length && own.every((extent, k) => extent === inputShape[k]);
}

/** The record of a cell once built, and its first weights: those given, or drawn by its initializers. */
export async function buildRecord(
  context: Needs,
  unbuilt: CellRecord,
  definition: CellDefinition,
  inputShape: readonly (number | null)[],
  given?: Weights,
): Promise<{ record: CellRecord; weights: Weights }> {
  const features = definition.fixedInputShape ? 0 : inputShape.at(-1);
  if (features === null || features === undefined) {
    const detail = `${formatShape(inputShape)} does not give the feature count. Send a number as the last entry, as in [null, 3].`;
    throw fieldProblem('invalid-value', '/input_shape', detail);
  }
  const specs = definition.variables(features, given && Object.keys(given));
  for (const { shape } of specs) requireElements(shape, context.limits, '/input_shape');
  requireBytes(() => `The ${counted(specs.length, 'variable')} of this cell`, specs, context.limits, '/input_shape');
  if (given) requireWeights(specs, given);
  else requireDraws(specs, context, '/input_shape');
  const weights = given ?? (await drawAll(context, specs, unbuilt.initializer_seeds));
  const record: CellRecord = {
    ...unbuilt,
    input_shape: inputShape,
    variables: freshVariables(specs),
    version: unbuilt.version + 1,
    updated_at: context.clock(),
  };
  return { record, weights };
}

/** One after another, so that the draws of one request don't fill the queue. */
async function drawAll(
  context: Needs,
  specs: readonly VariableSpec[],
  seeds: Readonly<Record<string, number>>,
): Promise<Weights> {
  const weights: Record<string, Tensor> = {};
  for (const spec of specs) weights[spec.name] = await drawVariable(context, spec, seeds[spec.name]);
  return weights;
}

async function drawVariable({ initialize }: Needs, spec: VariableSpec, seed: number | undefined): Promise<Tensor> {
  const { shape, dtype } = spec;
  const initializer = withSeed(spec.initializer, () => seed ?? 0);
  return spec.unitForgetBias
    ? forgetBias(initialize, initializer, shape, dtype)
    : initialize(initializer, shape, dtype);
}

/** LSTM's bias [init(U), ones(U), init(2U)]: each part is a draw of its own, from the same seed. Keras LSTMCell.build. */
async function forgetBias(
  initialize: Needs['initialize'],
  initializer: InitializerSpec,
  shape: Shape,
  dtype: Dtype,
): Promise<Tensor> {
  const units = shape[0] / 4;
  const [first, last, ones] = await Promise.all([
    initialize(initializer, [units], dtype),
    initialize(initializer, [2 * units], dtype),
    initialize({ className: 'Ones', params: {} }, shape, dtype),
  ]);
  const data = ones.data.slice() as FloatArray;
  data.set(first.data as FloatArray, 0);
  data.set(last.data as FloatArray, 2 * units);
  return new Tensor(dtype, shape, data);
}
