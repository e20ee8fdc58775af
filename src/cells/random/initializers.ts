import { quote } from '../../domain/json.ts';
import { Problem } from '../../domain/problems.ts';
import type { InitializerSpec } from '../../domain/program.ts';
import {
  allocate,
  type Dtype,
  type FloatArray,
  formatShape,
  fromFloat64,
  isFloat,
  rounder,
  type Shape,
  sizeOf,
  Tensor,
} from '../../domain/tensor.ts';
import { fan } from './fan.ts';
import { orthonormalize } from './orthogonal.ts';
import { type PhiloxStream, philoxStream } from './philox.ts';
import { normal, truncatedNormal, uniform } from './random.ts';

type Parameters = InitializerSpec['params'];

/** What an initializer makes a tensor from; n counts the draws from its seed. */
interface Wanted {
  readonly params: Parameters;
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly n: number;
}

type Initializer = (wanted: Wanted) => Tensor;

/** Every initializer by its Keras class name (keras/src/initializers). Names and defaults: src/frameworks/keras. */
export const INITIALIZERS: Readonly<Record<string, Initializer>> = {
  Zeros: (wanted) => constant(0, wanted),
  Ones: (wanted) => constant(1, wanted),
  Constant: (wanted) => {
    const { value } = wanted.params;
    return constant(typeof value === 'boolean' ? Number(value) : number(wanted, 'value'), wanted);
  },
  Identity: identity,
  Orthogonal: orthogonal,
  RandomUniform: (wanted) => drawUniform(number(wanted, 'minval'), number(wanted, 'maxval'), wanted),
  RandomNormal: (wanted) => drawNormal(normal, number(wanted, 'mean'), number(wanted, 'stddev'), wanted),
  TruncatedNormal: (wanted) => drawNormal(truncatedNormal, number(wanted, 'mean'), number(wanted, 'stddev'), wanted),
  VarianceScaling: (wanted) =>
    varianceScaling(number(wanted, 'scale'), `${wanted.params.mode}`, `${wanted.params.distribution}`, wanted),
  GlorotUniform: (wanted) => varianceScaling(1, 'fan_avg', 'uniform', wanted),
  GlorotNormal: (wanted) => varianceScaling(1, 'fan_avg', 'truncated_normal', wanted),
  HeUniform: (wanted) => varianceScaling(2, 'fan_in', 'uniform', wanted),
  HeNormal: (wanted) => varianceScaling(2, 'fan_in', 'truncated_normal', wanted),
  LecunUniform: (wanted) => varianceScaling(1, 'fan_in', 'uniform', wanted),
  LecunNormal: (wanted) => varianceScaling(1, 'fan_in', 'truncated_normal', wanted),
};

/**
 * A fresh tensor. Random initializers draw what Keras draws on TensorFlow's CPU from the same seed, bit for bit
 * (Orthogonal to the rounding of its QR). `draw` counts the uses of a SeedGenerator; an integer seed stays at 0.
 * @throws {Problem} invalid-config if the initializer does not exist, does not fit the shape or the dtype, or a
 * parameter is impossible; value-out-of-range for a constant that an integer dtype can't hold.
 */
export function initialize(spec: InitializerSpec, shape: Shape, dtype: Dtype, draw = 0): Tensor {
  if (!Object.hasOwn(INITIALIZERS, spec.className)) {
    const names = Object.keys(INITIALIZERS).join(', ');
    throw new Problem('invalid-config', `There is no initializer ${quote(spec.className)} here. Send one of ${names}.`);
  }
  return INITIALIZERS[spec.className]({ params: spec.params, shape, dtype, n: draw });
}

function constant(value: number, { shape, dtype }: Wanted): Tensor {
  return fromFloat64(dtype, shape, new Float64Array(sizeOf(shape)).fill(value));
}

function identity(wanted: Wanted): Tensor {
  const { shape, dtype } = wanted;
  if (shape.length !== 2) {
    throw new Problem(
      'invalid-config',
      `Identity makes matrices only, and the shape is ${formatShape(shape)}, of rank ${shape.length}. Send a shape of rank 2.`,
    );
  }
  const [rows, columns] = shape;
  const gain = number(wanted, 'gain');
  const values = new Float64Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = gain;
  return fromFloat64(dtype, shape, values);
}

