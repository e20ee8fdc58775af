import { FRAMEWORKS } from '../domain/cell-definition.ts';
import { type NamedTensors, type TensorFile, TOP, type WeightFile, type WholeLayer } from '../domain/files.ts';
import { isJsonObject, type JsonObject } from '../domain/json.ts';
import { Problem } from '../domain/problems.ts';
import { groupByLayer } from './layer-names.ts';
import type { StateDict } from './pytorch/state-dict.ts';

/** In the metadata of a safetensors file that is one cell: its framework, class_name and config as JSON. */
const METADATA_KEY = 'cellstep_cell';
/** In the metadata: options of the config that no weight tells, as JSON. */
const OPTIONS_KEY = 'config';
const MAX_CLASS_NAME = 100;
/** Names that a message quotes. */
const MAX_NAMES = 10;

/** @throws {Problem} invalid-file if no tensor has the name of a recurrent weight */
export function layersOfNpz(tensors: NamedTensors): WeightFile {
  return namedLayers('npz', tensors);
}

/** If the metadata describes a cell, all tensors belong to it. @throws {Problem} invalid-file */
export function layersOfSafetensors({ tensors, metadata }: TensorFile): WeightFile {
  if (Object.hasOwn(metadata, METADATA_KEY)) {
    return { layers: [{ name: TOP, ...readDescription(metadata[METADATA_KEY]), weights: tensors }], skipped: [] };
  }
  const file = namedLayers('safetensors', tensors);
  if (!Object.hasOwn(metadata, OPTIONS_KEY)) return file;
  return { ...file, options: parse(OPTIONS_KEY, metadata[OPTIONS_KEY]) };
}

/** Other tensors are skipped. @throws {Problem} as layersOfNpz */
export function layersOfStateDict({ tensors, skipped }: StateDict): WeightFile {
  const file = namedLayers('PyTorch', tensors);
  return { ...file, skipped: [...file.skipped, ...skipped] };
}

/** With it, POST of the file makes the same cell. `format` is what Hugging Face's loaders ask of PyTorch's files. */
export function metadataOf({ framework, className, config }: WholeLayer): Record<string, string> {
  const description = JSON.stringify({ framework, class_name: className, config });
  return { ...(framework === 'pytorch' ? { format: 'pt' } : {}), [METADATA_KEY]: description };
}

function namedLayers(format: string, tensors: NamedTensors): WeightFile {
  const file = groupByLayer(tensors);
  if (file.layers.length > 0) return { ...file, named: tensors };
  const names = [...tensors.keys()].slice(0, MAX_NAMES).map((name) => `'${name.slice(0, 80)}'`);
  const holds = `The ${format} file holds no weights of a recurrent cell, but ${names.join(', ') || 'nothing'}.`;
  const send = "Send Keras' kernel, recurrent_kernel and bias, PyTorch's weight_ih_l0 …, or ONNX' W, R, B and P.";
  throw new Problem('invalid-file', `${holds} ${send}`);
}

function readDescription(text: string): Omit<WholeLayer, 'name' | 'weights'> {
  const { framework, class_name: className, config, ...others } = parse(METADATA_KEY, text);
  const known = FRAMEWORKS.find((name) => name === framework);
  if (known === undefined) throw wrong(`\`framework\` has to be one of ${FRAMEWORKS.join(', ')}`);
  if (typeof className !== 'string' || className === '' || className.length > MAX_CLASS_NAME) {
    throw wrong(`\`class_name\` has to be a name of at most ${MAX_CLASS_NAME} characters`);
  }
  if (!isJsonObject(config)) throw wrong('`config` has to be an object');
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrong(`it has an unknown field '${other.slice(0, 80)}'`);
  return { framework: known, className, config };
}

function parse(key: string, text: string): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Problem('invalid-file', `'${key}' in the metadata is not JSON.`, { cause });
  }
  if (!isJsonObject(json)) throw new Problem('invalid-file', `'${key}' in the metadata is not a JSON object.`);
  return json;
}

function wrong(reason: string): Problem {
  return new Problem('invalid-file', `'${METADATA_KEY}' in the metadata does not describe a cell: ${reason}.`);
}
