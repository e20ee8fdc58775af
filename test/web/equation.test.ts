import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cell, StepReply, Tensor, WeightsReply } from '../../web/src/api/types.ts';
import { layerStep } from '../../web/src/cell/layer-step.ts';
import { equation } from '../../web/src/model/equation.ts';
import { isOwn, likeKeras, statesOfRow } from '../../web/src/model/foreign.ts';
import { layersOf, layerWeights } from '../../web/src/model/layers.ts';
import { momentOf } from '../../web/src/model/moment.ts';
import { OwnCell } from '../../web/src/play/own-cell.ts';
import { FIRST_SPEC, newCell, type Spec } from '../../web/src/play/spec.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { serviceApi } from './service-api.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

async function secondStep(spec: Spec) {
  const own = new OwnCell(serviceApi(app).api, 'test');
  await own.make(newCell(spec, 3));
  // Biases begin as zeros, which would hide a bias in the wrong place.
  const weights = Object.entries(own.weights.value).map(([name, value]) => [
    name,
    name.endsWith('bias') ? biased(value) : value,
  ]);
  await own.putWeights(Object.fromEntries(weights));
  const first = await own.step(
    Array.from({ length: spec.features }, (_, i) => 0.5 - i),
    own.cell.value!.state_shapes.map((shape) => Array.from({ length: Number(shape.at(-1)) }, (_, j) => 0.3 - 0.5 * j)),
  );
  const second = await own.step(first.x, first.states);
  return { own, second };
}

function biased(value: unknown, place = { number: 0 }): never {
  if (Array.isArray(value)) return value.map((item) => biased(item, place)) as never;
  return (((place.number++ * 7) % 11) / 10 - 0.4) as never;
}

/** What the numbers of a line come to, by arithmetic. */
function worth(numbers: string, most = Number.POSITIVE_INFINITY): number {
  const code = numbers
    .split(' = ')[0]
    .replaceAll('−', '-')
    .replaceAll('·', '*')
    .replaceAll('∞', 'Infinity')
    .replaceAll('σ(', 'sigmoid(')
    .replaceAll('tanh(', 'Math.tanh(');
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const relu = (x: number) => Math.max(0, x);
  const affine = (x: number) => 2 * x + 0.1;
  const clip = (x: number) => Math.max(-most, Math.min(most, x));
  return new Function('sigmoid', 'relu', 'affine', 'clip', `return ${code}`)(sigmoid, relu, affine, clip);
}

const OPTIONS: readonly Partial<Spec>[] = [
  { kind: 'simple' },
  { kind: 'simple', useBias: false },
  { kind: 'simple', activation: 'linear' },
  { kind: 'simple', activation: 'relu' },
  { kind: 'gru' },
  { kind: 'gru', resetAfter: false },
  { kind: 'gru', useBias: false },
  { kind: 'gru', resetAfter: false, useBias: false },
  { kind: 'gru', activation: 'linear', recurrentActivation: 'tanh' },
  { kind: 'lstm' },
  { kind: 'lstm', useBias: false },
  { kind: 'lstm', activation: 'linear' },
  { kind: 'lstm', activation: 'relu', recurrentActivation: 'tanh' },
  { kind: 'gru', layers: 2 },
  { kind: 'lstm', layers: 3, resetAfter: false },
];

describe.each(OPTIONS)('the formula of %o', (options) => {
  it('comes, with its numbers filled in, to what the service answers, in every layer and unit', async () => {
    const spec = { ...FIRST_SPEC, units: 2, features: 2, ...options };
    const { own, second } = await secondStep(spec);
    const layers = own.layers.value;
    expect(layers).toHaveLength(spec.layers);
    for (const [index, layer] of layers.entries()) {
      for (const unit of [0, 1]) {
        const lines = equation(layer, unit, layerWeights(layer, own.weights.value), layerStep(layers, index, second));
        expect(lines).toHaveLength({ simple: 1, gru: 4, lstm: 6 }[spec.kind]);
        // Three digits are shown of each number.
        for (const { numbers, result } of lines) expect(worth(numbers!)).toBeCloseTo(result!, 1.6);
        expect(lines.at(-1)?.result).toBe(second.states[layer.states[0]][unit]);
      }
    }
  });
});

