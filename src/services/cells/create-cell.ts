import type { CellDefinition, Weights } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Precision } from '../../domain/ports.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import type { InitializerTemplate } from '../../domain/program.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import { formatShape, type Tensor } from '../../domain/tensor.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import { listed } from '../../domain/words.ts';
import { defineCell } from '../../frameworks/define-cell.ts';
import { inTurns } from '../../threads/in-turns.ts';
import type { Decision } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import { cellKey, graphKey, nameKey } from '../keys.ts';
import { buildRecord } from './build-cell.ts';
import { type CellRecord, cellWrites, readDefinition } from './cell-record.ts';
import { tensorsOf } from './weights.ts';

export interface NewCell {
  readonly framework: string;
  readonly class_name: string;
  readonly config: JsonObject;
  readonly precision: Precision;
  readonly input_shape?: readonly (number | null)[] | null;
  readonly weights?: Readonly<Record<string, TensorLiteral | Tensor>> | null;
  readonly initializer_seeds?: Readonly<Record<string, number>>;
}

type Needs = Pick<Context, 'store' | 'clock' | 'newId' | 'newSeed' | 'initialize' | 'limits' | 'ops' | 'spendWork'>;

/** A new cell that is not stored yet. */
export interface MadeCell {
  readonly record: CellRecord;
  readonly weights: Weights;
  /** The file of a cell that is a whole graph. */
  readonly graph?: Uint8Array;
}

/** Decides on a new cell. @throws {Problem} already-exists, or as makeCell */
export async function createCell(context: Needs, id: string, input: NewCell): Promise<Decision<CellRecord>> {
  await requireNoCell(context, id);
  const made = await makeCell(context, id, input);
  // The reply tells of it.
  await readDefinition(made.record, context.limits.maxUnits);
  return storeCell(context, made);
}

/** Decides on storing a new cell. @throws {Problem} already-exists */
export async function storeCell(
  context: Pick<Context, 'store'>,
  { record, weights, graph }: MadeCell,
): Promise<Decision<CellRecord>> {
  await requireNoCell(context, record.id);
  const writes = await cellWrites(undefined, record, weights);
  return { writes: graph ? [...writes, { key: graphKey(record), bytes: graph }] : writes, result: record };
}

async function requireNoCell({ store }: Pick<Context, 'store'>, id: string): Promise<void> {
  if (await store.get(cellKey(id))) throw new Problem('already-exists', `There is a cell '${id}' already.`);
}

/** Makes a cell, and its weights if it is built at once. @throws {Problem} for a wrong config or wrong weights */
export async function makeCell(context: Needs, id: string, input: NewCell): Promise<MadeCell> {
  const { definition, unnamed } = await define(context, input);
  if (definition.graph) {
    const detail = 'A graph comes as a file: send the ONNX file with Content-Type: application/x-onnx and ?graph=true.';
    throw fieldProblem('invalid-config', '/class_name', detail);
  }
  const now = context.clock();
  const unbuilt: CellRecord = {
    format: 1,
    id,
    uid: context.newId('uid'),
    framework: input.framework,
    class_name: definition.className,
    config: definition.config,
    precision: input.precision,
    initializer_seeds: drawSeeds(context, definition, input.initializer_seeds ?? {}),
    input_shape: null,
    variables: [],
    version: 1,
    created_at: now,
    updated_at: now,
  };
  const inputShape = inputShapeOf(definition, input);
  const given =
    inputShape && input.weights ? await givenWeights(context, definition, inputShape, input.weights) : undefined;
  const { record, weights } = inputShape
    ? await buildRecord(context, unbuilt, definition, inputShape, given)
    : { record: unbuilt, weights: {} };
  // This is the last step, because it increases the counters of names, and a refused request must change nothing.
  const config = unnamed.length === 0 ? record.config : await nameConfig(context, input, unnamed);
  return { record: { ...record, config, version: 1 }, weights };
}

/** The definition, and its layers without a name, each with the name that Keras gives the first of its class. */
async function define({ limits }: Needs, { framework, class_name, config, input_shape }: NewCell) {
  const unnamed: string[] = [];
  const autoName = (base: string) => {
    unnamed.push(base);
    return base;
  };
  const options = { maxUnits: limits.maxUnits, autoName, ...(input_shape ? { inputShape: input_shape } : {}) };
  const definition = await inTurns(defineCell(framework, class_name, config, options));
  return { definition, unnamed };
}

