import { quote } from '../../domain/json.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import type { ActivationSpec } from '../../domain/program.ts';
import { cast, formatShape, fromFloat64, isFloat, sizeOf, type Tensor, toFloat64 } from '../../domain/tensor.ts';
import { type Activation, makeActivation } from './activations.ts';

/**
 * An activation of a whole tensor, computed in float64 and rounded once to the tensor's dtype (integers and booleans
 * become float32 first, as in Keras). Row-wise ones act along `axis`: the argument, else the spec's, else the last.
 * glu halves that axis.
 * @throws {Problem} invalid-value if the axis is not one of the tensor's, or glu's axis is odd; invalid-config if the
 * spec names no activation.
 */
export function applyActivation(spec: ActivationSpec, tensor: Tensor, axis?: number): Tensor {
  const activation = makeActivation(spec);
  const input = isFloat(tensor.dtype) ? tensor : cast(tensor, 'float32');
  const values = toFloat64(input);
  if (!activation.elementwise) {
    return alongAxis(spec.name, activation, input, values, axis ?? spec.params.axis ?? -1);
  }
  for (let i = 0; i < values.length; i++) values[i] = activation.apply(values[i]);
  return fromFloat64(input.dtype, input.shape, values);
}

function alongAxis(
  name: string,
  activation: Extract<Activation, { elementwise: false }>,
  tensor: Tensor,
  values: Float64Array,
  axis: number | boolean,
): Tensor {
  const { shape } = tensor;
  const rank = shape.length;
  if (typeof axis !== 'number' || !Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const send = rank === 0 ? 'Send a tensor of rank 1 or more.' : `Send an integer from ${-rank} to ${rank - 1}.`;
    throw fieldProblem(
      'invalid-value',
      '/params/axis',
      `axis ${quote(axis)} is out of range for ${name} of a tensor of rank ${rank}. ${send}`,
    );
  }
  const at = axis < 0 ? axis + rank : axis;
  const length = shape[at];
  const outLength = activation.outputLength(length);
  if (!Number.isInteger(outLength)) {
    throw new Problem(
      'invalid-value',
      `${name} halves axis ${axis}, which has ${length} entries in shape ${formatShape(shape)}. Send an even number.`,
    );
  }
  const outShape = shape.with(at, outLength);
  const out = new Float64Array(sizeOf(outShape));
  const stride = sizeOf(shape.slice(at + 1));
  const row = new Float64Array(length);
  for (let outer = 0; outer < sizeOf(shape.slice(0, at)); outer++) {
    for (let inner = 0; inner < stride; inner++) {
      for (let i = 0; i < length; i++) row[i] = values[(outer * length + i) * stride + inner];
      activation.applyRow(row, 0, length, row, 0);
      for (let i = 0; i < outLength; i++) out[(outer * outLength + i) * stride + inner] = row[i];
    }
  }
  return fromFloat64(tensor.dtype, outShape, out);
}
