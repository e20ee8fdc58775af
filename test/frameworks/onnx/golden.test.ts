import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import { onnxCell } from '../../../src/frameworks/onnx/definitions.ts';
import { type GoldenTensor, readGolden } from '../../cells/golden-data.ts';
import { type Arranged, expectClose, goldenArray, goldenTensors, runSequence } from '../run-definition.ts';

type Outputs = Partial<Record<'Y' | 'Y_h' | 'Y_c', GoldenTensor>>;
interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes: JsonObject;
  readonly inputs: Record<string, GoldenTensor> & { readonly X: GoldenTensor };
  readonly outputs: Outputs | null;
  readonly reference_float64?: Outputs;
  readonly ort_agrees_with_reference?: boolean;
}
const official = readGolden<{ cases: Case[] }>('onnx_nodes/official.json').cases;
const nodes = readGolden<{ cases: Case[] }>('onnx_nodes/onnxruntime.json').cases;

function run({ op, attributes, inputs }: Case, dtype: 'float32' | 'float64') {
  const definition = onnxCell(op, { ...attributes, dtype }, { maxUnits: 4096 });
  const weightNames = ['W', 'R', 'B', 'P'].filter((name) => inputs[name]);
  const given = Object.fromEntries(weightNames.map((name) => [name, inputs[name]]));
  const weights = goldenTensors(given, dtype);
  const X = goldenArray(inputs.X);
  const specs = definition.variables(X.shape[2], weightNames);
  expect(specs.map(({ name, shape }) => [name, shape])).toEqual(weightNames.map((name) => [name, given[name].shape]));
  const zero = (): Arranged => {
    const [axis] = definition.stateGroups;
    const batch = definition.layout.timeMajor ? X.shape[1] : X.shape[0];
    const D = axis.members.length;
    const shape = definition.layout.timeMajor ? [D, batch, axis.width] : [batch, D, axis.width];
    return { shape, data: new Float64Array(D * batch * axis.width) };
  };
  const initial = definition.stateGroups.map(({ name }) => {
    const state = inputs[`initial_${name}`];
    return state ? goldenArray(state) : zero();
  });
  const { output, states } = runSequence(definition, weights, X, initial, inputs.sequence_lens?.data.map(Number));
  return { Y: output, Y_h: states[0], Y_c: states[1] };
}

function expectOutputs(actual: ReturnType<typeof run>, expected: Outputs, absolute: number, ulps?: number): void {
  const names = Object.keys(expected) as (keyof Outputs)[];
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expectClose(actual[name], expected[name] as GoldenTensor, absolute, ulps);
}

it('the golden cases are all there', () => {
  expect([official.length, nodes.length]).toEqual([13, 45]);
});

describe('an ONNX operator', () => {
  it.each(official)("gives what ONNX's own node tests expect: $name", (one) => {
    expectOutputs(run(one, 'float32'), one.outputs ?? {}, 2e-6);
  });

  it.each(nodes)('gives the reference results in float32: $name', (one) => {
    expectOutputs(run(one, 'float32'), one.reference_float64 ?? {}, 2e-6, 8);
  });

  it.each(nodes)('agrees with the reference to 1e-13 in float64: $name', (one) => {
    expectOutputs(run(one, 'float64'), one.reference_float64 ?? {}, 1e-13);
  });

  it.each(nodes.filter((one) => one.ort_agrees_with_reference))('gives what onnxruntime gives: $name', (one) => {
    expectOutputs(run(one, 'float32'), one.outputs ?? {}, 2e-6);
  });
});
