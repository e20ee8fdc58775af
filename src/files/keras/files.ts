import type { Bytes } from '../../domain/bytes.ts';
import { type FileLayer, type NamedTensors, TOP, type WeightFile, type WholeLayer } from '../../domain/files.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import type { Hdf5 } from '../hdf5/hdf5.ts';
import type { HdfTree } from '../hdf5/tree.ts';
import { parseObject } from '../strict-json.ts';
import { readZip } from '../zip.ts';
import { zipSlices } from '../zip-writer.ts';
import {
  type ConfiguredLayer,
  configuredLayers,
  isRecurrentClass,
  networkOf,
  skippedLayer,
  weightsOfAll,
} from './configured-layers.ts';
import { requireLegacyNames, requireWritable } from './layers.ts';
import { isLegacy, readLegacy } from './legacy-reader.ts';
import { treeOfLegacy, treeOfLegacyNetwork } from './legacy-writer.ts';
import { asLayer, KERAS_VERSION, orderCells, sequentialModel } from './model.ts';
import { networkModel } from './network-model.ts';
import {
  isWithin,
  layersOfWeights,
  otherGroups,
  type StoredLayer,
  storedLayers,
  variablesAt,
  withUniqueNames,
} from './weights-reader.ts';
import { treeOfNetwork, treeOfWeights } from './weights-writer.ts';

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
): Promise<WeightFile> {
  const tree = await hdf5.read(bytes, limits);
  if (isLegacy(tree)) return readLegacy(tree);
  const stored = layersOfWeights(tree);
  const unsaid = 'a .weights.h5 file holds no configuration';
  const layers = stored.map((layer): FileLayer => ({ ...withoutPath(layer), unsaid }));
  return { layers, skipped: otherGroups(tree, pathsOf(stored)) };
}

/**
 * The weights in a `.weights.h5` for a network of this config, which such a file does not have. Undefined for a legacy `.h5`.
 * @throws {Problem} as readKerasH5
 */
export async function readKerasWeightsFor(
  hdf5: Hdf5,
  bytes: Uint8Array,
  { className, config }: Pick<WholeLayer, 'className' | 'config'>,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): Promise<(Pick<WeightFile, 'skipped'> & { readonly network: FileLayer }) | undefined> {
  const tree = await hdf5.read(bytes, limits);
  if (isLegacy(tree)) return undefined;
  const configured = configuredLayers({ class_name: className, config });
  const weights = weightsOfAll(configured, weightsIn(tree, storedLayers(tree)));
  const network: FileLayer = { name: TOP, framework: 'keras', className, config, weights };
  return { network, skipped: otherGroups(tree, pathsOf(configured)) };
}

/** What a tree of Keras 3 has for a configured layer. */
function weightsIn(tree: HdfTree, stored: readonly StoredLayer[]): (layer: ConfiguredLayer) => NamedTensors {
  return (layer) =>
    isRecurrentClass(layer)
      ? configuredLayer(layer, stored, undefined, false).weights
      : variablesAt(tree, `${layer.path}/vars`);
}

/**
 * The recurrent layers of a `.keras` archive with their configurations; one that was saved before it was built has no
 * weights. A layer whose configuration the archive does not have comes without one, and says why.
 * @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`.
 */
export async function readKeras(
  hdf5: Hdf5,
  bytes: Uint8Array,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): Promise<WeightFile> {
  const members = await readZip(FORMAT, bytes, limits);
  const weights = members.get(WEIGHTS);
  if (!weights) throw invalidFile(FORMAT, `it has no member ${WEIGHTS}.`);
  const model = readJson(members, CONFIG, limits);
  const configured = configuredLayers(model);
  const { keras_version: version } = members.has(METADATA) ? readJson(members, METADATA, limits) : {};
  const tree = await hdf5.read(weights, limits);
  const stored = storedLayers(tree);
  const layers = [
    ...configured
      .filter(isRecurrentClass)
      .map((layer) => configuredLayer(layer, stored, version, tree.datasets.size > 0)),
    ...stored
      .filter(({ path }) => !configured.some((one) => isRecurrentClass(one) && one.path === path))
      .map((layer) => foreignLayer(layer, configured)),
  ];
  // The layers of a model with a custom class do not tell what it computes.
  const known = layers.every(({ unsaid }) => unsaid === undefined);
  const network = known ? networkOf(model, configured, weightsIn(tree, stored)) : undefined;
  if (layers.length === 0 && !network) throw invalidFile(FORMAT, 'it holds no recurrent layer or cell.');
  const others = configured.filter(
    (one) => !isRecurrentClass(one) && !stored.some(({ path }) => isWithin(path, one.path)),
  );
  return {
    ...(network ? { network } : {}),
    layers: withUniqueNames(layers, ({ path }) => path).map(withoutPath),
    skipped: [...others.map(skippedLayer), ...otherGroups(tree, [...pathsOf(configured), ...pathsOf(stored)])],
  };
}

