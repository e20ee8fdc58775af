import { type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import type { CellKind } from '../../domain/program.ts';
import type { Dtype } from '../../domain/tensor.ts';
import {
  type Argument,
  choice,
  flag,
  impossible,
  integer,
  isNumber,
  type ReadArguments,
  readArguments,
  requireUnits,
} from '../arguments.ts';
import { suggest } from '../keras/suggestions.ts';
import { entry } from '../place.ts';

const DEFAULT_DTYPE = 'torch.float32';

/** torch.dtype by every name that PyTorch prints or takes; without `torch.` too. */
const DTYPES: Readonly<Record<string, Dtype>> = {
  'torch.float32': 'float32',
  'torch.float': 'float32',
  'torch.float64': 'float64',
  'torch.double': 'float64',
  'torch.float16': 'float16',
  'torch.half': 'float16',
  'torch.bfloat16': 'bfloat16',
};

const DTYPE: Argument<string | null> = {
  default: null,
  expected: `${Object.values(DTYPES)
    .map((name) => `"torch.${name}"`)
    .filter(isFirst)
    .join(', ')} or null`,
  isType: isName,
  isPossible: (sent) => sent === null || dtypeNamed(sent) !== undefined,
};

/** Arguments of every class. Source: torch/nn/modules/rnn.py. */
const ARGUMENTS = {
  input_size: integer(0, 'a whole number, 0 or more'),
  hidden_size: integer(1, 'a positive integer'),
  num_layers: integer(1, 'a positive integer', 1),
  nonlinearity: choice('tanh', 'relu'),
  bias: flag(true),
  batch_first: flag(false),
  dropout: {
    default: 0,
    expected: 'a number from 0 to 1, the probability of an element being zeroed',
    isType: isNumber,
    isPossible: (sent) => sent >= 0 && sent <= 1,
  } satisfies Argument<number>,
  bidirectional: flag(false),
  proj_size: integer(0, 'a positive integer, or 0 to disable projections', 0),
  device: {
    default: null,
    expected: '"cpu" or null: this service computes on the CPU',
    isType: isName,
    isPossible: (sent) => sent === null || sent === 'cpu',
  } satisfies Argument<string | null>,
  dtype: DTYPE,
};

const SIZES = ['input_size', 'hidden_size'];
const LAYERS = ['bias', 'batch_first', 'dropout', 'bidirectional'];
const FACTORY = ['device', 'dtype'];

interface ModuleClass {
  readonly kind: CellKind;
  /** false: one step at a time, as RNNCell. */
  readonly layered: boolean;
  /** In the order of __init__. */
  readonly takes: readonly string[];
}

const CLASSES: Readonly<Record<string, ModuleClass>> = {
  RNNCell: { kind: 'simple_rnn', layered: false, takes: [...SIZES, 'bias', 'nonlinearity', ...FACTORY] },
  GRUCell: { kind: 'gru', layered: false, takes: [...SIZES, 'bias', ...FACTORY] },
  LSTMCell: { kind: 'lstm', layered: false, takes: [...SIZES, 'bias', ...FACTORY] },
  RNN: { kind: 'simple_rnn', layered: true, takes: [...SIZES, 'num_layers', 'nonlinearity', ...LAYERS, ...FACTORY] },
  GRU: { kind: 'gru', layered: true, takes: [...SIZES, 'num_layers', ...LAYERS, ...FACTORY] },
  LSTM: { kind: 'lstm', layered: true, takes: [...SIZES, 'num_layers', ...LAYERS, 'proj_size', ...FACTORY] },
};

/** Cells of one module: layers times directions. */
const MAX_CELLS = 64;

/** The arguments of a recurrent module, and what they mean. */
export interface ParsedModule {
  readonly className: string;
  /** Every argument in the order of __init__, defaults filled in. */
  readonly config: JsonObject;
  readonly kind: CellKind;
  readonly layered: boolean;
  readonly directions: 1 | 2;
  readonly dtype: Dtype;
  readonly values: ReadArguments<typeof ARGUMENTS>['values'];
}

/**
 * The arguments of RNNCell, GRUCell, LSTMCell, RNN, GRU or LSTM of torch.nn.
 * @throws {Problem} invalid-config for an unknown class or an impossible value; invalid-request for an unknown or missing
 * argument or a wrong type; limit-exceeded
 */
export function parseModule(className: string, sent: JsonObject, maxUnits: number): ParsedModule {
  const known = entry(CLASSES, className);
  if (known === undefined) {
    const text = `torch.nn has no recurrent class ${quote(className)}. ${suggest(className, Object.keys(CLASSES))}`;
    throw fieldProblem('invalid-config', '/class_name', text);
  }
  const { kind, layered, takes } = known;
  const { values, config } = readArguments(className, ARGUMENTS, takes, sent);
  const { hidden_size, proj_size, num_layers, bidirectional, dtype } = values;
  requireUnits('hidden_size', hidden_size, maxUnits);
  if (proj_size >= hidden_size) {
    throw impossible('proj_size', proj_size, `a number smaller than hidden_size, which is ${hidden_size}`);
  }
  const directions = bidirectional ? 2 : 1;
  if (num_layers * directions > MAX_CELLS) {
    const text = `\`num_layers\` is ${num_layers}, in ${directions} direction(s); a cell of this service has at most ${MAX_CELLS} layers, counted in each direction.`;
    throw fieldProblem('limit-exceeded', child('/config', 'num_layers'), text);
  }
  const named = dtypeNamed(dtype ?? DEFAULT_DTYPE) ?? 'float32';
  return {
    className,
    config: { ...config, dtype: dtype === null ? null : `torch.${named}` },
    kind,
    layered,
    directions,
    dtype: named,
    values,
  };
}

function dtypeNamed(name: string): Dtype | undefined {
  return entry(DTYPES, name) ?? entry(DTYPES, `torch.${name}`);
}

function isName(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isFirst<Item>(item: Item, index: number, items: readonly Item[]): boolean {
  return items.indexOf(item) === index;
}
