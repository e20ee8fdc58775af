import type { JsonObject } from '../src/domain/json.ts';
import type { LossSpec, OptimizerSpec } from '../src/domain/learning.ts';
import { sizeOf, Tensor } from '../src/domain/tensor.ts';
import type { Engine } from '../src/engine/engine.ts';
import { defineCell } from '../src/frameworks/define-cell.ts';
import { atOnce } from '../src/threads/in-turns.ts';
import { updateVariables } from '../src/training/update.ts';
import { type Contender, calls } from './measure.ts';
import { uniform } from './random-cells.ts';

/** A language model over characters: Embedding 96→32, GRU 128, Dense 96. */
export const CHAR_LM = { letters: 96, width: 32, units: 128, batch: 32, time: 64 } as const;

const { letters, width, units, batch, time } = CHAR_LM;
const LOSS: LossSpec = {
  className: 'SparseCategoricalCrossentropy',
  params: { from_logits: true },
  reduction: 'sum_over_batch_size',
};
const ADAM: OptimizerSpec = {
  className: 'Adam',
  params: { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false },
  learningRate: 0.001,
  weightDecay: null,
  clipnorm: null,
  clipvalue: null,
  global_clipnorm: null,
};

export function charLmLayers(activation: 'softmax' | null): JsonObject[] {
  return [
    { class_name: 'InputLayer', config: { batch_shape: [null, null] } },
    { class_name: 'Embedding', config: { input_dim: letters, output_dim: width, name: 'embedding' } },
    { class_name: 'GRU', config: { units, return_sequences: true, name: 'gru' } },
    { class_name: 'Dense', config: { units: letters, activation, name: 'dense' } },
  ];
}

function model(activation: 'softmax' | null) {
  const layers = charLmLayers(activation);
  const options = { maxUnits: units, autoName: (base: string) => base };
  const definition = atOnce(defineCell('keras', 'Sequential', { layers }, options));
  const random = uniform(1);
  const values = definition.variables(1).map(({ name, shape, dtype }) => {
    return { name, shape, dtype, values: Float32Array.from({ length: sizeOf(shape) }, () => (random() - 0.5) / 5) };
  });
  return { definition, values };
}

type Model = ReturnType<typeof model>;

function weightsOf({ values }: Pick<Model, 'values'>) {
  return Object.fromEntries(values.map((one) => [one.name, new Tensor(one.dtype, one.shape, one.values.slice())]));
}

/** One step of one row, as a call of an engine. */
export function charLmStep(engine: Engine, activation: 'softmax' | null): Contender {
  const { definition, values } = model(activation);
  const program = definition.step?.(1, weightsOf({ values }));
  if (!program) throw new Error('the language model has no single steps');
  const prepared = engine.prepare(program);
  const [inputs, states] = [Float64Array.of(3), [new Float32Array(units)]];
  return calls('cellstep', () => prepared.step(inputs, states, 1));
}

/** Milliseconds that the parts of training steps have taken, and how many steps there were. */
export interface TrainingParts {
  forward: number;
  back: number;
  update: number;
  rest: number;
  steps: number;
}

/**
 * A step of Adam on one batch, as the service makes it: weights into a new program, forward, back and the update. `parts` adds up
 * where the time goes; the loss is part of the way back.
 */
export function charLmTraining(engine: Engine, parts: TrainingParts): Contender {
  const { definition, values } = model(null);
  const trained = values.map((one) => ({ ...one, slots: [one.values.slice().fill(0), one.values.slice().fill(0)] }));
  const random = uniform(7);
  const tokens = () => Array.from({ length: batch * time }, () => Math.floor(random() * letters));
  const inputs = Float64Array.from(tokens());
  const classes = Float32Array.from(tokens());
  // The loss asks for the targets when the way forwards is over.
  let between = 0;
  const targets = {
    get values() {
      between ||= performance.now();
      return classes;
    },
    entries: batch * time,
    width: letters,
  };
  const states = [new Float32Array(batch * units)];
  const request = { inputs, batch, time, states, zeroOutputForMask: false, returnSequences: true };
  let iteration = 0;
  return calls('cellstep', () => {
    const start = performance.now();
    const program = definition.sequence(1, weightsOf({ values: trained }), false);
    const made = engine.prepareTraining(program).run({ ...request, training: { seed: 1 }, loss: LOSS, targets });
    const before = performance.now();
    between = 0;
    const result = atOnce(made);
    const after = performance.now();
    const gradients = definition.gradients(result);
    const own = trained.map(({ name }) => ({ values: gradients[name].slice() }));
    atOnce(updateVariables(ADAM, iteration++, trained, own));
    const end = performance.now();
    parts.rest += before - start;
    parts.forward += between - before;
    parts.back += after - between;
    parts.update += end - after;
    parts.steps += 1;
  });
}
