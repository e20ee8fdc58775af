import type { Weights } from '../../domain/cell-definition.ts';
import type { JsonObject } from '../../domain/json.ts';
import { fieldProblem } from '../../domain/problems.ts';
import type { CellProgram } from '../../domain/program.ts';
import { type FloatArray, formatShape, fromFloat64, sameShape, type Tensor } from '../../domain/tensor.ts';
import { type ParsedModule, parseModule } from './arguments.ts';
import { cellProgram, cellVariables, type ModuleCell } from './cell-program.ts';
import { type ChainedLayer, type ChainPlace, kerasName, readOptions, unsupportedChain } from './chain-place.ts';
import { cellsOf } from './definitions.ts';
import { inferPytorch } from './infer-config.ts';

const CLASSES = { simple_rnn: 'SimpleRNN', gru: 'GRU', lstm: 'LSTM' } as const;

/**
 * RNN, GRU or LSTM of torch.nn, or a cell of them, as layers of Keras: one for each layer of the module, in a Bidirectional
 * if it has two directions.
 * @throws {Problem} invalid-file, wrong-shape, unsupported-layer, invalid-value
 */
export function chainedRecurrent(place: ChainPlace): ChainedLayer {
  const { name, tensors, dtype } = place;
  const shapes = new Map([...tensors].map(([own, { shape }]) => [own, shape]));
  const inferred = inferPytorch(shapes, dtype === 'float64' ? dtype : undefined);
  // The limits are checked when the cell is made.
  const module = parseModule(inferred.className, inferred.config, Number.MAX_SAFE_INTEGER);
  const { kind, directions, values } = module;
  if (values.proj_size > 0) {
    throw unsupportedChain(
      `'${name}' has a projection (weight_hr), which no layer of Keras has. Make a cell of this layer alone with ?layer=${name}.`,
    );
  }
  const layers = cellsOf(module);
  requireTensors(place, module, layers.flat());
  const options = readOptions(place, {
    ...(kind === 'simple_rnn' ? { activation: 'tanh' } : {}),
    return_sequences: true,
  });
  const weights = Object.fromEntries(tensors);
  const serialized: JsonObject[] = [];
  const named = new Map<string, Tensor>();
  for (const [k, cells] of layers.entries()) {
    const own = layers.length === 1 ? kerasName(name) : `${kerasName(name)}_l${k}`;
    const last = k === layers.length - 1;
    const config = {
      ...{ dtype, units: values.hidden_size, use_bias: values.bias, ...options },
      ...(kind === 'gru' ? { reset_after: true } : {}),
      return_sequences: last ? options.return_sequences : true,
    };
    const inner = (inside: string) => ({ class_name: CLASSES[kind], config: { name: inside, ...config } });
    serialized.push(
      directions === 1
        ? inner(own)
        : { class_name: 'Bidirectional', config: { name: own, dtype, layer: inner(`${own}_layer`) } },
    );
    const sides = directions === 1 ? [own] : [`${own}.forward_layer`, `${own}.backward_layer`];
    for (const [side, cell] of cells.entries()) {
      const arrays = kerasArrays(module, cell, weights);
      for (const [variable, tensor] of Object.entries(arrays)) named.set(`${sides[side]}.${variable}`, tensor);
    }
  }
  return {
    serialized,
    weights: named,
    taken: layers.flatMap((cells) => cells.flatMap((cell) => cellVariables(module, cell).map((spec) => spec.name))),
    takes: values.input_size,
    gives: values.hidden_size * directions,
  };
}

/** @throws {Problem} invalid-file if the module lacks a tensor or has one with another shape */
function requireTensors({ name, tensors }: ChainPlace, module: ParsedModule, cells: readonly ModuleCell[]): void {
  for (const { name: own, shape } of cells.flatMap((cell) => cellVariables(module, cell))) {
    const sent = tensors.get(own)?.shape;
    if (sent && sameShape(sent, shape)) continue;
    const has = [...tensors].map(([one, tensor]) => `${one} ${formatShape(tensor.shape)}`).join(', ');
    const wrong = sent ? `has shape ${formatShape(sent)}` : 'is missing';
    const detail = `'${name}.${own}' ${wrong}; it needs shape ${formatShape(shape)}. '${name}' has: ${has.slice(0, 1000)}.`;
    throw fieldProblem('invalid-file', '?config.chain', detail);
  }
}

/** Keras' arrays of one cell: SimpleRNN and LSTM have the sum of both biases, GRU both, [2, 3·units]. */
function kerasArrays(module: ParsedModule, cell: ModuleCell, weights: Weights): Record<string, Tensor> {
  const { dtype } = module;
  const program = cellProgram(module, cell, weights);
  const { features, units, kernel, recurrentKernel, bias } = program;
  const columns = recurrentKernel.length / units;
  const tensor = (shape: readonly number[], values: FloatArray) => fromFloat64(dtype, shape, values);
  return {
    kernel: tensor([features, columns], kernel),
    recurrent_kernel: tensor([units, columns], recurrentKernel),
    ...(bias ? { bias: biasTensor(program, bias, tensor) } : {}),
  };
}

function biasTensor(
  program: CellProgram,
  bias: FloatArray,
  tensor: (shape: readonly number[], values: FloatArray) => Tensor,
): Tensor {
  if (program.kind !== 'gru') return tensor([bias.length], bias);
  const { recurrentBias = bias } = program;
  return tensor([2, bias.length], Float64Array.from([...bias, ...recurrentBias]));
}
