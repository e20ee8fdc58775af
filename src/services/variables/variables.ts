import { type ExpectedVersion, requireVersion } from '../../domain/conditions.ts';
import type { Json } from '../../domain/json.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { type Dtype, type Shape, sizeOf, type Tensor } from '../../domain/tensor.ts';
import { isReference, type TensorInput, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { checkInitializerFits, parseInitializer, withSeed } from '../../frameworks/keras/parse-object.ts';
import type { Cell } from '../cells/cell-record.ts';
import { requireVariables } from '../cells/cell-weights.ts';
import { changeCellWrites } from '../cells/pinned-versions.ts';
import type { Decision } from '../changes/decision.ts';
import { resolveReference, resolveTensor } from '../compute/resolve-tensor.ts';
import type { Context } from '../context.ts';
import { variableKey } from '../keys.ts';
import { bytesOf, requireBytes, requireDraws, requireElements } from '../limits.ts';
import { encodeVariable, findVariable, type VariableRecord } from './stand-alone-variables.ts';

/** A stand-alone variable, or one of a cell. */
export type VariableAddress = { readonly variable: string } | { readonly cell: string; readonly name: string };

export interface Variable {
  /** Id of a stand-alone variable. */
  readonly id?: string;
  /** Name of a cell's variable. */
  readonly name?: string;
  readonly trainable: boolean;
  readonly version: number;
  readonly value: Tensor;
}

export interface NewVariable {
  readonly value?: TensorInput;
  readonly initializer?: Json;
  readonly shape?: Shape;
  readonly randint?: { readonly low: number; readonly high: number; readonly size: Shape; readonly seed?: number };
  readonly dtype?: Dtype;
  readonly trainable: boolean;
}

type Needs = Pick<Context, 'store' | 'clock' | 'newSeed' | 'initialize' | 'randint' | 'ops' | 'limits' | 'spendWork'>;

/** Decides on a new stand-alone variable. @throws {Problem} already-exists, or a problem of its value */
export async function createVariable(context: Needs, id: string, input: NewVariable): Promise<Decision<Variable>> {
  if (await context.store.get(variableKey(id)))
    throw new Problem('already-exists', `There is a variable '${id}' already.`);
  const value = await firstValue(context, input);
  const now = context.clock();
  const record: VariableRecord = {
    format: 1,
    id,
    trainable: input.trainable,
    version: 1,
    created_at: now,
    updated_at: now,
  };
  return {
    writes: [{ key: variableKey(id), expect: null, bytes: encodeVariable(record, value) }],
    result: { ...record, value },
  };
}

async function firstValue(context: Needs, input: NewVariable): Promise<Tensor> {
  const { value, initializer, shape = [], randint, dtype } = input;
  if (value && isReference(value)) {
    const found = await resolveReference(context, value.variable, '/value');
    const wanted = dtype ?? found.dtype;
    requireBytes(() => 'This variable', [{ shape: found.shape, dtype: wanted }], context.limits, '/dtype');
    return context.ops.cast(found, wanted);
  }
  if (value) {
    return resolveTensor(context, value, dtype ?? value.dtype ?? ownDtype(value), '/value');
  }
  if (randint) {
    const { low, high, size } = randint;
    if (low >= high) {
      const detail = `'low' is ${low} and 'high' is ${high}. Send low < high; high itself is never drawn.`;
      throw fieldProblem('invalid-value', '/randint/high', detail);
    }
    requireElements(size, context.limits, '/randint/size');
    requireBytes(() => 'This variable', [{ shape: size, dtype: 'int64' }], context.limits, '/randint/size');
    context.spendWork(sizeOf(size));
    const drawn = await context.randint(low, high, size, randint.seed ?? context.newSeed());
    return dtype ? context.ops.cast(drawn, dtype) : drawn;
  }
  requireElements(shape, context.limits, '/shape');
  requireBytes(() => 'This variable', [{ shape, dtype: dtype ?? 'float32' }], context.limits, '/shape');
  const { spec } = parseInitializer(initializer ?? null, '/initializer');
  checkInitializerFits(spec, shape.length, '/initializer');
  requireDraws([{ initializer: spec, shape }], context, '/shape');
  return context.initialize(withSeed(spec, context.newSeed), shape, dtype ?? 'float32');
}

/** Only integers that a JSON number cannot hold show that they are int64. */
function ownDtype({ integers }: TensorLiteral): Dtype {
  return integers?.some((whole) => !Number.isSafeInteger(Number(whole))) ? 'int64' : 'float32';
}

/** @throws {Problem} not-found */
export async function readVariable(
  { store, cells }: Pick<Context, 'store' | 'cells'>,
  at: VariableAddress,
): Promise<Variable> {
  if ('cell' in at) {
    const cell = await cells.read(at.cell);
    const variable = cellVariable(cell, at.name);
    return cell.graph ? { ...variable, value: (await cells.weightsOf(cell))[at.name] } : variable;
  }
  const found = await findVariable(store, at.variable);
  if (!found) throw new Problem('not-found', `There is no variable '${at.variable}'.`);
  return { ...found.record, value: found.value };
}

/** Decides on a new value of a variable. For a variable of a cell this makes a new version of the cell. */
export async function changeVariable(
  context: Pick<Context, 'store' | 'clock' | 'cells' | 'caller'>,
  at: VariableAddress,
  expected: ExpectedVersion | undefined,
  update: (current: Tensor) => Promise<Tensor>,
): Promise<Decision<Variable>> {
  if ('cell' in at) return changeCellVariable(context, at, expected, update);
  const found = await findVariable(context.store, at.variable);
  if (!found) throw new Problem('not-found', `There is no variable '${at.variable}'.`);
  requireVersion(`Variable '${at.variable}'`, found.record.version, expected);
  // The new value: the store has counted the present one.
  context.caller().hold(bytesOf([found.value]));
  const value = await update(found.value);
  const record = { ...found.record, version: found.record.version + 1, updated_at: context.clock() };
  const writes = [{ key: variableKey(at.variable), expect: found.revision, bytes: encodeVariable(record, value) }];
  return { writes, result: { ...record, value } };
}

async function changeCellVariable(
  { store, clock, cells }: Pick<Context, 'store' | 'clock' | 'cells'>,
  at: { readonly cell: string; readonly name: string },
  expected: ExpectedVersion | undefined,
  update: (current: Tensor) => Promise<Tensor>,
): Promise<Decision<Variable>> {
  const cell = await cells.read(at.cell);
  const current = cellVariable(cell, at.name);
  requireVariables(cell);
  requireVersion(`Variable '${at.name}' of cell '${at.cell}'`, current.version, expected);
  const value = await update(current.value);
  const version = current.version + 1;
  const variables = cell.record.variables.map((one) => (one.name === at.name ? { ...one, version } : one));
  const record = { ...cell.record, variables, version: cell.record.version + 1, updated_at: clock() };
  const writes = await changeCellWrites(store, cell, record, { [at.name]: value });
  return { writes, result: { ...current, version, value } };
}

function cellVariable({ record, weights }: Cell, name: string): Variable {
  if (!record.input_shape) {
    throw new Problem('not-built', `Cell '${record.id}' has no variables until it is built.`);
  }
  const variable = record.variables.find((one) => one.name === name);
  if (variable) return { name, trainable: variable.trainable, version: variable.version, value: weights[name] };
  const names = record.variables.map((one) => one.name).join(', ');
  throw new Problem('not-found', `Cell '${record.id}' has no variable '${name}'; it has ${names}.`);
}

/** Decides on deleting a stand-alone variable. @throws {Problem} not-found, version-mismatch */
export async function deleteVariable(
  { store }: Pick<Context, 'store'>,
  id: string,
  expected: ExpectedVersion | undefined,
): Promise<Decision<undefined>> {
  const found = await findVariable(store, id);
  if (!found) throw new Problem('not-found', `There is no variable '${id}'.`);
  requireVersion(`Variable '${id}'`, found.record.version, expected);
  return { writes: [{ key: variableKey(id), expect: found.revision, delete: true }], result: undefined };
}
