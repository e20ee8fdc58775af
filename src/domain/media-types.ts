/** Media types of the files that weights come in and go out as. */
export const SAFETENSORS = 'application/x-safetensors';
export const NPZ = 'application/x-npz';
export const HDF5 = 'application/x-hdf5';
export const KERAS = 'application/x-keras';
export const ONNX = 'application/x-onnx';

export const WEIGHT_FILE_TYPES = [SAFETENSORS, NPZ, HDF5, KERAS, ONNX] as const;
export type WeightFileType = (typeof WEIGHT_FILE_TYPES)[number];

/** A JSON value a line; the second name is the older one. */
export const JSON_LINES = ['application/jsonl', 'application/x-ndjson'] as const;
