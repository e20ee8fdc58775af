import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem, Problem } from '../../domain/problems.ts';
import { own, python } from '../place.ts';
import { CELL_CLASSES, LAYER_CLASSES, SEQUENCE_FIELDS } from './cell-classes.ts';
import { type FieldOptions, missing, readFields, refuseUnknownKeys } from './fields.ts';
import { parseHead, serializeHead } from './layer-head.ts';
import { type ParsedBase, type ParsedCell, parseCell } from './parse-cell.ts';
import { type ParsedCellLayer, parseCellLayer, type SequenceOptions, sequenceOptions } from './parse-layer.ts';
import { type UnwrappedObject, unwrapSerialized } from './serialized.ts';

/** StackedRNNCells: each cell's output is the next one's input. */
export interface ParsedStack extends ParsedBase {
  readonly kind: 'stack';
  readonly className: 'StackedRNNCells';
  readonly cells: readonly (ParsedCell | ParsedStack)[];
}

/** RNN: a layer around any cell. */
export interface ParsedRnn extends ParsedBase, SequenceOptions {
  readonly kind: 'layer';
  readonly className: 'RNN';
  readonly cell: ParsedCell | ParsedStack;
}

/** A layer that runs over a sequence in one direction. */
export type ParsedLayer = ParsedCellLayer | ParsedRnn;

/** Counts the cells of one config while it is parsed, up to a limit. */
export interface CellBudget {
  cells: number;
  readonly maxCells: number;
}

const MAX_NESTED_STACKS = 8;
const CELL_NAMES: readonly string[] = [...CELL_CLASSES, 'StackedRNNCells'];
const LAYER_NAMES: readonly string[] = [...LAYER_CLASSES, 'RNN'];

/**
 * The config of StackedRNNCells.
 * @throws {Problem} invalid-request, invalid-config, limit-exceeded
 */
export function parseStack(
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
  depth = 0,
): ParsedStack {
  const className = 'StackedRNNCells';
  const { head: named, rest } = parseHead(className, config, pointer, options.autoName);
  refuseUnknownKeys(className, ['cells'], rest, pointer);
  const sent = own(rest, 'cells');
  const expected = 'a list of serialized cells';
  if (sent === undefined) throw missing(className, 'cells', expected, pointer);
  const at = child(pointer, 'cells');
  if (!isArray(sent)) throw fieldProblem('invalid-request', at, `\`cells\` is ${quote(sent)}; send ${expected}.`);
  if (sent.length === 0)
    throw fieldProblem('invalid-config', at, `\`cells\` is empty; ${className} needs at least one cell.`);
  if (depth >= MAX_NESTED_STACKS) {
    throw fieldProblem('limit-exceeded', pointer, `${className} are nested more than ${MAX_NESTED_STACKS} deep.`);
  }
  const parsed = sent.map((cell, index) => {
    const refusal = `All cells must have a \`call\` method. Received cell without a \`call\` method: ${python(cell)}`;
    const place = child(at, index);
    return parseCellObject(unwrapAs(CELL_NAMES, cell, place, refusal), place, options, budget, depth + 1);
  });
  const head = named();
  const cells = parsed.map(({ serialized }) => serialized);
  return {
    kind: 'stack',
    className,
    ...head,
    config: { ...serializeHead(head), cells },
    cells: parsed.map(({ cell }) => cell),
  };
}

/**
 * The config of RNN. A list of cells stands for StackedRNNCells.
 * @throws {Problem} invalid-request, invalid-config, limit-exceeded
 */
