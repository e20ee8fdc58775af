import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden, requestTensors } from './compare.ts';

type Outputs = Partial<Record<'Y' | 'Y_h' | 'Y_c', GoldenTensor>>;

interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes: Record<string, unknown>;
  readonly inputs: Record<string, GoldenTensor>;
  readonly outputs: Outputs | null;
  readonly reference_float64?: Outputs;
  readonly ort_agrees_with_reference?: boolean;
}

const official = readGolden<{ cases: Case[] }>('onnx_nodes/official.json').cases;
const nodes = readGolden<{ cases: Case[] }>('onnx_nodes/onnxruntime.json').cases;

/** Where onnxruntime departs from the text of the operators; why, each one. */
const DEPARTURES = {
  LSTM_sequence_lens_zero: 'gives an empty sequence zero final states; here they are the initial ones',
  RNN_affine_default_alpha_beta: "takes 0 for Affine's alpha; the operator says 1",
  RNN_thresholded_default_alpha_beta: "takes 0 for ThresholdedRelu's alpha; the operator says 1",
};

describe.each(['fast', 'exact'] as const)('nodes of ONNX, over HTTP: %s', (precision) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  async function resultOf({ name, op, attributes, inputs }: Case): Promise<Record<keyof Outputs, FlatTensor>> {
    const { X, sequence_lens, initial_h, initial_c, ...weights } = inputs;
    const given = requestTensors(weights);
    const cell = { id: name, framework: 'onnx', class_name: op, config: attributes, precision, weights: given };
    await make(app, '/v1/cells', cell);
    const initial = [initial_h, initial_c].filter((state) => state !== undefined).map(asRequest);
    const body = {
      inputs: asRequest(X),
      ...(initial.length > 0 ? { initial_state: initial } : {}),
      ...(sequence_lens ? { sequence_lengths: sequence_lens.data } : {}),
      tensor_format: 'flat',
    };
    const reply = await call(app, 'POST', `/v1/cells/${name}/sequences`, body);
    expect(reply.status, reply.text).toBe(200);
    await call(app, 'DELETE', `/v1/cells/${name}`);
    const { output: Y, states } = reply.body;
    return { Y, Y_h: states[0], Y_c: states[1] };
  }

  function expectOutputs(actual: Record<keyof Outputs, FlatTensor>, expected: Outputs): void {
    const named = Object.entries(expected) as [keyof Outputs, GoldenTensor][];
    expect(named.length).toBeGreaterThan(0);
    for (const [name, tensor] of named) expectClose(actual[name], tensor, name);
  }

  it('has all the cases', () => {
    expect([official.length, nodes.length]).toEqual([13, 45]);
  });

  it.each(official)("gives what ONNX's own node test expects: $name", async (one) => {
    expectOutputs(await resultOf(one), one.outputs ?? {});
  });

  it.each(nodes)('gives what float64 arithmetic gives: $name', async (one) => {
    expectOutputs(await resultOf(one), one.reference_float64 ?? {});
  });

  it.each(nodes.filter((one) => one.ort_agrees_with_reference))('gives what onnxruntime gives: $name', async (one) => {
    expectOutputs(await resultOf(one), one.outputs ?? {});
  });

  it('knows each case in which onnxruntime departs from the operator', () => {
    const departing = nodes.filter((one) => one.ort_agrees_with_reference === false).map(({ name }) => name);
    expect(departing.sort()).toEqual(Object.keys(DEPARTURES));
  });

  it.each(Object.entries(DEPARTURES))('does not follow onnxruntime in %s, where it %s', async (name) => {
    const one = nodes.find((node) => node.name === name) as Case;
    const result = await resultOf(one);
    expectOutputs(result, one.reference_float64 ?? {});
    expect(() => expectOutputs(result, one.outputs ?? {})).toThrow();
  });
});
