import type { FileLayer, WholeLayer } from '../../domain/files.ts';
import type { JsonObject } from '../../domain/json.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import type { Hdf5 } from '../hdf5/hdf5.ts';
import { parseObject } from '../strict-json.ts';
import { readZip, writeZip } from '../zip.ts';
import { isLegacy, layersOfLegacy, treeOfLegacy } from './legacy.ts';
import { asLayer, configuredLayers, KERAS_VERSION, orderCells, sequentialModel } from './model.ts';
import { layersOfWeights, type StoredLayer, withUniqueNames } from './weights-reader.ts';
import { treeOfWeights } from './weights-writer.ts';

const FORMAT = '.keras';
const [METADATA, CONFIG, WEIGHTS] = ['metadata.json', 'config.json', 'model.weights.h5'];

/**
 * The recurrent layers of a `.weights.h5` (weights only) or a legacy `.h5` (with configurations, if of a whole model).
 * @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`.
 */
export async function readKerasH5(
  hdf5: Hdf5,
  bytes: Uint8Array,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): Promise<FileLayer[]> {
  const tree = await hdf5.read(bytes, limits);
  return isLegacy(tree) ? layersOfLegacy(tree) : layersOfWeights(tree).map(withoutPath);
}

/**
 * The recurrent layers of a `.keras` archive with their configurations; one that was saved before it was built has no
 * weights. A layer of the weights file that the configuration does not have comes without one.
 * @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`.
 */
export async function readKeras(
  hdf5: Hdf5,
  bytes: Uint8Array,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): Promise<FileLayer[]> {
  const members = await readZip(FORMAT, bytes, limits);
  const weights = members.get(WEIGHTS);
  if (!weights) throw invalidFile(FORMAT, `it has no member ${WEIGHTS}.`);
  const configured = configuredLayers(readConfig(members.get(CONFIG), limits));
  const tree = await hdf5.read(weights, limits);
  const stored =
    [...tree.groups.keys()].some((group) => /(^|\/)cell$/.test(group)) || configured.length === 0
      ? layersOfWeights(tree)
      : [];
  const byPath = new Map(stored.map((layer) => [layer.path, layer]));
  const known = configured.map((layer) => {
    const weights = byPath.get(layer.path)?.weights ?? new Map();
    return { ...layer, framework: 'keras' as const, weights: orderCells(weights, layer.config) };
  });
  const taken = new Set(configured.map(({ path }) => path));
  const rest = stored.filter(({ path }) => !taken.has(path));
  return withUniqueNames([...known, ...rest]).map(withoutPath);
}

/** A `.weights.h5` for a model of these layers, in this order; see `asLayer` for cells. */
export function writeKerasWeights(hdf5: Hdf5, modelName: string, layers: readonly WholeLayer[]): Promise<Uint8Array> {
  return hdf5.write(treeOfWeights(modelName, layers));
}

/** A legacy `.h5` of a Sequential model of these layers, each with its configuration. */
export function writeKerasLegacy(hdf5: Hdf5, modelName: string, layers: readonly WholeLayer[]): Promise<Uint8Array> {
  return hdf5.write(treeOfLegacy(modelName, layers));
}

/** A `.keras` of a Sequential model of these layers, each with its configuration. `savedAt` goes into its metadata. */
export async function writeKeras(
  hdf5: Hdf5,
  modelName: string,
  layers: readonly WholeLayer[],
  savedAt: Date,
): Promise<Uint8Array> {
  const [day, time] = savedAt.toISOString().slice(0, 19).split('T');
  const json = (value: JsonObject) => new TextEncoder().encode(JSON.stringify(value));
  return writeZip(
    new Map([
      [METADATA, json({ keras_version: KERAS_VERSION, date_saved: `${day}@${time}` })],
      [CONFIG, json(sequentialModel(modelName, layers.map(asLayer)))],
      [WEIGHTS, await writeKerasWeights(hdf5, modelName, layers)],
    ]),
  );
}

function readConfig(bytes: Uint8Array | undefined, limits: FileLimits): JsonObject {
  if (!bytes) throw invalidFile(FORMAT, `it has no member ${CONFIG}.`);
  requireWithin(FORMAT, `bytes in ${CONFIG}`, bytes.length, limits.maxHeaderBytes);
  return parseObject(FORMAT, `its member ${CONFIG}`, bytes);
}

function withoutPath({ path: _, ...layer }: StoredLayer): FileLayer {
  return layer;
}
