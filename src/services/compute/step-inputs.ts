import type { Training } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { formatShape, type Shape, sizeOf, Tensor } from '../../domain/tensor.ts';
import { literalToTensor, type TensorInput, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { hasDropout } from '../../domain/training.ts';
import { buildCell } from '../cells/build-cell.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import type { CellReader } from '../cells/cells.ts';
import type { Changer } from '../changes/change.ts';
import type { Context } from '../context.ts';
import { cellKey } from '../keys.ts';
import { requireElements, requireWork } from '../limits.ts';
import { resolveTensor } from './resolve-tensor.ts';

/** What a row and what a step cost beside the products with the weights, as so many multiply-adds: measured. */
const ROW_WORK = 2_000;
const STEP_WORK = 5_000;
/** What a trace has for each number of the state, at most: of a GRU three gates, before and after. */
const TRACED = 6;

/**
 * `variables` are those that the cell has, or will have once it is built.
 * @throws {Problem} limit-exceeded where so many rows and steps would be too large, with all that a trace of them has, or too
 * much work.
 */
export function requireRoom(
  limits: Context['limits'],
  { record, definition }: Pick<Cell, 'record' | 'definition'>,
  batch: number,
  time: number,
  trace: boolean,
  variables: readonly { readonly shape: Shape }[] = record.variables,
): void {
  const { outputWidth, stateWidths } = definition;
  requireElements([batch, time, Math.max(outputWidth, ...stateWidths)], limits, '/inputs');
  // A row of a step costs one multiply-add for each weight.
  const row = variables.reduce((sum, { shape }) => sum + sizeOf(shape), ROW_WORK);
  requireWork(batch * time * row + time * STEP_WORK, limits, '/inputs');
  const traced = trace ? batch * time * TRACED * stateWidths.reduce((sum, width) => sum + width, 0) : 0;
  if (traced <= limits.maxElements) return;
  const detail = `A trace of this may have ${traced} numbers, over the limit of ${limits.maxElements} elements (CELLSTEP_MAX_ELEMENTS). Send less at once.`;
  throw fieldProblem('limit-exceeded', '/trace', detail);
}

/**
 * The cell, built: by the inputs of this step, or of these `time` steps, if it was not, as Keras does at the first call.
 * @throws {Problem} limit-exceeded where they would be refused afterwards: then the cell is not built either.
 */
export async function readBuilt(
  context: Pick<Context, 'clock' | 'initialize' | 'limits'>,
  cells: CellReader,
  changer: Changer,
  cell: Cell,
  inputs: Tensor,
  batch: number,
  time: number,
  trace: boolean,
): Promise<Cell> {
  if (cell.record.input_shape) return cell;
  const { id } = cell.record;
  const features = inputs.shape.at(-1) ?? 0;
  requireRoom(context.limits, cell, batch, time, trace, cell.definition.variables(features));
  const shape = [null, features];
  await changer.commit(cellKey(id), async () => {
    const now = await cells.read(id);
    return now.record.input_shape ? { writes: [], result: now.record } : buildCell(context, cells, id, shape);
  });
  return cells.read(id);
}

/** A step's or a sequence's inputs in the cell's compute dtype. @throws {Problem} where rank is not one of `ranks`. */
export async function readInputs(
  context: Pick<Context, 'store' | 'limits'>,
  { definition }: Cell,
  input: TensorInput,
  ranks: readonly number[],
): Promise<Tensor> {
  const inputs = await resolveTensor(context, input, definition.computeDtype, '/inputs');
  if (ranks.includes(inputs.shape.length)) return inputs;
  const sequence = definition.layout.timeMajor ? '[time, batch, features]' : '[batch, time, features]';
  const forms = ranks.map((rank) => (rank === 2 ? '[batch, features]' : sequence)).join(' or ');
  const detail = `'inputs' has shape ${formatShape(inputs.shape)}. Send ${forms}.`;
  throw fieldProblem('wrong-shape', '/inputs', detail);
}

/** @throws {Problem} wrong-shape where the feature count is not the cell's. */
export function requireFeatures({ record }: Cell, inputs: Tensor): void {
  const features = featuresOf(record);
  if (inputs.shape.at(-1) === features) return;
  const detail =
    `'inputs' has shape ${formatShape(inputs.shape)}, so ${inputs.shape.at(-1)} features; ` +
    `cell '${record.id}' is built for ${features}. Send ${features} features.`;
  throw fieldProblem('wrong-shape', '/inputs', detail);
}

/** A mask as 0 and 1, [batch, time]; that of a single step is [batch]. @throws {Problem} value-out-of-range */
export function readMaskTensor(mask: TensorLiteral | undefined, single: boolean): Tensor | undefined {
  if (!mask) return undefined;
  const tensor = literalToTensor(mask, 'bool', '/mask');
  return single && tensor.shape.length === 1 ? new Tensor('bool', [...tensor.shape, 1], tensor.data) : tensor;
}

/**
 * Training as asked for, once it is certain that every cell with dropout has a seed: the request's, or its config's.
 * @throws {Problem} invalid-request where one has neither, invalid-value where training would need dropout that is not
 * computed.
 */
export function trainingFor({ definition }: Cell, given: Training | undefined): Training | undefined {
  if (!given) return undefined;
  const { framework, className, config, dropouts = [] } = definition;
  // Between layers: with a single one there is nothing to drop out.
  if (framework === 'pytorch' && Number(config.dropout ?? 0) > 0 && Number(config.num_layers ?? 1) > 1) {
    const detail = `${className}'s dropout between layers is not computed in training; evaluate it, or set its dropout to 0.`;
    throw fieldProblem('invalid-value', '/training', detail);
  }
  if (given.seed !== undefined || dropouts.every((dropout) => dropout.seed !== undefined || !hasDropout(dropout))) {
    return given;
  }
  const detail = `training: true needs a seed for its dropout masks, and the config of ${className} has none. Send seed.`;
  throw fieldProblem('invalid-request', '/seed', detail);
}
