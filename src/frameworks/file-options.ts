import type { FileLayer } from '../domain/files.ts';
import { isArray, isJsonObject, type Json, type JsonObject } from '../domain/json.ts';
import { fieldProblem, Problem } from '../domain/problems.ts';

/** Options that a client sends for a layer, because its file lacks them. */
export interface LayerOptions {
  readonly className?: string;
  /** By dotted names: `activation`, `layer.activation`, `cell.cells.0.units`. */
  readonly config: JsonObject;
}

const OF_LAYERS = ['return_sequences', 'go_backwards'];
const OF_GATED = ['activation', 'recurrent_activation'];

/** Options that change the numbers of a class and stand in no weight. */
const OPTIONS: Readonly<Record<FileLayer['framework'], Readonly<Record<string, readonly string[]>>>> = {
  keras: {
    SimpleRNN: ['activation', ...OF_LAYERS],
    GRU: [...OF_GATED, ...OF_LAYERS],
    LSTM: [...OF_GATED, ...OF_LAYERS],
    RNN: ['cell', ...OF_LAYERS],
    Bidirectional: ['merge_mode', 'layer', 'backward_layer'],
    SimpleRNNCell: ['activation'],
    GRUCell: OF_GATED,
    LSTMCell: OF_GATED,
    StackedRNNCells: ['cells'],
  },
  pytorch: { RNN: ['batch_first'], GRU: ['batch_first'], LSTM: ['batch_first'] },
  onnx: {},
};

const EXAMPLES: Readonly<Record<string, string>> = {
  activation: '"tanh"',
  batch_first: 'true',
  merge_mode: '"concat"',
  cell: '…',
  cells: '…',
};

/** @throws {Problem} ambiguous-file if the file leaves options open and the client sends none of them */
export function requireSaid({ name, framework, unsaid }: FileLayer, className: string, sent: LayerOptions): void {
  const options = OPTIONS[framework][className] ?? [];
  if (unsaid === undefined || options.length === 0 || sent.className !== undefined) return;
  const said = Object.keys(sent.config).map((path) => path.split('.', 1)[0]);
  if (options.some((option) => said.includes(option))) return;
  const [first] = options;
  const query = `?config.${first}=${EXAMPLES[first] ?? '<JSON>'}`;
  const detail = [
    `The file does not tell ${options.join(', ')} of the ${className} '${name}': ${unsaid}.`,
    `Send at least one of them as a query field, for example ${query},`,
    `or as JSON under "config" in the __metadata__ of a safetensors file; what you leave out has ${DEFAULTS[framework]}.`,
  ].join(' ');
  const errors = options.map((option) => ({ pointer: `?config.${option}`, detail: `The file does not tell it.` }));
  throw new Problem('ambiguous-file', detail, { errors });
}

const DEFAULTS: Readonly<Record<FileLayer['framework'], string>> = {
  keras: "Keras' default",
  pytorch: "PyTorch's default",
  onnx: 'the default of ONNX',
};

/**
 * A config with options applied. A dotted name leads into a serialized object's config, or into a list by index.
 * @throws {Problem} invalid-value if it leads nowhere
 */
export function withOptions(config: JsonObject, options: JsonObject): JsonObject {
  return Object.entries(options).reduce((changed, [path, value]) => {
    return put(changed, path.split('.'), value, path) as JsonObject;
  }, config);
}

function put(target: Json, keys: readonly string[], value: Json, path: string): Json {
  if (keys.length === 0) return value;
  const [key, ...rest] = keys;
  if (isArray(target) && /^\d{1,4}$/.test(key) && Number(key) < target.length) {
    return target.with(Number(key), put(target[Number(key)], rest, value, path));
  }
  if (!isJsonObject(target)) throw nowhere(path);
  if (isJsonObject(target.config) && Object.hasOwn(target, 'class_name')) {
    return { ...target, config: put(target.config, keys, value, path) };
  }
  if (rest.length > 0 && !Object.hasOwn(target, key)) throw nowhere(path);
  return { ...target, [key]: put(target[key] ?? null, rest, value, path) };
}

function nowhere(path: string): Problem {
  const detail = `'config.${path.slice(0, 80)}' leads to nothing in the config of this layer. Name a key of the config, or a path like layer.activation or cell.cells.0.activation.`;
  return fieldProblem('invalid-value', `?config.${path.slice(0, 80)}`, detail);
}
