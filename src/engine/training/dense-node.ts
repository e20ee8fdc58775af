import { gateFunction } from '../../cells/cell-row.ts';
import { gateGradient } from '../../cells/gate-gradient.ts';
import type { LayerProgram } from '../../domain/layers.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { type DifferentiableNode, inFloat64, type NodeCall, type NodePass } from '../gradients/node.ts';
import type { KernelThread } from '../simd/kernel-cell.ts';
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
      const y = arena.takeRows(rows, rowBytes(units), false);
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
                const own = inFloat64(after.subarray(from, from + units));
                out.set(back({ before: row, after: own }, inFloat64(gradient.subarray(from, from + units))));
              })
            : gradient;
          const d = place(arena, through, rows, units);
          const dx = arena.takeRows(rows, rowBytes(features), false);
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
function place(arena: Arena, values: FloatArray, rows: number, width: number): Room & Rows {
  const to = arena.takeRows(rows, rowBytes(width));
  const stride = to.stride / 4;
  for (let row = 0; row < rows; row++) to.values.set(values.subarray(row * width, (row + 1) * width), row * stride);
  return to;
}

function read({ values, stride }: Room & Rows, rows: number, width: number): Float32Array {
  const from = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = (row * stride) / 4;
    from.set(values.subarray(start, start + width), row * width);
  }
  return from;
}

/** A row of float64 after another through `act`, which fills the second from the first. */
function eachRow(
  values: Float32Array,
  width: number,
  act: (row: Float64Array, out: Float64Array, from: number) => void,
): Float64Array {
  const wide = new Float64Array(values);
  const result = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += width)
    act(wide.subarray(from, from + width), result.subarray(from, from + width), from);
  return result;
}

function add(sum: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] += values[i];
}
