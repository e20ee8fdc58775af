/** What a file of weights is, by the end of its name. */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/\.safetensors$/i, 'application/x-safetensors'],
  [/\.npz$/i, 'application/x-npz'],
  [/\.(h5|hdf5)$/i, 'application/x-hdf5'],
  [/\.keras$/i, 'application/x-keras'],
  [/\.onnx$/i, 'application/x-onnx'],
];

export const ACCEPTED = '.safetensors,.npz,.h5,.hdf5,.keras,.onnx';

export function weightFileType(name: string): string | undefined {
  return TYPES.find(([pattern]) => pattern.test(name))?.[1];
}

/** What a cell's weights can be downloaded as. */
export const DOWNLOADS: readonly { readonly name: string; readonly type: string; readonly ending: string }[] = [
  { name: 'JSON', type: 'application/json', ending: 'json' },
  { name: 'safetensors', type: 'application/x-safetensors', ending: 'safetensors' },
  { name: 'NumPy .npz', type: 'application/x-npz', ending: 'npz' },
  { name: 'Keras .weights.h5', type: 'application/x-hdf5', ending: 'weights.h5' },
  { name: 'Keras .keras', type: 'application/x-keras', ending: 'keras' },
  { name: 'ONNX', type: 'application/x-onnx', ending: 'onnx' },
];

/** Hands bytes to the browser as a file. */
export function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