function configuredLayer(
  { path, name, className, config }: ConfiguredLayer,
  stored: readonly StoredLayer[],
  version: Json | undefined,
  isBuilt: boolean,
): StoredLayer {
  const weights = stored.find((one) => one.path === path)?.weights ?? new Map();
  const written = typeof version === 'string' ? { version } : {};
  const missing = isBuilt && weights.size === 0 ? { missing: 'kernel' } : {};
  const known = { path, name, framework: 'keras', className, config } as const;
  return { ...known, weights: orderCells(weights, config), ...written, ...missing };
}

/** A layer that is not one of Keras' recurrent classes in the configuration. */
function foreignLayer(layer: StoredLayer, configured: readonly ConfiguredLayer[]): StoredLayer {
  const owner = configured.find(({ path }) => isWithin(layer.path, path));
  if (!owner) return { ...layer, unsaid: 'the configuration of the model does not name it' };
  const { name, className, config, path } = owner;
  if (path !== layer.path) {
    return { ...layer, unsaid: `it is inside '${name}', and only the class '${className}' knows how it is configured` };
  }
  return { ...layer, name, config, unsaid: `'${className}' is not a class of Keras` };
}

/** A `.weights.h5` for a model of these layers, in this order; see `asLayer` for cells. */
export function writeKerasWeights(hdf5: Hdf5, modelName: string, layers: readonly WholeLayer[]): Promise<Uint8Array> {
  return hdf5.write(treeOfWeights(modelName, layers));
}

/** A `.weights.h5` of a whole network. @throws {Problem} not-acceptable where Keras 3 does not have all that is in it */
export async function writeKerasNetworkWeights(hdf5: Hdf5, network: WholeLayer): Promise<Uint8Array> {
  requireWritable(network);
  return hdf5.write(treeOfNetwork(network));
}

/** A legacy `.h5` of a Sequential model of these layers, each with its configuration. */
export function writeKerasLegacy(hdf5: Hdf5, modelName: string, layers: readonly WholeLayer[]): Promise<Uint8Array> {
  return hdf5.write(treeOfLegacy(modelName, layers));
}

/** A legacy `.h5` of a whole network. @throws {Problem} not-acceptable if Keras 3 lacks a part of it */
export async function writeKerasLegacyNetwork(hdf5: Hdf5, network: WholeLayer): Promise<Uint8Array> {
  requireWritable(network);
  const layers = configuredLayers({ class_name: network.className, config: network.config });
  for (const { names, config } of layers) requireLegacyNames(network.name, config, names);
  return hdf5.write(treeOfLegacyNetwork(network, layers));
}

/** A `.keras` of a Sequential model of these layers, each with its configuration. `savedAt` goes into its metadata. */
export function writeKeras(
  hdf5: Hdf5,
  modelName: string,
  layers: readonly WholeLayer[],
  savedAt: Date,
): Promise<Bytes> {
  return writeArchive(hdf5, sequentialModel(modelName, layers.map(asLayer)), treeOfWeights(modelName, layers), savedAt);
}

/** A `.keras` of a whole network. @throws {Problem} not-acceptable if Keras 3 lacks a part of it */
export async function writeKerasNetwork(hdf5: Hdf5, network: WholeLayer, savedAt: Date): Promise<Bytes> {
  requireWritable(network);
  return writeArchive(hdf5, networkModel(network), treeOfNetwork(network), savedAt);
}

async function writeArchive(hdf5: Hdf5, model: JsonObject, weights: HdfTree, savedAt: Date): Promise<Bytes> {
  const [day, time] = savedAt.toISOString().slice(0, 19).split('T');
  const json = (value: JsonObject) => new TextEncoder().encode(JSON.stringify(value));
  const members = new Map([
    [METADATA, json({ keras_version: KERAS_VERSION, date_saved: `${day}@${time}` })],
    [CONFIG, json(model)],
    [WEIGHTS, await hdf5.write(weights)],
  ]);
  return inTurns(zipSlices(members));
}

function readJson(members: ReadonlyMap<string, Uint8Array>, name: string, limits: FileLimits): JsonObject {
  const bytes = members.get(name);
  if (!bytes) throw invalidFile(FORMAT, `it has no member ${name}.`);
  requireWithin(FORMAT, `bytes in ${name}`, bytes.length, limits.maxHeaderBytes);
  return parseObject(FORMAT, `its member ${name}`, bytes);
}

function pathsOf(layers: readonly { readonly path: string }[]): string[] {
  return layers.map(({ path }) => path);
}

function withoutPath({ path: _, ...layer }: StoredLayer): FileLayer {
  return layer;
}
