import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden, requestTensors } from './compare.ts';

interface Results {
  readonly outputs: GoldenTensor;
  readonly states: readonly GoldenTensor[];
}

interface Case extends Results {
  readonly name: string;
  readonly module: { readonly class_name: string; readonly kwargs: Record<string, unknown> };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly initial_state: readonly GoldenTensor[] | null;
  readonly reference_float64: Results;
}

const { cases } = readGolden<{ cases: Case[] }>('pytorch_cells.json');
const isCell = ({ module }: Case) => module.class_name.endsWith('Cell');

describe.each(['fast', 'exact'] as const)('modules of PyTorch, over HTTP: %s', (precision) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  async function resultOf(one: Case): Promise<{ output: FlatTensor; states: FlatTensor[] }> {
    const { class_name, kwargs: config } = one.module;
    const weights = requestTensors(one.weights);
    await make(app, '/v1/cells', { id: one.name, framework: 'pytorch', class_name, config, precision, weights });
    const initial = one.initial_state?.map(asRequest);
    const [route, field] = isCell(one) ? ['steps', 'states'] : ['sequences', 'initial_state'];
    const body = { inputs: asRequest(one.inputs), ...(initial ? { [field]: initial } : {}), tensor_format: 'flat' };
    const reply = await call(app, 'POST', `/v1/cells/${one.name}/${route}`, body);
    expect(reply.status, reply.text).toBe(200);
    return reply.body;
  }

  it('has cells and layers among its cases', () => {
    expect(cases.filter(isCell)).toHaveLength(17);
    expect(cases.filter((one) => !isCell(one))).toHaveLength(12);
  });

  it.each(cases)('$name', async (one) => {
    const { output, states } = await resultOf(one);
    for (const golden of [one.reference_float64, one]) {
      expectClose(output, golden.outputs, 'output');
      expect(states).toHaveLength(golden.states.length);
      golden.states.forEach((state, i) => {
        expectClose(states[i], state, `state ${i}`);
      });
    }
  });
});
