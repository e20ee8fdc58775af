import { z } from 'zod';
import { HDF5, KERAS, NPZ, ONNX, SAFETENSORS, type WeightFileType } from '../src/domain/media-types.ts';
import { createCellBody, precision, weightsBody, weightsReply } from './cell.ts';
import { idOf } from './common.ts';

const DESCRIPTIONS: Readonly<Record<WeightFileType, string>> = {
  [SAFETENSORS]: 'Named tensors; what this service writes has the configuration in its metadata.',
  [NPZ]: 'Named arrays of NumPy, as numpy.savez and numpy.savez_compressed write them.',
  [HDF5]: "Keras' `.weights.h5`, or its legacy `.h5` (`application/x-hdf5; profile=legacy`).",
  [KERAS]: "A whole model in Keras' `.keras` format.",
  [ONNX]: 'A model with RNN, GRU or LSTM nodes.',
};

function file(contentMediaType: WeightFileType) {
  return z
    .instanceof(Uint8Array)
    .meta({ type: 'string', contentMediaType, description: DESCRIPTIONS[contentMediaType] });
}

const files = [file(SAFETENSORS), file(NPZ), file(HDF5), file(KERAS), file(ONNX)] as const;

/** JSON comes first, so that a body that is not a file gets the errors of the JSON form. */
export const createCellBodies = z.union([createCellBody, ...files]);
export const weightsBodies = z.union([weightsBody, ...files]);
export const weightsReplies = z.union([weightsReply, ...files]);

const layer = z
  .string()
  .max(1000)
  .optional()
  .describe('Of a file with several layers: the one to take. `.` is the one whose tensors have no path.');

export const createCellQuery = z.strictObject({
  id: idOf('the cell that a file becomes; the service makes one where it is left out').optional(),
  layer,
  precision: precision.optional().describe('Of the cell that a file becomes: what `precision` is in a JSON body.'),
});

export const putWeightsQuery = z.strictObject({ layer });
