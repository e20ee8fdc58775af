import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import type { NamedSpec } from '../../src/domain/learning.ts';
import { parseOptimizer } from '../../src/frameworks/keras/training/parse-optimizer.ts';
import {
  learningRateAt,
  regularize,
  ruleOf,
  type TrainedVariable,
  updateVariables,
} from '../../src/training/update.ts';
import { type GoldenTensor, readGolden } from '../golden/compare.ts';

interface Serialized {
  readonly class_name: string;
  readonly config: JsonObject;
}
interface OptimizerCase {
  readonly name: string;
  readonly optimizer: JsonObject;
  readonly variables: readonly {
    readonly values: GoldenTensor;
    readonly regularizer: Serialized | null;
    readonly constraint: Serialized | null;
  }[];
  readonly steps: readonly {
    readonly gradients: readonly GoldenTensor[];
    readonly penalty: number;
    readonly after: readonly GoldenTensor[];
  }[];
}

const { cases } = readGolden<{ cases: OptimizerCase[] }>('training/optimizers.json');
const numbers = ({ data }: GoldenTensor) => Float32Array.from(data, Number);
const named = (object: Serialized | null): NamedSpec | undefined =>
  object ? { className: object.class_name, params: object.config as NamedSpec['params'] } : undefined;

describe('optimizers, regularizers and constraints as Keras has them', () => {
  it.each(cases)('$name', ({ optimizer, variables, steps }) => {
    const { spec } = parseOptimizer(optimizer, '/optimizer');
    const trained = variables.map(
      ({ values, regularizer, constraint }, k): TrainedVariable => ({
        name: `w${k}`,
        shape: values.shape,
        dtype: 'float32',
        values: numbers(values),
        slots: ruleOf(spec).slots.map(({ initial }) => new Float32Array(values.data.length).fill(initial)),
        regularizer: named(regularizer),
        constraint: named(constraint),
      }),
    );
    for (const [iteration, { gradients, penalty, after }] of steps.entries()) {
      const given = gradients.map(numbers);
      expect(regularize(trained, given)).toBeCloseTo(penalty, 5);
      for (const _ of updateVariables(
        spec,
        iteration,
        trained,
        given.map((values) => ({ values })),
      ));
      for (const [k, { data }] of after.entries()) {
        data.forEach((expected, i) => {
          expect(Math.abs(trained[k].values[i] - Number(expected)), `w${k}[${i}]`).toBeLessThan(4e-6);
        });
      }
    }
  });
});

describe('an optimizer by its identifiers', () => {
  it.each(['adam', 'ADAM', 'Adam'])('knows %s', (name) => {
    expect(parseOptimizer(name, '/optimizer').serialized).toEqual({
      class_name: 'Adam',
      config: {
        learning_rate: 0.001,
        weight_decay: null,
        clipnorm: null,
        global_clipnorm: null,
        clipvalue: null,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-7,
        amsgrad: false,
      },
    });
  });

  it("keeps a schedule's whole config", () => {
    const learning_rate = { class_name: 'ExponentialDecay', config: schedule({}) };
    const { spec, serialized } = parseOptimizer({ class_name: 'SGD', config: { learning_rate } }, '/optimizer');
    expect(learningRateAt(spec, 10)).toBeCloseTo(0.05, 12);
    expect((serialized.config as JsonObject).learning_rate).toEqual({
      module: 'keras.optimizers.schedules',
      class_name: 'ExponentialDecay',
      config: { ...schedule({}), staircase: false, name: 'ExponentialDecay' },
      registered_name: null,
    });
  });

  it.each<[string, JsonObject | string, RegExp]>([
    ['an unknown name', 'adamax', /Could not interpret optimizer identifier: "adamax"/],
    ['a learning rate of 0', sgd({ learning_rate: 0 }), /learning_rate.*: 0\. Send a positive number/],
    ['a learning rate of NaN', sgd({ learning_rate: 'NaN' }), /Send a positive number, or a schedule/],
    ['a negative learning rate', sgd({ learning_rate: -1 }), /Send a positive number/],
    ['an unknown parameter', sgd({ rho: 1 }), /"rho"/],
    ['two kinds of clipping', sgd({ clipnorm: 1, clipvalue: 1 }), /Only one of/],
    ['a moving average of the weights', sgd({ use_ema: true }), /does not have it. Send false/],
    ['a momentum above 1', sgd({ momentum: 2 }), /from 0 to 1/],
    ['an unknown schedule', sgd({ learning_rate: { class_name: 'Step', config: {} } }), /schedule identifier: "Step"/],
    ['a decay of no steps', sgd({ learning_rate: decay(schedule({ decay_steps: 0 })) }), /positive number/],
    ['a schedule that starts at 0', sgd({ learning_rate: decay(schedule({ initial_learning_rate: 0 })) }), /positive/],
    ['boundaries without their values', sgd({ learning_rate: steps([1, 2], [0.1]) }), /1 values/],
    ['boundaries that fall', sgd({ learning_rate: steps([2, 1], [0.1, 0.2, 0.3]) }), /greater than the one before/],
  ])('refuses %s', (_, sent, message) => {
    expect(() => parseOptimizer(sent, '/optimizer')).toThrow(message);
  });
});

function sgd(config: JsonObject): JsonObject {
  return { class_name: 'SGD', config };
}

function decay(config: JsonObject): JsonObject {
  return { class_name: 'ExponentialDecay', config };
}

function schedule(changed: JsonObject): JsonObject {
  return { initial_learning_rate: 0.1, decay_steps: 10, decay_rate: 0.5, ...changed };
}

function steps(boundaries: readonly number[], values: readonly number[]): JsonObject {
  return { class_name: 'PiecewiseConstantDecay', config: { boundaries, values } };
}
