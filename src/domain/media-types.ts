/** Media types of the files that weights come in as, and go out as. */
export const SAFETENSORS = 'application/x-safetensors';
export const NPZ = 'application/x-npz';
export const HDF5 = 'application/x-hdf5';
export const KERAS = 'application/x-keras';
export const ONNX = 'application/x-onnx';
/** torch.save's; read only. */
export const PYTORCH = 'application/x-pytorch';

/** Types that do not say which of these a file is: its first bytes tell. */
export const ZIP = 'application/zip';
export const OCTET_STREAM = 'application/octet-stream';
export const GENERIC_FILE_TYPES = [ZIP, OCTET_STREAM] as const;
/** A file together with other files. */
export const MULTIPART = 'multipart/form-data';

/** The types that are also written. */
export const WEIGHT_FILE_TYPES = [SAFETENSORS, NPZ, HDF5, KERAS, ONNX] as const;

/** Every type that a body with a file of weights may have. */
export const SENT_FILE_TYPES = [...WEIGHT_FILE_TYPES, PYTORCH, ...GENERIC_FILE_TYPES, MULTIPART] as const;
export type SentFileType = (typeof SENT_FILE_TYPES)[number];

/** A JSON value a line; the second name is the older one. */
export const JSON_LINES = ['application/jsonl', 'application/x-ndjson'] as const;
