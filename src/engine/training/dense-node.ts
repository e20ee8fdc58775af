import { gateFunction } from '../../cells/cell-row.ts';
import { gateGradient } from '../../cells/gate-gradient.ts';
import type { LayerProgram } from '../../domain/layers.ts';
import type { DifferentiableNode, NodeCall, NodePass } from '../gradients-node.ts';
import type { KernelThread } from '../kernel-cell.ts';
import type { Arena, Room, Rows } from './arena.ts';
import { Products, packMatrix, packTransposed, rowBytes } from './products.ts';

/** A dense layer, `index` among the layers of its network: y = a(x·W + b) and back, rows in products of float32. */
export function denseNode(
  thread: KernelThread,
  arena: Arena,
  layer: LayerProgram<'dense'>,
  index: number,
): DifferentiableNode {
  const { arrays, rowWidth: units, outputWidth, activation } = layer;
  const { kernel, bias } = arrays;
  const features = kernel.length / units;
  const gate = activation && gateFunction(activation);
  const back = activation && gateGradient(activation);
  return {
    forward({ batch, inputs: [input] }: NodeCall): NodePass {
      const rows = (batch * input.time * outputWidth) / units;
      const products = new Products(thread.kernels.float32, arena);
      const x = place(arena, input.values, rows, features);
      const y = arena.takeRows(rows, rowBytes(units));
      const start = bias && { ...place(arena, bias, 1, units), stride: 0 };
      products.multiply(packMatrix(arena, kernel, features, units), x, y, rows, start);
      const before = read(y, rows, units);
      const after = gate ? eachRow(before, units, gate) : before;
      return {
        values: after,
        time: input.time,
        pull(gradient, sums) {
          const through = back
            ? eachRow(before, units, (row, out, from) => {
                const own = after.subarray(from, from + units);
                out.set(back({ before: row, after: own }, gradient.subarray(from, from + units)));
              })
            : gradient;
          const d = place(arena, through, rows, units);
          const dx = arena.takeRows(rows, rowBytes(features));
          const dW = arena.takeRows(features, rowBytes(units));
          const db = arena.takeRows(1, rowBytes(units));
          products.multiply(packTransposed(arena, kernel, features, units), d, dx, rows);
          products.addOuter(x, features, d, dW, rows);
          products.addRows(d, db, rows);
          add(sums.layers[index].kernel, read(dW, features, units));
          if (bias) add(sums.layers[index].bias, read(db, 1, units));
          return { inputs: [read(dx, rows, features)], states: [] };
        },
      };
    },
  };
}

/** [rows, width] in whole lines. */
function place(arena: Arena, values: ArrayLike<number>, rows: number, width: number): Room & Rows {
  const to = arena.takeRows(rows, rowBytes(width));
  const stride = to.stride / 4;
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < width; k++) to.values[row * stride + k] = values[row * width + k];
  return to;
}

function read({ values, stride }: Room & Rows, rows: number, width: number): Float64Array {
  const from = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < width; k++) from[row * width + k] = values[(row * stride) / 4 + k];
  return from;
}

function eachRow(
  values: Float64Array,
  width: number,
  act: (row: Float64Array, out: Float64Array, from: number) => void,
): Float64Array {
  const result = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += width)
    act(values.subarray(from, from + width), result.subarray(from, from + width), from);
  return result;
}

function add(sum: Float64Array, values: Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] += values[i];
}
