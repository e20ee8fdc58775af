import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layerStep } from '../../web/src/cell/layer-step.ts';
import { equation } from '../../web/src/model/equation.ts';
import { layerWeights } from '../../web/src/model/layers.ts';
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
function worth(numbers: string): number {
  const code = numbers
    .split(' = ')[0]
    .replaceAll('−', '-')
    .replaceAll('·', '*')
    .replaceAll('∞', 'Infinity')
    .replaceAll('σ(', 'sigmoid(')
    .replaceAll('tanh(', 'Math.tanh(');
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const relu = (x: number) => Math.max(0, x);
  return new Function('sigmoid', 'relu', `return ${code}`)(sigmoid, relu);
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
