import type { Bytes } from '../../domain/bytes.ts';
import type { Framework } from '../../domain/cell-definition.ts';
import type { ExpectedVersion } from '../../domain/conditions.ts';
import {
  type FileLayer,
  type Imported,
  TOP,
  type WeightFile,
  type WeightFileFormat,
  type WrittenFormat,
} from '../../domain/files.ts';
import type { JsonObject } from '../../domain/json.ts';
import { GENERIC_FILE_TYPES, ONNX } from '../../domain/media-types.ts';
import type { Precision } from '../../domain/ports.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import type { LayerOptions } from '../../frameworks/file-options.ts';
import { cellOfLayer } from '../../frameworks/infer-cell.ts';
import { networkClass } from '../../frameworks/keras/networks/network-config.ts';
import { GRAPH_CLASS } from '../../frameworks/onnx/graph-definition.ts';
import { networkOfChain } from '../../frameworks/pytorch/chain.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { type Decide, type Decision, decideAnd } from '../changes/decision.ts';
import type { Context } from '../context.ts';
import type { Cell, CellRecord } from './cell-record.ts';
import { changeWeights, readBuiltCell, requireBuilt } from './cell-weights.ts';
import type { NewCell } from './create-cell.ts';
import { listed, type PickedLayer, pickLayer, withSkipped } from './pick-layer.ts';

/** A file as a request sends it. */
export interface SentFile {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** Files sent with it, by their names. */
  readonly beside?: ReadonlyMap<string, Uint8Array>;
  /** The layer to take of several. */
  readonly layer?: string;
}

/** A cell made of, or filled from, a file. */
export interface ImportedCell {
  readonly record: CellRecord;
  readonly imported?: Imported;
}

export interface ReadLayer extends PickedLayer {
  readonly format: WeightFileFormat;
  /** The options that still have to be applied to the layer's config. */
  readonly options: LayerOptions;
}

/**
 * The layer or network for a new cell; with a chain in `options`, the network of its layers.
 * @throws {Problem} as formatOf, the format's `read`, pickLayer and networkOfChain
 */
export async function readLayer(
  formats: readonly WeightFileFormat[],
  sent: SentFile,
  { className, config }: LayerOptions,
): Promise<ReadLayer> {
  const format = formatOf(formats, sent);
  const file = await format.read(sent.bytes, sent.beside);
  const options = { ...file.options, ...config };
  if (!Object.hasOwn(options, 'chain')) {
    const own = className === undefined ? {} : { className };
    return { format, ...pickLayer(file, sent.layer, true), options: { ...own, config: options } };
  }
  const other = className !== undefined ? 'class_name' : sent.layer !== undefined ? 'layer' : undefined;
  if (other === undefined) return { format, ...chainLayers(file, options), options: { config: {} } };
  const detail = `config.chain makes a network of several layers. Leave out ?${other}=, which is for one.`;
  throw fieldProblem('invalid-value', `?${other}`, detail);
}

/** The weights that fill an existing cell. @throws {Problem} as readLayer */
export async function readLayerFor(
  record: CellRecord,
  formats: readonly WeightFileFormat[],
  file: SentFile,
  options: LayerOptions,
): Promise<ReadLayer> {
  if (Object.hasOwn(options.config, 'chain')) return readLayer(formats, file, options);
  const format = formatOf(formats, file);
  const network = isNetwork(record);
  if (network && format.readNamed && file.layer === undefined) {
    return { format, layer: { name: TOP, framework: 'keras', weights: await format.readNamed(file.bytes) }, options };
  }
  const { class_name: className, config } = record;
  const whole =
    network && file.layer === undefined ? await format.readFor?.(file.bytes, { className, config }) : undefined;
  if (whole) return { format, ...withSkipped(whole.network, whole.skipped), options };
  return { format, ...pickLayer(await format.read(file.bytes, file.beside), file.layer, network), options };
}

