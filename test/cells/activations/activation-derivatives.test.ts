import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DERIVATIVES } from '../../../src/cells/activations/activation-derivatives.ts';
import { ACTIVATIONS, makeActivation } from '../../../src/cells/activations/activations.ts';
import { ROW_GRADIENTS } from '../../../src/cells/activations/row-wise-gradients.ts';
import { gateFunction } from '../../../src/cells/cell-row.ts';
import { gateGradient } from '../../../src/cells/gate-gradient.ts';
import { Problem } from '../../../src/domain/problems.ts';
import type { ActivationSpec } from '../../../src/domain/program.ts';
import { kerasActivation } from '../golden-data.ts';

const VARIANTS: Readonly<Record<string, ActivationSpec['params'][]>> = {
  celu: [{ alpha: 0.5 }],
  elu: [{ alpha: 0.3 }],
  gelu: [{ approximate: true }],
  hard_shrink: [{ threshold: 1.5 }],
  leaky_relu: [{ negative_slope: 0.7 }],
  relu: [
    { negative_slope: 0.1 },
    { max_value: 2 },
    { max_value: 6 },
    { threshold: 1 },
    { threshold: -1, max_value: 2 },
    { negative_slope: 0.1, threshold: 1, max_value: 2 },
  ],
  soft_shrink: [{ threshold: 1.5 }],
  squareplus: [{ b: 0.1 }],
  affine: [{ alpha: -2, beta: 1 }],
  scaled_tanh: [{ alpha: 1.7, beta: 0.6 }],
  thresholded_relu: [{ alpha: -0.5 }],
  onnx_hard_sigmoid: [{ alpha: 0.4, beta: 0.1 }],
};

function specs(name: string): ActivationSpec[] {
  if (name === 'threshold') return [{ name, params: { threshold: 0.5, default_value: 2 } }];
  const entry = ACTIVATIONS[name];
  const base: ActivationSpec = entry.keras ? kerasActivation(name) : { name, params: entry.parameters ?? {} };
  return [base, ...(VARIANTS[name] ?? []).map((params) => ({ name, params: { ...base.params, ...params } }))];
}

const elementwise = Object.keys(ACTIVATIONS).filter((name) => !ACTIVATIONS[name].rowWise);
const rowWise = Object.keys(ACTIVATIONS).filter((name) => ACTIVATIONS[name].rowWise && name !== 'glu');