const FOREIGN = [
  ['pytorch', 'RNNCell', { nonlinearity: 'relu' }],
  ['pytorch', 'RNNCell', { bias: false }],
  ['pytorch', 'GRUCell', {}],
  ['pytorch', 'LSTMCell', {}],
  ['pytorch', 'LSTMCell', { bias: false }],
  ['pytorch', 'GRU', { num_layers: 2 }],
  ['pytorch', 'LSTM', { num_layers: 3 }],
  ['pytorch', 'LSTM', { proj_size: 1 }],
  ['onnx', 'RNN', { activations: ['Relu'] }],
  ['onnx', 'GRU', {}],
  ['onnx', 'GRU', { linear_before_reset: 1 }],
  ['onnx', 'GRU', { clip: 0.2, linear_before_reset: 1 }],
  ['onnx', 'GRU', { layout: 1, direction: 'reverse' }],
  ['onnx', 'LSTM', {}],
  ['onnx', 'LSTM', { input_forget: 1 }],
  ['onnx', 'LSTM', { activations: ['Sigmoid', 'Relu', 'Affine'], activation_alpha: [2], activation_beta: [0.1] }],
  ['onnx', 'LSTM', { P: true, clip: 0.3 }],
] as const;

it.each(FOREIGN)('comes to what the service answers with the numbers of %s %s %o', async (framework, name, options) => {
  const { P, ...config } = options as { P?: boolean; clip?: number };
  const { clip } = config;
  // A sum of more than six terms is shown in part.
  const x = P ? [0.5] : [0.5, -0.5];
  const { api } = serviceApi(app);
  const sizes = framework === 'pytorch' ? { input_size: 2, hidden_size: 2 } : { hidden_size: 2 };
  const body = { framework, class_name: name, config: { ...sizes, ...config }, input_shape: [null, x.length] };
  const drawn = await api.post<Cell>('v1/cells', body);
  const { weights: first } = await api.get<WeightsReply>(`v1/cells/${drawn.id}/weights`);
  const gates = { R: 1, G: 3, L: 4 }[name[0]]!;
  const onnx = { B: [Array.from({ length: 4 * gates }, () => 0)], ...(P ? { P: [Array(6).fill(0)] } : {}) };
  const all = framework === 'onnx' ? { ...first, ...onnx } : first;
  const weights = Object.fromEntries(
    Object.entries(all).map(([key, value]) => [key, /^(bias|B$|P$)/.test(key) ? biased(value) : value]),
  );
  const cell = await api.post<Cell>('v1/cells', { ...body, weights });
  const layers = layersOf(cell);
  const step = (states?: readonly Tensor[]) =>
    api.post<StepReply>(`v1/cells/${cell.id}/steps`, { inputs: [x], states, trace: true });
  const before = await step();
  const after = await step(before.states);
  const former = statesOfRow(cell.state_shapes, before.states, 0);
  const moment = momentOf(x, former, likeKeras(layers, cell.state_shapes, after));
  expect(moment.states).toHaveLength(layers.flatMap(({ states }) => states).length);
  for (const [index, layer] of layers.entries()) {
    const own = layerWeights(layer, cell.built ? weights : {})!;
    expect(Object.keys(weights).filter((key) => isOwn(layer, key)).length).toBeGreaterThan(1);
    for (const unit of [0, 1]) {
      const lines = equation(layer, unit, own, layerStep(layers, index, moment));
      for (const { numbers, result } of lines) expect(worth(numbers!, clip)).toBeCloseTo(result!, 1.6);
      const state = moment.states[layer.states[0]][unit];
      if (state !== undefined) expect(lines.at(-1)?.result).toBe(state);
    }
  }
});

it('writes the formulas of other frameworks in their own letters', () => {
  const letters = (framework: string, class_name: string, config: object) => {
    const cell = { framework, class_name, config: { hidden_size: 1, ...config } };
    return layersOf(cell).map((layer) => equation(layer, 0).map((line) => `${line.name} = ${line.letters}`));
  };
  expect(letters('pytorch', 'GRUCell', {})[0].slice(2)).toEqual([
    'n = tanh(x·Wh + bh + r∘(h·Uh + b′h))',
    'h′ = z∘h + (1 − z)∘n',
  ]);
  const lstm = { activations: ['Sigmoid', 'Tanh', 'HardSigmoid'], clip: 1, input_forget: 1 };
  expect(letters('onnx', 'LSTM', lstm)[0]).toEqual([
    'i = σ(clip(x·Wi + h·Ui + bi + b′i))',
    'f = 1 − i',
    'ĉ = tanh(clip(x·Wc + h·Uc + bc + b′c))',
    'o = σ(clip(x·Wo + h·Uo + bo + b′o))',
    'c′ = f∘c + i∘ĉ',
    'h′ = o∘hard_sigmoid(c′)',
  ]);
  expect(letters('pytorch', 'LSTM', { num_layers: 2, bidirectional: true, proj_size: 1 })).toHaveLength(4);
  expect(letters('pytorch', 'LSTMCell', {})[0].at(-1)).toBe('h′ = o∘tanh(c′)');
});

