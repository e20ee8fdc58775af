import { describe, expect, it } from 'vitest';
import type { CellDefinition } from '../../../src/domain/cell-definition.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { pytorchCell } from '../../../src/frameworks/pytorch/definitions.ts';
import { type GoldenTensor, readGolden } from '../../cells/golden-data.ts';
import { kerasCell } from '../../support/define.ts';
import { freshNames } from '../keras/support.ts';
import { type Arranged, expectClose, goldenArray, goldenTensors, runSequence, runStep } from '../run-definition.ts';

interface Case {
  readonly name: string;
  readonly module: { readonly class_name: string; readonly kwargs: JsonObject };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly initial_state: GoldenTensor[] | null;
  readonly outputs: GoldenTensor;
  readonly states: GoldenTensor[];
  readonly reference_float64: { readonly outputs: GoldenTensor; readonly states: GoldenTensor[] };
  readonly keras_equivalent?: {
    readonly class_name: string;
    readonly config: JsonObject;
    readonly weights: Record<string, GoldenTensor>;
  };
}
const cases = readGolden<{ cases: Case[] }>('pytorch_cells.json').cases;
const layers = cases.filter(({ module }) => !module.class_name.endsWith('Cell'));

function define({ module }: Case, dtype: string): CellDefinition {
  return pytorchCell(module.class_name, { ...module.kwargs, dtype }, { maxUnits: 4096 });
}

function run(definition: CellDefinition, { weights, inputs, initial_state }: Case) {
  const tensors = goldenTensors(weights, definition.variableDtype);
  const initial = initial_state?.map(goldenArray);
  const runIt = definition.className.endsWith('Cell') ? runStep : runSequence;
  return runIt(definition, tensors, goldenArray(inputs), initial);
}

it('the golden cases are all there', () => {
  expect(cases.length).toBe(29);
  expect(layers.length).toBe(12);
});

describe('a PyTorch module', () => {
  it.each(cases)('has the variables of PyTorch: $name', (one) => {
    const variables = define(one, 'torch.float32').variables(one.inputs.shape.at(-1) ?? 0);
    expect(variables.map(({ name, shape }) => [name, shape])).toEqual(
      Object.entries(one.weights).map(([name, { shape }]) => [name, shape]),
    );
  });

  it.each(cases)('gives PyTorch its results in float32: $name', (one) => {
    const { output, states } = run(define(one, 'torch.float32'), one);
    expectClose(output, one.outputs, 2e-6);
    expectClose(output, one.reference_float64.outputs, 2e-6, 8);
    expect(states.length).toBe(one.states.length);
    states.forEach((state, i) => {
      expectClose(state, one.states[i], 2e-6);
      expectClose(state, one.reference_float64.states[i], 2e-6, 8);
    });
  });

  it.each(cases)('agrees with the reference to 1e-13 in float64: $name', (one) => {
    const { output, states } = run(define(one, 'torch.float64'), one);
    expectClose(output, one.reference_float64.outputs, 1e-13);
    states.forEach((state, i) => {
      expectClose(state, one.reference_float64.states[i], 1e-13);
    });
  });

  it.each(cases.filter((one) => one.keras_equivalent))('gives what its Keras equivalent gives: $name', (one) => {
    const { class_name, config, weights } = one.keras_equivalent as NonNullable<Case['keras_equivalent']>;
    const keras = kerasCell(class_name, config, { autoName: freshNames(), maxUnits: 4096 });
    const initial = one.initial_state?.map(goldenArray);
    const expected = runStep(keras, goldenTensors(weights, 'float32'), goldenArray(one.inputs), initial);
    const actual = run(define(one, 'torch.float32'), one);
    const golden = ({ shape, data }: Arranged): GoldenTensor => ({ shape: [...shape], data: Array.from(data) });
    // Keras' one bias is the sum of both rounded to float32.
    expectClose(actual.output, golden(expected.output), 2.4e-7);
    expected.states.forEach((state, i) => {
      expectClose(actual.states[i], golden(state), 2.4e-7);
    });
  });
});

describe('the steps of a PyTorch layer', () => {
  it.each(layers.filter(({ module }) => !module.kwargs.bidirectional))(
    'make up its sequence, bit for bit: $name',
    (one) => {
      const definition = define(one, 'torch.float32');
      const weights = goldenTensors(one.weights, 'float32');
      const { shape, data } = goldenArray(one.inputs);
      const [time, batch] = definition.layout.timeMajor ? shape : [shape[1], shape[0]];
      const whole = run(definition, one);
      let states = one.initial_state?.map(goldenArray);
      for (let t = 0; t < time; t++) {
        const rows = Array.from({ length: batch }, (_, row) => {
          const start = (definition.layout.timeMajor ? t * batch + row : row * time + t) * shape[2];
          return Array.from(data).slice(start, start + shape[2]);
        });
        const step = runStep(definition, weights, { shape: [batch, shape[2]], data: rows.flat() }, states);
        states = [...step.states];
      }
      expect(states?.map((state) => Array.from(state.data))).toEqual(
        whole.states.map((state) => Array.from(state.data)),
      );
    },
  );

  it.each(layers.filter(({ module }) => module.kwargs.bidirectional))(
    'do not exist in two directions: $name',
    (one) => {
      expect(define(one, 'torch.float32').step).toBeUndefined();
    },
  );
});