/** @throws {Problem} as networkOfChain; invalid-value if the file itself tells its layers */
function chainLayers({ named, skipped }: WeightFile, options: JsonObject): PickedLayer {
  if (!named) {
    const detail =
      'config.chain is for named tensors, as a state_dict of PyTorch has them. This file tells its layers itself. Leave config.chain out.';
    throw fieldProblem('invalid-value', '?config.chain', detail);
  }
  const { config, weights, chain, skipped: left } = networkOfChain(named, options);
  // A layer that was skipped because it is not recurrent may be in the chain.
  const others = [...left, ...skipped.filter(({ name }) => !named.has(name))];
  const layer: FileLayer = { name: TOP, framework: 'keras', className: 'Sequential', config, weights };
  return others.length === 0 ? { layer } : { layer, imported: { layers: chain, skipped: listed(others) } };
}

/** @throws {Problem} unsupported-media-type */
function formatOf(formats: readonly WeightFileFormat[], file: SentFile): WeightFileFormat {
  const generic: readonly string[] = GENERIC_FILE_TYPES;
  const format = formats.find(({ mediaType, recognises }) =>
    generic.includes(file.mediaType) ? recognises(file.bytes) : mediaType === file.mediaType,
  );
  if (format) return format;
  const taken = [...new Set(formats.map(({ mediaType }) => mediaType))].join(', ');
  const detail = `This body of type '${file.mediaType}' does not start like a weight file. Send one of ${taken}.`;
  throw new Problem('unsupported-media-type', detail);
}

/**
 * The class and config of a layer: from its own config, or from its weights, with the options applied.
 * @throws {Problem} invalid-file, ambiguous-file
 */
export async function newCellOf({ layer, options }: ReadLayer, precision: Precision): Promise<NewCell> {
  const { className: class_name, config, weights } = await inTurns(cellOfLayer(layer, options));
  const given = weights.size > 0 ? Object.fromEntries(weights) : null;
  return { framework: layer.framework, class_name, config, precision, weights: given };
}

/** Whether a cell is a whole network of Keras. */
function isNetwork({ framework, class_name }: CellRecord): boolean {
  return framework === 'keras' && networkClass(class_name) !== undefined;
}

/** The same decision; its result also tells what was taken from the file. */
export function importing({ imported }: Pick<ReadLayer, 'imported'>, decide: Decide<CellRecord>): Decide<ImportedCell> {
  return decideAnd(decide, (record) => ({ record, imported }));
}

/** A bad configuration in a file is not a malformed request: it becomes invalid-config. */
export async function asFileProblem<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'invalid-request') throw error;
    throw new Problem('invalid-config', error.message, { errors: error.errors, cause: error });
  }
}

/** Decides on new values of all weights at once, from a file. @throws {Problem} as putWeights */
export async function putWeightsFile(
  context: Pick<Context, 'store' | 'clock' | 'cells' | 'ops'>,
  id: string,
  expected: ExpectedVersion | undefined,
  { format, layer }: ReadLayer,
): Promise<Decision<CellRecord>> {
  const cell = await readBuiltCell(context.cells, id);
  const isWhole = isNetwork(cell.record) && layer.config !== undefined;
  const weights = isWhole
    ? (await inTurns(cellOfLayer(layer))).weights
    : (format.arrange?.(layer, cell.record.config) ?? layer.weights);
  return changeWeights(context, cell, expected, Object.fromEntries(weights));
}

/** The formats that can hold a cell, by the order in which they are preferred. */
export function formatsFor(
  formats: readonly WeightFileFormat[],
  { framework, class_name }: CellRecord,
): WrittenFormat[] {
  const isWritten = (format: WeightFileFormat): format is WrittenFormat => format.write !== undefined;
  if (class_name === GRAPH_CLASS) return formats.filter(isWritten).filter(({ mediaType }) => mediaType === ONNX);
  return formats.filter(isWritten).filter(({ frameworks }) => (frameworks as readonly string[]).includes(framework));
}

/** A cell's weights, and its configuration if the format can hold it. @throws {Problem} not-acceptable */
export function writeCell(format: WrittenFormat, cell: Cell): Promise<Bytes> {
  requireBuilt(cell);
  if (cell.graph) return Promise.resolve(cell.graph);
  const { record, weights } = cell;
  const { id: name, class_name: className, config } = record;
  const ordered = new Map(record.variables.map(({ name }) => [name, weights[name]]));
  const frozen = new Set(record.variables.filter(({ trainable }) => !trainable).map(({ name }) => name));
  return format.write({ name, framework: record.framework as Framework, className, config, weights: ordered, frozen });
}
