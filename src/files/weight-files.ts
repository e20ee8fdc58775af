import { type CurrentCaller, OWN_WORK } from '../domain/caller.ts';
import { FRAMEWORKS } from '../domain/cell-definition.ts';
import type { WeightFileFormat } from '../domain/files.ts';
import type { Limits } from '../domain/limits.ts';
import { HDF5, KERAS, NPZ, ONNX, PYTORCH, SAFETENSORS } from '../domain/media-types.ts';
import type { Clock } from '../domain/ports.ts';
import { inTurns } from '../threads/in-turns.ts';
import { type FileLimits, fileLimitsOf } from './bounds.ts';
import { isHdf5, isKeras, isNpz, isOnnx, isPytorch, isSafetensors } from './first-bytes.ts';
import { createHdf5, type Hdf5 } from './hdf5/hdf5.ts';
import { isNetworkClass } from './keras/configured-layers.ts';
import { arrangeCells, layerOf, legacyLayerOf } from './keras/layers.ts';
import { layersOfNpz, layersOfSafetensors, layersOfStateDict, metadataOf } from './named-layers.ts';
import { createOnnx, type Onnx } from './onnx/onnx.ts';
import { safetensorsBytes, safetensorsSlices } from './safetensors/safetensors.ts';

/** What works on files, where the defaults are not meant. */
export interface FileParts {
  readonly hdf5?: Hdf5 | undefined;
  readonly onnx?: Onnx;
  readonly caller?: CurrentCaller;
}

/** Every format of weight files, the preferred ones first. `clock` dates what is written. Each is loaded at its first use. */
export function createWeightFiles(
  limits: Limits,
  clock: Clock,
  { caller = () => OWN_WORK, hdf5 = createHdf5({ caller }), onnx = createOnnx(limits, caller) }: FileParts = {},
): readonly WeightFileFormat[] {
  const bounds: FileLimits = { ...fileLimitsOf(limits), hold: (bytes) => caller().hold(bytes) };
  const ofKeras = { frameworks: ['keras'], arrange: arrangeCells } as const;
  const keras = () => import('./keras/files.ts');
  const numpy = () => import('./numpy/npz.ts');
  const pytorch = () => import('./pytorch/state-dict.ts');
  // A body is a buffer of its own, and nobody changes it.
  const tensorsOf = (bytes: Uint8Array) => inTurns(safetensorsSlices(bytes, bounds, { views: true }));
  const readH5 = async (bytes: Uint8Array) => (await keras()).readKerasH5(hdf5, bytes, bounds);
  return [
    {
      mediaType: SAFETENSORS,
      extension: '.safetensors',
      frameworks: FRAMEWORKS,
      recognises: isSafetensors,
      read: async (bytes) => layersOfSafetensors(await tensorsOf(bytes)),
      readNamed: async (bytes) => (await tensorsOf(bytes)).tensors,
      write: async (cell) => safetensorsBytes(cell.weights, metadataOf(cell)),
    },
    {
      mediaType: NPZ,
      extension: '.npz',
      frameworks: FRAMEWORKS,
      recognises: isNpz,
      read: async (bytes) => layersOfNpz(await (await numpy()).readNpz(bytes, bounds)),
      readNamed: async (bytes) => (await numpy()).readNpz(bytes, bounds),
      write: async ({ weights }) => inTurns((await numpy()).npzSlices(weights)),
    },
    {
      mediaType: HDF5,
      extension: '.weights.h5',
      ...ofKeras,
      recognises: isHdf5,
      read: readH5,
      readFor: async (bytes, network) => (await keras()).readKerasWeightsFor(hdf5, bytes, network, bounds),
      async write(cell) {
        const { writeKerasNetworkWeights, writeKerasWeights } = await keras();
        return isNetworkClass(cell.className)
          ? writeKerasNetworkWeights(hdf5, cell)
          : writeKerasWeights(hdf5, cell.name, [layerOf(cell)]);
      },
    },
    {
      mediaType: HDF5,
      profile: 'legacy',
      extension: '.h5',
      ...ofKeras,
      recognises: isHdf5,
      read: readH5,
      async write(cell) {
        const { writeKerasLegacy, writeKerasLegacyNetwork } = await keras();
        return isNetworkClass(cell.className)
          ? writeKerasLegacyNetwork(hdf5, cell)
          : writeKerasLegacy(hdf5, cell.name, [legacyLayerOf(cell)]);
      },
    },
    {
      mediaType: KERAS,
      extension: '.keras',
      ...ofKeras,
      recognises: isKeras,
      read: async (bytes) => (await keras()).readKeras(hdf5, bytes, bounds),
      async write(cell) {
        const { writeKeras, writeKerasNetwork } = await keras();
        const date = new Date(clock());
        return isNetworkClass(cell.className)
          ? writeKerasNetwork(hdf5, cell, date)
          : writeKeras(hdf5, cell.name, [layerOf(cell)], date);
      },
    },
    {
      mediaType: ONNX,
      extension: '.onnx',
      frameworks: ['onnx'],
      recognises: isOnnx,
      read: (bytes, beside) => onnx.layers(bytes, beside),
      async write(cell) {
        const [{ writeOnnx }, { nodeOf }] = await Promise.all([import('./onnx/writer.ts'), import('./onnx/layers.ts')]);
        return writeOnnx(nodeOf(cell));
      },
    },
    {
      mediaType: PYTORCH,
      extension: '.pt',
      frameworks: [],
      recognises: isPytorch,
      read: async (bytes) => layersOfStateDict(await (await pytorch()).readStateDict(bytes, bounds)),
      readNamed: async (bytes) => (await (await pytorch()).readStateDict(bytes, bounds)).tensors,
    },
  ];
}
