import { stepRank } from '../../domain/cell-definition.ts';
import type { Training } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { formatShape, type Shape, sameShape, sizeOf, type Tensor } from '../../domain/tensor.ts';
import type { TensorInput, TensorLiteral } from '../../domain/tensor-literal.ts';
import { counted } from '../../domain/words.ts';
import { buildCell } from '../cells/build-cell.ts';
import { type Cell, featuresOf } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { cellKey } from '../keys.ts';
import { bytesOf, requireBytes, requireElements, requireWorkOfOne, type WorkContext } from '../limits.ts';
import { type InputForm, readInputs, readMask, trainingFor } from './call-inputs.ts';

export type CallContext = Pick<
  Context,
  'store' | 'clock' | 'initialize' | 'limits' | 'ops' | 'spendWork' | 'addWork' | 'caller' | 'cells' | 'changer'
>;

/** The computation that a request describes. */
export interface CallRequest {
  readonly inputs: TensorInput;
  /** [batch, time]; [batch] for a single step. */
  readonly mask?: TensorLiteral;
  /** Steps after these lengths are masked. */
  readonly sequence_lengths?: readonly number[];
  readonly time_major?: boolean;
  readonly trace: boolean;
  readonly training?: Training;
}

/** A call of a built cell: checked, and ready to compute. */
export interface Call {
  readonly cell: Cell;
  /** [batch, features], or a sequence in the framework's layout, in the cell's compute dtype. */
  readonly inputs: Tensor;
  /** The states to start from, in the framework's shapes. */
  readonly states: readonly Tensor[];
  /** [batch, time]; 0 masks a step. */
  readonly mask?: Uint8Array;
  readonly batch: number;
  readonly time: number;
  /** Whether the inputs are a single step without a time axis. */
  readonly single: boolean;
  /** Whether a sequence is [time, batch, features]. */
  readonly timeMajor: boolean;
  readonly trace: boolean;
  readonly training?: Training;
}

/** How the kinds of calls differ. */
export interface CallKind {
  /** The forms that the inputs may have. */
  readonly forms: readonly InputForm[];
  /** The states to start from, for this number of rows. */
  states(batch: number): readonly Tensor[] | Promise<readonly Tensor[]>;
  /** Checks the rest of the request. The cell of the call may not be built yet. */
  check?(call: Call): Promise<void> | void;
}

/**
 * The only way from a request to a call that is ready to compute. The inputs build an unbuilt cell, as the first call in
 * Keras does. The request is checked completely before that.
 * @throws {Problem} wrong-shape, invalid-value, invalid-request, limit-exceeded
 */
export async function prepareCall(
  context: CallContext,
  found: Cell,
  request: CallRequest,
  kind: CallKind,
): Promise<Call> {
  const { definition, record } = found;
  const read = readInputs(context, found, request.inputs, kind.forms);
  // Nearly always it is there already, and each wait takes as long as a check.
  const inputs = read instanceof Promise ? await read : read;
  const single = inputs.shape.length === stepRank(definition);
  const timeMajor = request.time_major ?? definition.layout.timeMajor;
  const [first, second] = inputs.shape;
  const batch = single || !timeMajor ? first : second;
  const time = single ? 1 : timeMajor ? first : second;
  const given = kind.states(batch);
  const states = given instanceof Promise ? await given : given;
  const mask = readMask(request, single, batch, time);
  if (record.input_shape) requireFeatures(found, inputs);
  requireSteps(found, time);
  const training = trainingFor(found, request.training);
  const call: Call = {
    cell: found,
    inputs,
    states,
    mask,
    batch,
    time,
    single,
    timeMajor,
    trace: request.trace,
    training,
  };
  takeRoom(context, requireRoom(context, call));
  const checking = kind.check?.(call);
  if (checking) await checking;
  return record.input_shape ? call : { ...call, cell: await buildFor(context, call) };
}

export type RoomContext = WorkContext & Pick<Context, 'caller'>;

/** Counts what a call takes, before it is computed. @throws {Problem} overloaded, quota-exceeded */
export function takeRoom({ caller, spendWork }: Omit<RoomContext, 'limits'>, { work, bytes }: Room): void {
  caller().holdResult(bytes);
  spendWork(work);
}

