/** The first bytes of each format. A reader may still refuse a file that passes. */

const HDF5_SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
const ZIP_SIGNATURE = Buffer.from('PK\x03\x04', 'latin1');
/** The length of a zip entry's header, before its name. */
const ZIP_HEADER_BYTES = 30;
const KERAS_MEMBERS = ['metadata.json', 'config.json', 'model.weights.h5'];
const MAX_SAFETENSORS_HEADER = 2 ** 32;
/** Protocol 2, then the magic number of torch.serialization. */
const OLD_PICKLE = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
/** The first field of a model: ir_version, a varint. */
const ONNX_TAG = 0x08;

export function isHdf5(bytes: Uint8Array): boolean {
  return startsWith(bytes, HDF5_SIGNATURE);
}

export function isKeras(bytes: Uint8Array): boolean {
  return KERAS_MEMBERS.includes(firstMember(bytes) ?? '');
}

export function isNpz(bytes: Uint8Array): boolean {
  return firstMember(bytes)?.endsWith('.npy') === true;
}

/** A pickle in a zip archive, or a bare one as PyTorch before 1.6 wrote it. */
export function isPytorch(bytes: Uint8Array): boolean {
  return firstMember(bytes)?.endsWith('/data.pkl') === true || startsWith(bytes, OLD_PICKLE);
}

/** A header length, then the JSON header. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true) < MAX_SAFETENSORS_HEADER;
}

export function isOnnx(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === ONNX_TAG && bytes[1] < 0x80;
}

/** The name of the first member of a zip archive. */
function firstMember(bytes: Uint8Array): string | undefined {
  if (!startsWith(bytes, ZIP_SIGNATURE) || bytes.length < ZIP_HEADER_BYTES) return undefined;
  const length = bytes[26] + 256 * bytes[27];
  return Buffer.from(bytes.subarray(ZIP_HEADER_BYTES, ZIP_HEADER_BYTES + length)).toString('utf8');
}

function startsWith(bytes: Uint8Array, signature: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, signature.length), signature) === 0;
}
