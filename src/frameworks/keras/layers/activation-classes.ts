import { isArray } from '../../../domain/json.ts';
import type { ActivationSpec } from '../../../domain/program.ts';
import { type Shape, sizeOf } from '../../../domain/tensor.ts';
import {
  axisOf,
  defineLayer,
  impossible,
  kerasShape,
  type LayerClass,
  type LayerSource,
  type Signal,
  unsupported,
  variable,
} from './layer-class.ts';
import { ACTIVATION, CONSTRAINT, initializer, json, number, REGULARIZER } from './layer-fields.ts';

function activated(source: LayerSource, input: Signal, activation: ActivationSpec | undefined) {
  if (input.dims.length === 0 && activation?.name === 'softmax') {
    throw unsupported(source, 'activation', 'softmax needs an axis of features.');
  }
  return defineLayer(source, { kind: 'identity', params: {}, inputs: [input], output: input, activation });
}

/** Keras Activation. */
const activation: LayerClass = {
  fields: { activation: ACTIVATION },
  define: (source, [input]) => activated(source, input, source.set.activations.get('activation')),
};

/** A parameter that Keras wants non-negative. */
function atLeastZero(source: LayerSource, field: string): number {
  const value = source.set.numbers.get(field) ?? 0;
  if (value < 0) throw impossible(source, field, value, 'a number, 0 or more');
  return value;
}

/** Keras ReLU: max_value, negative_slope, threshold. */
const relu: LayerClass = {
  fields: { max_value: json(null), negative_slope: number(0), threshold: number(0) },
  define(source, [input]) {
    const most = source.set.json.get('max_value') ?? null;
    if (most !== null && !(typeof most === 'number' && Number.isFinite(most) && most >= 0)) {
      throw impossible(source, 'max_value', most, 'a number, 0 or more, or null');
    }
    const params = {
      negative_slope: atLeastZero(source, 'negative_slope'),
      max_value: most,
      threshold: atLeastZero(source, 'threshold'),
    };
    return activated(source, input, { name: 'relu', params });
  },
};

const leakyRelu: LayerClass = {
  fields: { negative_slope: number(0.3) },
  define: (source, [input]) =>
    activated(source, input, { name: 'leaky_relu', params: { negative_slope: atLeastZero(source, 'negative_slope') } }),
};

const elu: LayerClass = {
  fields: { alpha: number(1) },
  define: (source, [input]) =>
    activated(source, input, { name: 'elu', params: { alpha: source.set.numbers.get('alpha') ?? 1 } }),
};

/** Keras Softmax along the last axis. It expects a mask of its own axis, so it refuses one of time steps, as Keras does. */
const softmax: LayerClass = {
  fields: { axis: json(-1) },
  define(source, [input]) {
    const sent = source.set.json.get('axis') ?? -1;
    const axis = isArray(sent) && sent.length === 1 ? sent[0] : sent;
    if (typeof axis !== 'number' || axisOf(source, input, axis) !== input.dims.length - 1) {
      throw unsupported(source, 'axis', 'only the last axis is computed. Send axis -1.');
    }
    if (input.masked) {
      const why = 'a mask of time steps comes to it, which it takes for one of features. Use Activation("softmax").';
      throw unsupported(source, 'axis', why);
    }
    const defined = activated(source, input, { name: 'softmax', params: { axis: -1 } });
    return { ...defined, mask: { kind: 'refuse' } };
  },
};

/** Keras PReLU: weights for each number, but along the shared axes. */
const prelu: LayerClass = {
  fields: {
    alpha_initializer: initializer('zeros'),
    alpha_regularizer: REGULARIZER,
    alpha_constraint: CONSTRAINT,
    shared_axes: json(null),
  },
  define(source, [input]) {
    const shape = kerasShape(input).slice(1);
    const shared = sharedAxes(source, shape.length);
    const extents = shape.map((extent, k) => (shared.has(k + 1) ? 1 : extent));
    if (extents.some((extent) => extent === null)) {
      throw unsupported(
        source,
        'shared_axes',
        'it has weights for each step of a sequence of any length. Send shared_axes [1].',
      );
    }
    const wholeTime = input.time && !input.mapped && !shared.has(1);
    const alpha = variable(source, 'alpha', extents as number[], 'alpha_initializer');
    return defineLayer(source, {
      kind: 'prelu',
      params: {
        places: placesIn(
          wholeTime ? (shape as number[]) : input.dims,
          wholeTime ? alpha.shape : alpha.shape.slice(-input.dims.length),
        ),
      },
      inputs: [input],
      output: input,
      variables: [alpha],
      ...(wholeTime ? { reach: 'sequence' } : {}),
    });
  },
};

function sharedAxes(source: LayerSource, rank: number): Set<number> {
  const sent = source.set.json.get('shared_axes') ?? [];
  const axes = isArray(sent) ? sent : [sent];
  const known = axes.filter(
    (axis): axis is number => Number.isInteger(axis) && Number(axis) >= 1 && Number(axis) <= rank,
  );
  if (known.length === axes.length) return new Set(known);
  throw impossible(source, 'shared_axes', sent, `a list of axes from 1 to ${rank}`);
}

/** For each number of `shape` the place of its own in `own`, which has extent 1 along some axes. */
export function placesIn(shape: Shape, own: Shape): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, place) => {
    let rest = place;
    let at = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (own[axis] > 1) at += (rest % shape[axis]) * stride;
      rest = Math.floor(rest / shape[axis]);
      stride *= own[axis];
    }
    return at;
  });
}

export const ACTIVATION_CLASSES: Readonly<Record<string, LayerClass>> = {
  Activation: activation,
  ELU: elu,
  LeakyReLU: leakyRelu,
  PReLU: prelu,
  ReLU: relu,
  Softmax: softmax,
};