/** The measured cost of a row and of a step besides the products with the weights, in multiply-adds. */
const ROW_WORK = 2_000;
const STEP_WORK = 5_000;
/** The most numbers that a trace has for each number of the state: three gates of a GRU, before and after. */
const TRACED = 6;

/** What a call takes. */
export interface Room {
  /** In multiply-adds. */
  readonly work: number;
  /** Of its output, its states and its trace. */
  readonly bytes: number;
}

/**
 * @throws {Problem} limit-exceeded if this many rows and steps need too much memory, including their trace, or too much work
 */
export function requireRoom(
  { limits }: Pick<WorkContext, 'limits'>,
  {
    cell,
    inputs,
    batch,
    time,
    trace,
  }: Pick<Call, 'cell' | 'batch' | 'time' | 'trace'> & { readonly inputs: Pick<Tensor, 'shape'> },
): Room {
  const { definition, record } = cell;
  const { outputWidth, stateWidths, outputDtype, computeDtype } = definition;
  const stateWidth = stateWidths.reduce((sum, width) => sum + width, 0);
  const variables: readonly { readonly shape: Shape }[] = record.input_shape
    ? record.variables
    : definition.variables(inputs.shape.at(-1) ?? 0);
  requireElements([batch, time, Math.max(outputWidth, ...stateWidths)], limits, '/inputs');
  const results = { shape: [batch, time, outputWidth], dtype: outputDtype };
  requireBytes(() => `The output of ${counted(batch * time, 'step')}`, [results], limits, '/inputs');
  // A row of a step costs one multiply-add for each weight, except weights that are only looked up.
  const { stepWork = variables.reduce((sum, { shape }) => sum + sizeOf(shape), 0) } = definition;
  const row = stepWork + ROW_WORK;
  const traced = trace ? batch * time * TRACED * stateWidth : 0;
  if (traced <= limits.maxElements) {
    const work = batch * time * row + time * STEP_WORK;
    requireWorkOfOne(work, limits, '/inputs');
    return { work, bytes: bytesOf([results, { shape: [batch * stateWidth + traced], dtype: computeDtype }]) };
  }
  const detail = `A trace of this may have ${traced} numbers, over the limit of ${limits.maxElements} elements (CELLSTEP_MAX_ELEMENTS). Send less at once.`;
  throw fieldProblem('limit-exceeded', '/trace', detail);
}

/** The cell, built for the inputs of a call, unless another request has built it in the meantime. */
async function buildFor(context: CallContext, { cell, inputs }: Call): Promise<Cell> {
  const { cells, changer } = context;
  const { id } = cell.record;
  await changer.commit(cellKey(id), async () => {
    const { record } = await cells.read(id);
    if (record.input_shape) return { writes: [], result: record };
    return buildCell(context, id, [null, inputs.shape.at(-1) ?? 0]);
  });
  const built = await cells.read(id);
  requireFeatures(built, inputs);
  return built;
}

/** @throws {Problem} wrong-shape if the cell has another feature count */
function requireFeatures({ record, definition }: Cell, inputs: Tensor): void {
  const { inputDims } = definition;
  if (inputDims) {
    if (sameShape(inputs.shape.slice(inputs.shape.length - inputDims.length), inputDims)) return;
    const detail = `'inputs' has shape ${formatShape(inputs.shape)}; a step of cell '${record.id}' takes ${formatShape(inputDims)} after the batch.`;
    throw fieldProblem('wrong-shape', '/inputs', detail);
  }
  const features = featuresOf(record);
  if (inputs.shape.at(-1) === features) return;
  const detail =
    `'inputs' has shape ${formatShape(inputs.shape)}, so ${inputs.shape.at(-1)} features; ` +
    `cell '${record.id}' is built for ${features}. Send ${features} features.`;
  throw fieldProblem('wrong-shape', '/inputs', detail);
}

/** @throws {Problem} wrong-shape if a network takes only sequences of another length */
function requireSteps({ definition: { fixedSteps }, record }: Cell, time: number): void {
  if (fixedSteps === undefined || fixedSteps === time) return;
  const detail = `'inputs' has ${counted(time, 'step')}; network '${record.id}' takes sequences of ${fixedSteps}.`;
  throw fieldProblem('wrong-shape', '/inputs', detail);
}