it('explains a network layer by layer, and sees the same steps in one call as one at a time', async () => {
  const own = new OwnCell(serviceApi(app).api, 'test');
  const sequences = { return_sequences: true };
  const layers = [
    { class_name: 'GRU', config: { units: 2, name: 'gru', ...sequences } },
    { class_name: 'Dense', config: { units: 3, name: 'between', activation: 'tanh' } },
    { class_name: 'LSTM', config: { units: 2, name: 'lstm', ...sequences } },
    { class_name: 'LayerNormalization', config: { name: 'norm' } },
    { class_name: 'Dense', config: { units: 1, name: 'last' } },
  ];
  await own.make({ class_name: 'Sequential', config: { layers }, input_shape: [null, null, 1] });
  expect(own.layers.value.map(({ kind, states }) => [kind, states])).toEqual([
    ['gru', [0]],
    ['dense', []],
    ['lstm', [1, 2]],
    ['other', []],
    ['dense', []],
  ]);
  const zeros = [
    [0, 0],
    [0, 0],
    [0, 0],
  ];
  const first = await own.step([0.5], zeros);
  const second = await own.step([-1], first.states);
  own.layers.value.forEach((layer, index) => {
    const step = layerStep(own.layers.value, index, second);
    const lines = equation(layer, 0, layerWeights(layer, own.weights.value), step);
    if (layer.kind !== 'other')
      for (const { numbers, result } of lines) expect(worth(numbers!)).toBeCloseTo(result!, 1.6);
    expect(Math.fround(lines.at(-1)?.result ?? 0)).toBe(Math.fround(step.output[0]));
  });
  const together = await own.steps([[0.5], [-1]], zeros);
  expect(together[1].gates).toEqual(second.gates);
  expect(together[1].states).toEqual(second.states);
  expect(together[0].states.flat().map(Math.fround)).toEqual(first.states.flat().map(Math.fround));
});

it('shows the sum of the tutorial as one reads it', async () => {
  const own = new OwnCell(serviceApi(app).api, 'test');
  await own.make(newCell({ ...FIRST_SPEC, kind: 'simple', units: 1, activation: 'linear' }, 1), {
    kernel: [[1]],
    recurrent_kernel: [[1]],
    bias: [3],
  });
  const moment = await own.step([2], [[1]]);
  const [layer] = own.layers.value;
  const [line] = equation(layer, 0, layerWeights(layer, own.weights.value), layerStep([layer], 0, moment));
  expect(line).toEqual({ name: 'h′', letters: 'x·W + h·U + b', numbers: '2·1 + 1·1 + 3', result: 6 });
});

it('leaves out the middle of a long sum', async () => {
  const { own, second } = await secondStep({ ...FIRST_SPEC, units: 12 });
  const [layer] = own.layers.value;
  const [line] = equation(layer, 0, layerWeights(layer, own.weights.value), layerStep([layer], 0, second));
  expect(line.numbers).toContain(' + ⋯ + ');
  expect(line.numbers!.length).toBeLessThan(200);
});

it('says in letters alone what has no numbers yet', () => {
  const layer = {
    kind: 'gru',
    className: 'GRUCell',
    prefix: '',
    units: 1,
    activation: 'tanh',
    recurrentActivation: 'sigmoid',
    useBias: true,
    states: [0],
  } as const;
  expect(equation({ ...layer, resetAfter: true }, 0)[2].letters).toBe('tanh(x·Wh + bh + r∘(h·Uh + b′h))');
  expect(equation({ ...layer, resetAfter: false }, 0)[2].letters).toBe('tanh(x·Wh + (r∘h)·Uh + bh)');
  expect(equation({ ...layer, resetAfter: false, useBias: false }, 0)[0].letters).toBe('σ(x·Wz + h·Uz)');
});