/** Names the unnamed layers as Keras does, by counting: `gru_cell`, `gru_cell_1` …. The store keeps the counters. */
async function nameConfig({ store, limits }: Needs, input: NewCell, unnamed: readonly string[]): Promise<JsonObject> {
  const { framework, class_name, config, input_shape } = input;
  const names: string[] = [];
  for (const base of unnamed) names.push(await nextName(store, base));
  const autoName = () => names.shift() ?? '';
  const inputShape = input_shape ?? undefined;
  const options = { maxUnits: limits.maxUnits, autoName, inputShape };
  return (await inTurns(defineCell(framework, class_name, config, options))).config;
}

async function nextName(store: Context['store'], base: string): Promise<string> {
  const key = nameKey(base);
  for (;;) {
    const stored = await store.get(key);
    const next = stored ? decodeRecord<{ next: number }>(stored.bytes).fields.next : 0;
    const bytes = encodeRecord({ fields: { next: next + 1 }, tensors: {} });
    const outcome = await store.commit([{ key, expect: stored?.revision ?? null, bytes }]);
    if (outcome === 'committed') return next === 0 ? base : `${base}_${next}`;
  }
}

function drawSeeds(
  { newSeed }: Needs,
  definition: CellDefinition,
  given: Readonly<Record<string, number>>,
): Record<string, number> {
  const open = definition.variables(1).filter(({ initializer }) => needsSeed(initializer));
  const unknown = Object.keys(given).find((name) => !open.some((variable) => variable.name === name));
  if (unknown !== undefined) {
    const names = open.map(({ name }) => name).join(', ') || 'none';
    const detail = `'${unknown}' is not a variable whose initializer needs a seed. Those of this cell: ${names}.`;
    throw fieldProblem('invalid-value', `/initializer_seeds/${unknown}`, detail);
  }
  return Object.fromEntries(open.map(({ name }) => [name, given[name] ?? newSeed()]));
}

function needsSeed({ params }: InitializerTemplate): boolean {
  return Object.hasOwn(params, 'seed') && params.seed === null;
}

/** The shape to build with: sent, or from the config or the weights; undefined if the cell is not built yet. */
function inputShapeOf(definition: CellDefinition, input: NewCell): readonly (number | null)[] | undefined {
  const { fixedFeatures, fixedInputShape, className } = definition;
  if (fixedInputShape) return requireInputShape(fixedInputShape, input);
  if (input.input_shape) {
    const sent = input.input_shape.at(-1);
    if (fixedFeatures === undefined || sent === fixedFeatures) return input.input_shape;
    const detail = `input_shape ${formatShape(input.input_shape)} contradicts the config of ${className}, which takes ${fixedFeatures} features.`;
    throw fieldProblem('invalid-value', '/input_shape', detail);
  }
  if (fixedFeatures !== undefined) return [null, fixedFeatures];
  if (!input.weights) return undefined;
  const shapes = Object.fromEntries(Object.entries(input.weights).map(([name, { shape }]) => [name, shape]));
  const features = definition.featuresOf(shapes);
  if (features !== undefined) return [null, features];
  const names = listed(Object.keys(shapes)) || 'none';
  const detail = `The weights (${names}) do not determine the input shape of ${className}. Send input_shape too.`;
  throw fieldProblem('invalid-value', '/weights', detail);
}

/** @throws {Problem} invalid-value if the request and the network have different shapes */
function requireInputShape(own: readonly (number | null)[], { input_shape }: NewCell): readonly (number | null)[] {
  if (
    !input_shape ||
    (input_shape.length === own.length && input_shape.every((extent, k) => extent === own[k] || k === 0))
  )
    return own;
  const detail = `input_shape ${formatShape(input_shape)} contradicts the config, whose input shape is ${formatShape(own)}. Leave it out.`;
  throw fieldProblem('invalid-value', '/input_shape', detail);
}

function givenWeights(
  context: Pick<Context, 'ops'>,
  definition: CellDefinition,
  inputShape: readonly (number | null)[],
  weights: NonNullable<NewCell['weights']>,
): Promise<Weights> {
  const specs = definition.variables(inputShape.at(-1) ?? 0, Object.keys(weights));
  return tensorsOf(context, specs, definition.variableDtype, weights);
}
