import type { Api } from '../api/client.ts';
import type { Tensor } from '../api/types.ts';
import { rows, wire } from '../numbers/numbers.ts';
import type { Cube, Examples, LossName } from './tasks.ts';
import type { OptimizerName, Train, TrainingRequest } from './training.ts';

interface Variable {
  readonly name: string;
  readonly shape: readonly number[];
}

interface Slots {
  readonly mean: Float64Array;
  readonly square: Float64Array;
}

/**
 * Training with the gradients of the service and an optimizer here, as examples/train-over-http.ts does: for a service
 * that has no training steps of its own. The slots of the optimizer live as long as this.
 */
export function trainByGradients(api: Api): Train {
  const kept = new Map<string, { iteration: number; slots: Map<string, Slots> }>();
  return async function* (cell, request, signal) {
    const state = kept.get(cell) ?? { iteration: 0, slots: new Map<string, Slots>() };
    kept.set(cell, state);
    const { variables } = await api.get<{ variables: Variable[] }>(`v1/cells/${cell}`);
    const { weights } = await api.get<{ weights: Record<string, Tensor> }>(`v1/cells/${cell}/weights`);
    const values = new Map(variables.map(({ name }) => [name, Float64Array.from(rows(weights[name]).flat())]));
    for (let i = 0; i < request.repeat && !signal.aborted; i++) {
      const { output } = await api.post<{ output: Cube }>(`v1/cells/${cell}/sequences`, { inputs: request.inputs });
      const { loss, cotangent } = lossOf(request.loss, output, request);
      const body = { inputs: request.inputs, cotangent };
      const { gradients } = await api.post<{ gradients: Record<string, Tensor> }>(`v1/cells/${cell}/gradients`, body);
      state.iteration++;
      for (const { name } of variables) {
        const value = values.get(name)!;
        const slots = state.slots.get(name) ?? {
          mean: new Float64Array(value.length),
          square: new Float64Array(value.length),
        };
        state.slots.set(name, slots);
        update(value, rows(gradients[name]).flat(), slots, state.iteration, request.optimizer);
      }
      const next = variables.map(({ name, shape }) => [name, { shape, data: Array.from(values.get(name)!, wire) }]);
      await api.put(`v1/cells/${cell}/weights`, { weights: Object.fromEntries(next) });
      yield loss;
    }
  };
}

const EPSILON = 1e-7;

/** One update of a variable in place, with Keras' defaults. */
function update(
  value: Float64Array,
  gradient: readonly number[],
  { mean, square }: Slots,
  iteration: number,
  optimizer: TrainingRequest['optimizer'],
): void {
  const { learning_rate: rate } = optimizer.config;
  const size = SIZES[optimizer.class_name];
  for (let i = 0; i < value.length; i++) {
    mean[i] = 0.9 * mean[i] + 0.1 * gradient[i];
    const decay = optimizer.class_name === 'Adam' ? 0.999 : 0.9;
    square[i] = decay * square[i] + (1 - decay) * gradient[i] ** 2;
    value[i] -= rate * size(gradient[i], mean[i], square[i], iteration);
  }
}

const SIZES: Readonly<
  Record<OptimizerName, (gradient: number, mean: number, square: number, iteration: number) => number>
> = {
  SGD: (gradient) => gradient,
  RMSprop: (gradient, _mean, square) => gradient / Math.sqrt(square + EPSILON),
  Adam: (_gradient, mean, square, iteration) =>
    mean / (1 - 0.9 ** iteration) / (Math.sqrt(square / (1 - 0.999 ** iteration)) + EPSILON),
};

/** The mean loss, and its gradient with respect to each output. */
function lossOf(name: LossName, output: Cube, { targets }: Examples): { loss: number; cotangent: number[][][] } {
  const steps = output.length * output[0].length;
  const count = name === 'categorical_crossentropy' ? steps : steps * output[0][0].length;
  const { value, slope } = LOSSES[name];
  let loss = 0;
  const cotangent = output.map((row, n) =>
    row.map((ys, t) =>
      ys.map((y, k) => {
        loss += value(y, targets[n][t][k]) / count;
        return slope(y, targets[n][t][k]) / count;
      }),
    ),
  );
  return { loss, cotangent };
}

const inside = (y: number) => Math.min(1 - EPSILON, Math.max(EPSILON, y));

const LOSSES: Readonly<Record<LossName, Readonly<Record<'value' | 'slope', (y: number, target: number) => number>>>> = {
  mean_squared_error: { value: (y, target) => (y - target) ** 2, slope: (y, target) => 2 * (y - target) },
  binary_crossentropy: {
    value: (y, target) => -(target * Math.log(inside(y)) + (1 - target) * Math.log(1 - inside(y))),
    slope: (y, target) => (inside(y) - target) / (inside(y) * (1 - inside(y))),
  },
  categorical_crossentropy: {
    value: (y, target) => -target * Math.log(inside(y)),
    slope: (y, target) => -target / inside(y),
  },
};