/** A semi-orthogonal matrix [product of all extents but the last, last], times gain (Saxe et al., 2014). */
function orthogonal(wanted: Wanted): Tensor {
  const { shape, dtype } = wanted;
  if (shape.length < 2) {
    throw new Problem(
      'invalid-config',
      `Orthogonal needs a shape of rank 2 or more, and ${formatShape(shape)} has rank ${shape.length}.`,
    );
  }
  const columns = shape[shape.length - 1];
  const rows = sizeOf(shape.slice(0, -1));
  const tall = Math.max(rows, columns);
  const wide = Math.min(rows, columns);
  const drawn = floats('Orthogonal', dtype, tall * wide);
  normal(stream(wanted), dtype, drawn);
  const vectors = Array.from({ length: wide }, (_, k) =>
    Float64Array.from({ length: tall }, (_, i) => drawn[i * wide + k]),
  );
  orthonormalize(vectors, tall);

  const gain = number(wanted, 'gain');
  const round = rounder(dtype);
  const out = floats('Orthogonal', dtype, rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      out[i * columns + j] = round(gain * (rows < columns ? vectors[i][j] : vectors[j][i]));
    }
  }
  return new Tensor(dtype, shape, out);
}

/** Variance scale/max(1, fan), of a distribution cut at two standard deviations, a whole normal or a uniform one. */
function varianceScaling(scale: number, mode: string, distribution: string, wanted: Wanted): Tensor {
  if (!(scale > 0))
    throw new Problem('invalid-config', `VarianceScaling's 'scale' is ${scale}. Send a positive number.`);
  const variance = scale / Math.max(1, fan(mode, wanted.params, wanted.shape));
  switch (distribution.toLowerCase()) {
    case 'uniform': {
      const limit = Math.sqrt(3 * variance);
      return drawUniform(-limit, limit, wanted);
    }
    case 'untruncated_normal':
      return drawNormal(normal, 0, Math.sqrt(variance), wanted);
    case 'normal':
    case 'truncated_normal':
      // The standard deviation of a standard normal cut at ±2.
      return drawNormal(truncatedNormal, 0, Math.sqrt(variance) / 0.8796256610342398, wanted);
    default:
      throw new Problem(
        'invalid-config',
        `VarianceScaling's 'distribution' is ${quote(distribution)}. Send truncated_normal, untruncated_normal or uniform.`,
      );
  }
}

function drawUniform(low: number, high: number, wanted: Wanted): Tensor {
  const { shape, dtype } = wanted;
  const out = floats('A random initializer', dtype, sizeOf(shape));
  const round = rounder(dtype);
  uniform(stream(wanted), dtype, out);
  // Keras casts the limits, Python floats, by way of float32; in float64 too.
  const start = round(Math.fround(low));
  const width = round(round(Math.fround(high)) - start);
  for (let i = 0; i < out.length; i++) out[i] = round(round(out[i] * width) + start);
  return new Tensor(dtype, shape, out);
}

function drawNormal(
  distribution: (stream: PhiloxStream, dtype: Dtype, out: FloatArray) => void,
  mean: number,
  stddev: number,
  wanted: Wanted,
): Tensor {
  const { shape, dtype } = wanted;
  const out = floats('A random initializer', dtype, sizeOf(shape));
  const round = rounder(dtype);
  distribution(stream(wanted), dtype, out);
  const scale = round(stddev);
  const shift = round(mean);
  for (let i = 0; i < out.length; i++) out[i] = round(round(out[i] * scale) + shift);
  return new Tensor(dtype, shape, out);
}

function stream({ params: { seed }, n }: Wanted): PhiloxStream {
  if (typeof seed === 'number' && Number.isInteger(seed)) return philoxStream(seed, n);
  throw new Problem('invalid-config', `An initializer's 'seed' is ${quote(seed)}. Send an integer.`);
}

function floats(who: string, dtype: Dtype, size: number): FloatArray {
  if (isFloat(dtype)) return allocate(dtype, size) as FloatArray;
  throw new Problem('invalid-config', `${who} draws real numbers, and the dtype is ${dtype}. Send a float dtype.`);
}

function number({ params }: Wanted, name: string): number {
  const value = params[name];
  if (typeof value === 'number') return value;
  throw new Problem('invalid-config', `An initializer's '${name}' is ${quote(value)}. Send a number.`);
}
