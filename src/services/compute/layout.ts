import type { CellDefinition, SequenceLayout } from '../../domain/cell-definition.ts';
import { allocate, type FloatArray, type Shape, sizeOf, Tensor } from '../../domain/tensor.ts';

/** Converts a sequence between the framework's layout and the canonical [batch, time, …]. Both ways swap the first axes. */
export function swapTime(tensor: Tensor, timeMajor: boolean): Tensor {
  return timeMajor ? permute(tensor, [1, 0]) : tensor;
}

/** A canonical output [batch, time, directions·width] as the framework shows it. */
export function arrangeOutput(output: Tensor, timeMajor: boolean, { directions }: SequenceLayout): Tensor {
  if (directions === undefined) return swapTime(output, timeMajor);
  const [batch, time, width] = output.shape;
  const split = new Tensor(output.dtype, [batch, time, directions, width / directions], output.data);
  // ONNX: [time, directions, batch, width], or with layout 1 [batch, time, directions, width].
  return timeMajor ? permute(split, [1, 2, 0]) : split;
}

/** The shape of a sequence of outputs as the framework shows it. */
export function sequenceShape(
  definition: CellDefinition,
  { batch, time, timeMajor }: { readonly batch: number; readonly time: number; readonly timeMajor: boolean },
  index = 0,
): Shape {
  const { outputSteps, outputWidth, outputWidths = [outputWidth], outputDims, layout } = definition;
  const steps = outputSteps?.(time) ?? time;
  if (!outputDims) return arrangedShape([batch, steps, outputWidths[index]], timeMajor, layout);
  return [...(timeMajor ? [steps, batch] : [batch, steps]), ...outputDims];
}

/** The shape of `arrangeOutput`'s result for a canonical output with these rows, steps and elements per row. */
function arrangedShape(
  [batch, time, width]: readonly number[],
  timeMajor: boolean,
  { directions }: SequenceLayout,
): Shape {
  const lead = timeMajor ? [time, batch] : [batch, time];
  if (directions === undefined) return [...lead, width];
  const own = width / directions;
  return timeMajor ? [time, directions, batch, own] : [batch, time, directions, own];
}

/** The canonical output from the framework's: the inverse of `arrangeOutput`. */
export function canonicalOutput(output: Tensor, timeMajor: boolean, { directions }: SequenceLayout): Tensor {
  if (directions === undefined) return swapTime(output, timeMajor);
  const split = timeMajor ? permute(output, [2, 0, 1]) : output;
  const [batch, time, count, own] = split.shape;
  return new Tensor(output.dtype, [batch, time, count * own], split.data);
}

/** The first axes in another order: axis k of the result is axis `order[k]` of the tensor. Later axes stay. */
function permute({ dtype, shape, data }: Tensor, order: readonly number[]): Tensor {
  const rest = shape.slice(order.length);
  if (order.length === 2 && shape[0] === 1) return new Tensor(dtype, [shape[1], 1, ...rest], data);
  const width = sizeOf(rest);
  const stride = (axis: number) => sizeOf(shape.slice(axis + 1));
  const outer = order.map((axis) => shape[axis]);
  const result = allocate(dtype, data.length) as FloatArray;
  const at = order.map(() => 0);
  for (let i = 0; i < sizeOf(outer); i++) {
    const start = order.reduce((sum, axis, k) => sum + at[k] * stride(axis), 0);
    result.set((data as FloatArray).subarray(start, start + width), i * width);
    for (let k = at.length - 1; k >= 0 && ++at[k] === outer[k]; k--) at[k] = 0;
  }
  return new Tensor(dtype, [...outer, ...rest], result);
}

/** Part of a tensor along an axis. */
export function sliceAxis({ dtype, shape, data }: Tensor, axis: number, from: number, to: number): Tensor {
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const [all, own] = [shape[axis] * inner, (to - from) * inner];
  const part = allocate(dtype, outer * own) as FloatArray;
  for (let i = 0; i < outer; i++) {
    part.set((data as FloatArray).subarray(i * all + from * inner, i * all + to * inner), i * own);
  }
  return new Tensor(dtype, shape.toSpliced(axis, 1, to - from), part);
}

/** Tensors one after another along an axis. */
export function joinAxis(parts: readonly Tensor[], axis: number): Tensor {
  const [{ dtype, shape }] = parts;
  if (parts.length === 1) return parts[0];
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const extent = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  const whole = allocate(dtype, outer * extent * inner) as FloatArray;
  let at = 0;
  for (let i = 0; i < outer; i++) {
    for (const part of parts) {
      const own = part.shape[axis] * inner;
      whole.set((part.data as FloatArray).subarray(i * own, (i + 1) * own), at);
      at += own;
    }
  }
  return new Tensor(dtype, shape.toSpliced(axis, 1, extent), whole);
}
