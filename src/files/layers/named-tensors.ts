import { cellDescription } from '../../../schemas/cell-description.ts';
import { groupByLayer, TOP } from '../../domain/layer-weights.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { FileCell, FileLayer } from '../../services/cells/weight-files.ts';
import type { SafetensorsFile } from '../safetensors.ts';

/** In the metadata of a safetensors file that is one cell: what `cellDescription` takes, as JSON. */
const METADATA_KEY = 'cellstep_cell';
/** Names that a message quotes. */
const MAX_NAMES = 10;

/** @throws {Problem} invalid-file where no tensor is named as a weight of a recurrent cell */
export function layersOfNpz(tensors: ReadonlyMap<string, Tensor>): FileLayer[] {
  return namedLayers('npz', tensors);
}

/** All tensors are the cell's where the metadata describes one. @throws {Problem} invalid-file */
export function layersOfSafetensors({ tensors, metadata }: SafetensorsFile): FileLayer[] {
  if (!Object.hasOwn(metadata, METADATA_KEY)) return namedLayers('safetensors', tensors);
  const { framework, class_name: className, config } = readDescription(metadata[METADATA_KEY]);
  return [{ name: TOP, framework, className, config, weights: tensors }];
}

/** With it, POST of the file makes the same cell. `format` is what Hugging Face's loaders ask of PyTorch's files. */
export function metadataOf({ framework, className, config }: FileCell): Record<string, string> {
  const description = JSON.stringify({ framework, class_name: className, config });
  return { ...(framework === 'pytorch' ? { format: 'pt' } : {}), [METADATA_KEY]: description };
}

function namedLayers(format: string, tensors: ReadonlyMap<string, Tensor>): FileLayer[] {
  const layers = groupByLayer(tensors);
  if (layers.length > 0) return layers;
  const names = [...tensors.keys()].slice(0, MAX_NAMES).map((name) => `'${name.slice(0, 80)}'`);
  const holds = `The ${format} file holds no weights of a recurrent cell, but ${names.join(', ') || 'nothing'}.`;
  const send = "Send Keras' kernel, recurrent_kernel and bias, PyTorch's weight_ih_l0 …, or ONNX' W, R, B and P.";
  throw new Problem('invalid-file', `${holds} ${send}`);
}

function readDescription(text: string) {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Problem('invalid-file', `'${METADATA_KEY}' in the metadata is not JSON.`, { cause });
  }
  const parsed = cellDescription.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  const detail = `'${METADATA_KEY}' in the metadata describes no cell: /${path.join('/')}: ${message}.`;
  throw new Problem('invalid-file', detail);
}
