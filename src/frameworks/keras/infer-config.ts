import type { JsonObject } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import { type Dtype, formatShape, type Shape } from '../../domain/tensor.ts';
import { LAYER_CLASSES } from './cell-classes.ts';

type Shapes = ReadonlyMap<string, Shape>;

interface KnownOfCell {
  readonly className?: string;
  /** Becomes the cell's own name, if it is a valid one. */
  readonly name: string;
  readonly dtype?: Dtype;
}

export interface InferredObject {
  readonly className: string;
  readonly config: JsonObject;
}

/** The class without `Cell` by the number of gates: columns over rows of the recurrent kernel. */
const BY_GATES: ReadonlyMap<number, string> = new Map([
  [1, 'SimpleRNN'],
  [3, 'GRU'],
  [4, 'LSTM'],
]);
/** The same limit as for a config. */
const MAX_CELLS = 64;
const [FORWARD, BACKWARD] = ['forward_layer.', 'backward_layer.'];

/**
 * A Keras config from the names and shapes of weights. Without a class name, weights of one direction are a cell's
 * (`GRUCell`, `StackedRNNCells`), those of two a Bidirectional's.
 * @throws {Problem} invalid-file, limit-exceeded
 */
export function inferKeras(shapes: Shapes, { className, name, dtype }: KnownOfCell): InferredObject {
  const common: JsonObject = dtype === undefined || dtype === 'float32' ? {} : { dtype };
  const found = inferObject(shapes, className, common);
  return /^[^./\p{Cc}][^/\p{Cc}]{0,199}$/u.test(name) ? { ...found, config: { name, ...found.config } } : found;
}

function inferObject(shapes: Shapes, className: string | undefined, common: JsonObject): InferredObject {
  const both = [...shapes.keys()].some((name) => name.startsWith(FORWARD) || name.startsWith(BACKWARD));
  if (both) return inferBidirectional(shapes, common);
  const asCell = className === undefined || /Cells?$/.test(className);
  return asCell ? inferCell(shapes, '', common) : inferLayer(shapes, '', className, common);
}

function inferBidirectional(shapes: Shapes, common: JsonObject): InferredObject {
  const [forward, backward] = [FORWARD, BACKWARD].map((prefix) => {
    return inferLayer(within(shapes, prefix), prefix, undefined, common);
  });
  const same = JSON.stringify(forward) === JSON.stringify(backward);
  // Without one, Keras makes the backward layer from the forward one.
  const other = { ...backward, config: { ...backward.config, go_backwards: true } };
  const layers = { layer: serialized(forward), ...(same ? {} : { backward_layer: serialized(other) }) };
  return { className: 'Bidirectional', config: { ...common, ...layers } };
}

function inferLayer(shapes: Shapes, at: string, className: string | undefined, common: JsonObject): InferredObject {
  const cell = inferCell(shapes, at, common);
  const layer = LAYER_CLASSES.find((name) => `${name}Cell` === cell.className);
  if (layer !== undefined && className !== 'RNN') return { className: layer, config: cell.config };
  return { className: 'RNN', config: { ...common, cell: serialized(cell) } };
}

function inferCell(shapes: Shapes, at: string, common: JsonObject): InferredObject {
  if (shapes.has('kernel') || ![...shapes.keys()].some((name) => name.startsWith('cells.'))) {
    return inferSingleCell(shapes, at, common);
  }
  const cells: JsonObject[] = [];
  for (let rest = shapes.size; rest > 0; ) {
    const prefix = `cells.${cells.length}.`;
    const own = within(shapes, prefix);
    if (own.size === 0) throw invalid(`it has no weights of '${at}${prefix.slice(0, -1)}'.`);
    if (cells.length === MAX_CELLS) {
      throw new Problem('limit-exceeded', `A cell of the file is made of more than ${MAX_CELLS} cells.`);
    }
    cells.push(serialized(inferCell(own, `${at}${prefix}`, common)));
    rest -= own.size;
  }
  return { className: 'StackedRNNCells', config: { ...common, cells } };
}

function inferSingleCell(shapes: Shapes, at: string, common: JsonObject): InferredObject {
  const [kernel, recurrent] = ['kernel', 'recurrent_kernel'].map((name): Shape => {
    const shape = shapes.get(name);
    if (!shape) throw invalid(`it has no '${at}${name}'.`);
    return shape;
  });
  const [units, columns] = recurrent;
  const kind = recurrent.length === 2 && kernel.length === 2 ? BY_GATES.get(columns / units) : undefined;
  if (kind === undefined || kernel[1] !== columns) {
    const sent = `'${at}kernel' has shape ${formatShape(kernel)} and '${at}recurrent_kernel' ${formatShape(recurrent)}`;
    throw invalid(
      `${sent}; a cell has [features, n·units] and [units, n·units], with n 1 (SimpleRNN), 3 (GRU), 4 (LSTM).`,
    );
  }
  const bias = shapes.get('bias');
  const useBias: JsonObject = bias ? {} : { use_bias: false };
  const resetAfter: JsonObject = bias && kind === 'GRU' ? { reset_after: bias.length === 2 } : {};
  return { className: `${kind}Cell`, config: { ...common, units, ...useBias, ...resetAfter } };
}

function within(shapes: Shapes, prefix: string): Shapes {
  const own = [...shapes].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, shape]) => [name.slice(prefix.length), shape]));
}

function serialized({ className, config }: InferredObject): JsonObject {
  return { module: 'keras.layers', class_name: className, config, registered_name: null };
}

function invalid(detail: string): Problem {
  return new Problem('invalid-file', `The weights in the file do not fit a cell of Keras: ${detail}`);
}
