import { quote } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import type { InitializerSpec } from '../../domain/program.ts';
import { formatShape, type Shape, sizeOf } from '../../domain/tensor.ts';

type Parameters = InitializerSpec['params'];

/**
 * The number of units that VarianceScaling divides by: fan_in, fan_out or their mean (compute_fans in
 * keras/src/initializers/random_initializers.py).
 * @throws {Problem} invalid-config for another mode, or an axis that the shape does not have.
 */
export function fan(mode: string, params: Parameters, shape: Shape): number {
  const [fanIn, fanOut] = fans(params, shape);
  switch (mode) {
    case 'fan_in':
      return fanIn;
    case 'fan_out':
      return fanOut;
    case 'fan_avg':
      return (fanIn + fanOut) / 2;
    default:
      throw new Problem('invalid-config', `'mode' is ${quote(mode)}. Send fan_in, fan_out or fan_avg.`);
  }
}

/** Inputs and outputs of a unit: by the given axes, if both are; else of a kernel [...receptive field, in, out]. */
function fans(params: Parameters, shape: Shape): [number, number] {
  const { input_axes: inputAxes, output_axes: outputAxes } = params;
  if (Array.isArray(inputAxes) && Array.isArray(outputAxes)) {
    return [extent(inputAxes, 'input_axes', shape), extent(outputAxes, 'output_axes', shape)];
  }
  if (shape.length === 0) return [1, 1];
  if (shape.length === 1) return [shape[0], shape[0]];
  const field = sizeOf(shape.slice(0, -2));
  return [shape[shape.length - 2] * field, shape[shape.length - 1] * field];
}

function extent(axes: readonly number[], name: string, shape: Shape): number {
  return axes.reduce((size, axis) => {
    const along = shape.at(axis);
    if (!Number.isInteger(axis) || axis < -shape.length || along === undefined) {
      throw new Problem(
        'invalid-config',
        `'${name}' has axis ${quote(axis)}, and the shape ${formatShape(shape)} has rank ${shape.length}.`,
      );
    }
    return size * along;
  }, 1);
}