describe('derivatives of activations', () => {
  it('exist for every activation that a gate can have', () => {
    expect(Object.keys(DERIVATIVES).sort()).toEqual(elementwise.sort());
    expect(Object.keys(ROW_GRADIENTS).sort()).toEqual(rowWise.sort());
  });

  it.each(elementwise.flatMap(specs))('equal central differences of $name with $params', (spec) => {
    const activation = makeActivation(spec);
    if (!activation.elementwise) throw new Error(`${spec.name} is row-wise`);
    const derivative = DERIVATIVES[spec.name](spec.params);
    let compared = 0;
    for (let x = -8.0321; x < 8; x += 0.0507) {
      const h = 1e-5;
      const [low, middle, high] = [x - h, x, x + h].map((at) => activation.apply(at));
      const [left, right] = [(middle - low) / h, (high - middle) / h];
      if (Math.abs(left - right) > 1e-4 * Math.max(1, Math.abs(left))) continue; // a kink
      compared++;
      const difference = (high - low) / (2 * h);
      expect(Math.abs(derivative(x) - difference)).toBeLessThanOrEqual(1e-8 * Math.max(1, Math.abs(difference)));
    }
    expect(compared).toBeGreaterThan(310);
  });

  // What tf.GradientTape gives with Keras 3.15.1 on TensorFlow 2.21.0.
  it.each<[string, ActivationSpec['params'], [number, number][]]>([
    [
      'relu',
      {},
      [
        [0, 0],
        [-0, 0],
      ],
    ],
    ['relu', { negative_slope: 0.1 }, [[0, 0.1]]],
    [
      'relu',
      { max_value: 2 },
      [
        [0, 0],
        [2, 1],
      ],
    ],
    [
      'relu',
      { max_value: 6 },
      [
        [0, 0],
        [6, 0],
      ],
    ],
    [
      'relu',
      { threshold: 1 },
      [
        [1, 0],
        [0, 0],
      ],
    ],
    ['relu', { negative_slope: 0.1, threshold: 1 }, [[1, 0]]],
    [
      'relu',
      { negative_slope: 0.1, max_value: 2 },
      [
        [0, 0],
        [2, 1],
      ],
    ],
    [
      'relu',
      { threshold: 1, max_value: 2 },
      [
        [1, 0],
        [2, 1],
      ],
    ],
    [
      'relu',
      { negative_slope: 0.1, threshold: 1, max_value: 2 },
      [
        [1, 0],
        [2, 1],
      ],
    ],
    [
      'relu',
      { threshold: -1, max_value: 2 },
      [
        [-1, 0],
        [-0.5, 0],
        [0, 1],
        [2, 1],
      ],
    ],
    [
      'relu',
      { threshold: -1 },
      [
        [-1, 0],
        [-0.5, 1],
        [0, 1],
      ],
    ],
    [
      'relu6',
      {},
      [
        [0, 0],
        [6, 0],
      ],
    ],
    ['leaky_relu', {}, [[0, 0.2]]],
    ['elu', {}, [[0, 1]]],
    ['elu', { alpha: 0.5 }, [[0, 0.5]]],
    ['selu', {}, [[0, 1.0507009873554805]]],
    [
      'hard_sigmoid',
      {},
      [
        [-3, 0],
        [3, 0],
      ],
    ],
    [
      'hard_silu',
      {},
      [
        [-3, 0],
        [3, 1],
      ],
    ],
    [
      'hard_tanh',
      {},
      [
        [-1, 1],
        [1, 1],
      ],
    ],
    [
      'hard_shrink',
      {},
      [
        [-0.5, 0],
        [0.5, 0],
        [0, 0],
      ],
    ],
    [
      'soft_shrink',
      {},
      [
        [-0.5, 0],
        [0.5, 0],
      ],
    ],
    ['softsign', {}, [[0, 1]]],
    [
      'sparse_plus',
      {},
      [
        [-1, 0],
        [1, 1],
      ],
    ],
    [
      'sparse_sigmoid',
      {},
      [
        [-1, 0],
        [1, 0],
      ],
    ],
    ['silu', {}, [[0, 0.5]]],
    ['tanh_shrink', {}, [[0, 0]]],
    ['threshold', { threshold: 1, default_value: 5 }, [[1, 0]]],
  ])('are those of Keras at the kinks of %s with %j', (name, params, points) => {
    const derivative = DERIVATIVES[name](kerasActivation(name, params).params);
    for (const [x, wanted] of points) expect(derivative(x)).toBe(wanted);
  });

  it('are 1 at the smooth joint of celu', () => {
    expect(DERIVATIVES.celu({ alpha: 0.5 })(0)).toBe(1);
  });

  it.each(elementwise.flatMap(specs))('stay finite far out for $name with $params', (spec) => {
    const derivative = DERIVATIVES[spec.name](spec.params);
    for (const x of [-1e300, -1e4, -745, -40.5, -39, 39, 40.5, 700]) expect(derivative(x)).not.toBeNaN();
    expect(Number.isFinite(derivative(-1e300))).toBe(true);
  });

  it.each([
    ['tanh', 20, 1.699341702116 * 1e-17],
    ['sigmoid', -40, 4.248354255291589e-18],
    ['sigmoid', 40, 4.248354255291589e-18],
  ])('keep their digits in the tail of %s at %d', (name, x, wanted) => {
    expect(DERIVATIVES[name]({})(x) / wanted).toBeCloseTo(1, 10);
  });

  it.each(rowWise)('follow differences of every entry through %s', (name) => {
    const spec = kerasActivation(name);
    const [forward, backward] = [gateFunction(spec), gateGradient(spec)];
    const entries = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(entries, entries, (x, g) => {
        const loss = (row: readonly number[]) => {
          const after = new Float64Array(4);
          forward(Float64Array.from(row), after);
          return after.reduce((sum, value, i) => sum + value * g[i], 0);
        };
        const after = new Float64Array(4);
        forward(Float64Array.from(x), after);
        const gradient = backward({ before: Float64Array.from(x), after }, Float64Array.from(g));
        for (let i = 0; i < 4; i++) {
          const [left, right] = [
            (loss(x) - loss(x.with(i, x[i] - 1e-6))) / 1e-6,
            (loss(x.with(i, x[i] + 1e-6)) - loss(x)) / 1e-6,
          ];
          const slack = Math.abs(right - left) + 1e-7;
          expect(gradient[i]).toBeGreaterThanOrEqual(Math.min(left, right) - slack);
          expect(gradient[i]).toBeLessThanOrEqual(Math.max(left, right) + slack);
        }
      }),
    );
  });
});

describe('a gate with a clip', () => {
  it('passes gradients inside it only', () => {
    const before = Float64Array.of(-2, -1, 0.5, 1, 3);
    const after = new Float64Array(5);
    gateFunction(kerasActivation('linear'), 1)(before, after);
    const gradient = gateGradient(kerasActivation('linear'), 1)({ before, after }, new Float64Array(5).fill(2));
    expect([...gradient]).toEqual([0, 0, 2, 0, 0]);
  });

  it('refuses glu, as the gate itself does', () => {
    expect(() => gateGradient(kerasActivation('glu'))).toThrow(Problem);
  });
});