export function parseRnn(config: JsonObject, pointer: string, options: FieldOptions, budget: CellBudget): ParsedRnn {
  const className = 'RNN';
  const { head: named, rest } = parseHead(className, config, pointer, options.autoName);
  const { cell: _, ...flags } = rest;
  refuseUnknownKeys(className, [...Object.keys(SEQUENCE_FIELDS), 'cell'], rest, pointer);
  const set = readFields(className, SEQUENCE_FIELDS, flags, pointer, options);
  const sent = own(rest, 'cell');
  if (sent === undefined) throw missing(className, 'cell', 'a serialized cell', pointer);
  const at = child(pointer, 'cell');
  const refusal = `Argument \`cell\` should have a \`call\` method. Received: cell=${python(sent)}`;
  const { cell, serialized } = isArray(sent)
    ? stackOfList(sent, at, options, budget)
    : parseCellObject(unwrapAs(CELL_NAMES, sent, at, refusal), at, options, budget, 0);
  const head = named();
  return {
    kind: 'layer',
    className,
    ...head,
    config: { ...serializeHead(head), ...set.print(SEQUENCE_FIELDS), cell: serialized },
    ...sequenceOptions(set),
    cell,
  };
}

interface ParsedCellObject {
  readonly cell: ParsedCell | ParsedStack;
  readonly serialized: JsonObject;
}

function stackOfList(
  cells: readonly Json[],
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
): ParsedCellObject {
  const cell = relocate(() => parseStack({ cells }, pointer, options, budget), child(pointer, 'cells'), pointer);
  return { cell, serialized: wrap({ className: cell.className, config: cell.config }) };
}

/** The list itself is what was sent: pointers into the stack made of it lead to the list. */
function relocate<Result>(work: () => Result, from: string, to: string): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const errors = error.errors.map(({ pointer, detail }) => {
      return { pointer: pointer.startsWith(from) ? to + pointer.slice(from.length) : pointer, detail };
    });
    throw new Problem(error.code, error.message, { errors });
  }
}

function parseCellObject(
  unwrapped: UnwrappedObject,
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
  depth: number,
): ParsedCellObject {
  const { className, config } = unwrapped;
  const at = child(pointer, 'config');
  const cellClass = CELL_CLASSES.find((name) => name === className);
  if (cellClass === undefined) {
    const stack = parseStack(config, at, options, budget, depth);
    return { cell: stack, serialized: wrap(unwrapped, stack.config) };
  }
  budget.cells += 1;
  if (budget.cells > budget.maxCells) {
    throw fieldProblem('limit-exceeded', pointer, `The configuration has more than ${budget.maxCells} cells.`);
  }
  const cell = parseCell(cellClass, config, at, options);
  return { cell, serialized: wrap(unwrapped, cell.config) };
}

export interface ParsedLayerObject {
  readonly layer: ParsedLayer;
  readonly unwrapped: UnwrappedObject;
}

/** A serialized SimpleRNN, GRU, LSTM or RNN inside another layer. */
export function parseLayerObject(
  value: Json,
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
  refusal: string,
): ParsedLayerObject {
  const unwrapped = unwrapAs(LAYER_NAMES, value, pointer, refusal);
  const { className, config } = unwrapped;
  const at = child(pointer, 'config');
  const layerClass = LAYER_CLASSES.find((name) => name === className);
  const layer = layerClass ? parseCellLayer(layerClass, config, at, options) : parseRnn(config, at, options, budget);
  return { layer, unwrapped };
}

function unwrapAs(names: readonly string[], value: Json, pointer: string, refusal: string): UnwrappedObject {
  if (!isJsonObject(value)) {
    const form = `Send {"module": "keras.layers", "class_name", "config"}; class_name one of: ${names.join(', ')}.`;
    throw fieldProblem('invalid-request', pointer, `${refusal}. ${form}`);
  }
  const unwrapped = unwrapSerialized(value, pointer);
  if (names.includes(unwrapped.className)) return unwrapped;
  const text = `A ${unwrapped.className} is not allowed here. Send one of: ${names.join(', ')}.`;
  throw fieldProblem('invalid-config', child(pointer, 'class_name'), text);
}

/** A layer as it is serialized inside another one's config. */
export function wrap({ className, config, buildConfig }: UnwrappedObject, printed: JsonObject = config): JsonObject {
  const object = { module: 'keras.layers', class_name: className, config: printed, registered_name: null };
  return buildConfig === undefined ? object : { ...object, build_config: buildConfig };
}
