import { FRAMEWORKS } from '../domain/cell-definition.ts';
import type { Limits } from '../domain/limits.ts';
import { HDF5, KERAS, NPZ, ONNX, SAFETENSORS } from '../domain/media-types.ts';
import type { Clock } from '../domain/ports.ts';
import type { WeightFileFormat } from '../services/cells/weight-files.ts';
import { createHdf5 } from './hdf5.ts';
import { readKeras, readKerasH5, writeKeras, writeKerasLegacy, writeKerasWeights } from './keras.ts';
import { arrangeCells, kerasLayer, layerOf, legacyLayerOf } from './layers/keras.ts';
import { layersOfNpz, layersOfSafetensors, metadataOf } from './layers/named-tensors.ts';
import { nodeOf, onnxLayer } from './layers/onnx.ts';
import { readNpz, writeNpz } from './npz.ts';
import { readOnnx } from './onnx.ts';
import { writeOnnx } from './onnx-writer.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits } from './weight-file.ts';

/** Every format of weight files, the preferred ones first. `clock` dates what is written. */
export function createWeightFiles(limits: Limits, clock: Clock): readonly WeightFileFormat[] {
  const bounds = fileLimitsOf(limits);
  const hdf5 = createHdf5();
  const ofKeras = { frameworks: ['keras'], arrange: arrangeCells } as const;
  const readH5 = async (bytes: Uint8Array) => (await readKerasH5(hdf5, bytes, bounds)).map(kerasLayer);
  return [
    {
      mediaType: SAFETENSORS,
      extension: '.safetensors',
      frameworks: FRAMEWORKS,
      read: async (bytes) => layersOfSafetensors(readSafetensors(bytes, bounds)),
      write: async (cell) => writeSafetensors(cell.weights, metadataOf(cell)),
    },
    {
      mediaType: NPZ,
      extension: '.npz',
      frameworks: FRAMEWORKS,
      read: async (bytes) => layersOfNpz(await readNpz(bytes, bounds)),
      write: async ({ weights }) => writeNpz(weights),
    },
    {
      mediaType: HDF5,
      extension: '.weights.h5',
      ...ofKeras,
      read: readH5,
      write: async (cell) => writeKerasWeights(hdf5, cell.id, [layerOf(cell)]),
    },
    {
      mediaType: HDF5,
      profile: 'legacy',
      extension: '.h5',
      ...ofKeras,
      read: readH5,
      write: async (cell) => writeKerasLegacy(hdf5, cell.id, [legacyLayerOf(cell)]),
    },
    {
      mediaType: KERAS,
      extension: '.keras',
      ...ofKeras,
      read: async (bytes) => (await readKeras(hdf5, bytes, bounds)).map(kerasLayer),
      write: async (cell) => writeKeras(hdf5, cell.id, [layerOf(cell)], new Date(clock())),
    },
    {
      mediaType: ONNX,
      extension: '.onnx',
      frameworks: ['onnx'],
      read: async (bytes) => readOnnx(bytes, bounds).map(onnxLayer),
      write: async (cell) => writeOnnx(nodeOf(cell)),
    },
  ];
}

/** A file, and all that it unpacks to, may be as large as a checkpoint. */
function fileLimitsOf({ maxCheckpointBytes }: Limits): FileLimits {
  return { ...DEFAULT_FILE_LIMITS, maxFileBytes: maxCheckpointBytes, maxUnpackedBytes: maxCheckpointBytes };
}
