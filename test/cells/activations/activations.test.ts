import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACTIVATIONS, makeActivation } from '../../../src/cells/activations/activations.ts';
import { applyActivation } from '../../../src/cells/activations/apply-activation.ts';
import { erfc } from '../../../src/cells/activations/erf.ts';
import { fromFloat64, Tensor } from '../../../src/domain/tensor.ts';
import { KERAS_ACTIVATIONS } from '../../../src/frameworks/keras/identifiers.ts';
import { runs } from '../../support/runs.ts';
import { float32s, type GoldenTensor, kerasActivation, numbers, readGolden, ulp32 } from '../golden-data.ts';

interface Case {
  readonly name: string;
  readonly activation: string;
  readonly kwargs: Record<string, number | boolean>;
  readonly inputs: 'grid' | 'rows';
  readonly outputs: GoldenTensor;
  readonly float64_reference: GoldenTensor;
  readonly exact?: (number | string | null)[];
  readonly true_sparsemax?: GoldenTensor;
}
const golden = readGolden<{ grid: GoldenTensor; rows: GoldenTensor; cases: Case[] }>('activations.json');
const grid = float32s(golden.grid);
const rows = float32s(golden.rows);

function elementwise(name: string, params = {}): (x: number) => number {
  const activation = makeActivation(kerasActivation(name, params));
  if (!activation.elementwise) throw new Error(`${name} is row-wise`);
  return activation.apply;
}

function along(name: string, values: number[]): number[] {
  return [...applyActivation(kerasActivation(name), fromFloat64('float64', [values.length], values)).data] as number[];
}

describe('element-wise activations', () => {
  it.each(golden.cases.filter((one) => one.exact))('computes $name as exactly as float64 can', (one) => {
    const apply = elementwise(one.activation, one.kwargs);
    const keras = float32s(one.outputs);
    // gelu(approximate) has an exponent of up to 88 times the relative error of its polynomial.
    const relative = one.name === 'gelu_approximate_True' ? 1e-14 : 1e-15;
    one.exact!.forEach((exact, i) => {
      const y = apply(grid[i]);
      if (exact === null) {
        expect(Math.fround(y), `${one.name}(${grid[i]})`).toBe(keras[i]);
      } else if (Math.abs(Number(exact)) > 1e-60) {
        // Equal infinities are no distance apart.
        const error = y === Number(exact) ? 0 : Math.abs(y - Number(exact));
        expect(error).toBeLessThanOrEqual(relative * Math.abs(Number(exact)));
        if (Math.fround(y) !== Math.fround(Number(exact)))
          throw new Error(`${one.name}(${grid[i]}) misses the float32`);
      } else {
        // The fixture's 60 digits do not resolve results this small.
        expect(Math.abs(y)).toBeLessThan(1e-60);
      }
      if (y === 0 && keras[i] === 0) expect(Object.is(y, keras[i]), `sign of ${one.name}(${grid[i]})`).toBe(true);
    });
  });

  it('rounds tanh and sigmoid to the float32 that their high-precision values round to', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -20, max: 20 }), (x) => {
        for (const [name, exact] of [
          ['tanh', bigTanh(x)],
          ['sigmoid', bigSigmoid(x)],
        ] as const) {
          const y = elementwise(name)(x);
          expect(Math.abs(y - exact)).toBeLessThanOrEqual(4e-16 * Math.abs(exact));
          expect(Math.abs(Math.fround(y) - exact)).toBeLessThanOrEqual(0.50001 * ulp32(exact));
        }
      }),
      { numRuns: runs(2000) },
    );
  });

  it('keeps its digits where the textbook formula cancels or overflows', () => {
    expect(elementwise('squareplus')(-1e30)).toBeCloseTo(1e-30, 40);
    expect(elementwise('squareplus')(1e200)).toBe(1e200);
    expect(elementwise('softplus')(1e30)).toBe(1e30);
    expect(elementwise('softplus')(-700) / Math.exp(-700)).toBeCloseTo(1, 14);
    expect(elementwise('log_sigmoid')(-1e30)).toBe(-1e30);
    expect(elementwise('mish')(1e30)).toBe(1e30);
    expect(elementwise('selu')(-1e-20) / -1.75809934084737e-20).toBeCloseTo(1, 14);
    expect(elementwise('tanh_shrink')(1e-5) / (1e-15 / 3)).toBeCloseTo(1, 9);
  });

  it('knows erfc on all its intervals', () => {
    // mpmath.erfc.
    const known = [
      [-3, 1.9999779095030015],
      [-1, 1.8427007929497148],
      [0.1, 0.8875370839817152],
      [0.5, 0.4795001221869535],
      [1, 0.15729920705028513],
      [2, 0.004677734981047266],
      [4, 1.541725790028002e-8],
      [10, 2.088487583762545e-45],
    ];
    for (const [x, y] of known) expect(Math.abs(erfc(x) / y - 1)).toBeLessThan(4e-16);
    expect([erfc(0), erfc(Infinity), erfc(-Infinity), erfc(NaN)]).toEqual([1, 0, 2, NaN]);
  });

  it("computes ONNX's own functions", () => {
    const at = (name: string, params: Record<string, number>, x: number) => {
      const activation = makeActivation({ name, params });
      return activation.elementwise ? activation.apply(x) : NaN;
    };
    expect(at('affine', { alpha: 2, beta: 3 }, 4)).toBe(11);
    expect(at('scaled_tanh', { alpha: 2, beta: 0.5 }, 1)).toBe(2 * Math.tanh(0.5));
    expect(at('thresholded_relu', { alpha: 1 }, 1)).toBe(1);
    expect(at('thresholded_relu', { alpha: 1 }, 0.99)).toBe(0);
    expect(at('onnx_hard_sigmoid', { alpha: 0.2, beta: 0.5 }, 1)).toBe(0.7);
    expect(at('onnx_hard_sigmoid', { alpha: 0.2, beta: 0.5 }, -9)).toBe(0);
  });
});

describe('row-wise activations', () => {
  it.each(golden.cases.filter((one) => one.inputs === 'rows'))('computes $name', (one) => {
    const out = applyActivation(kerasActivation(one.activation, one.kwargs), new Tensor('float32', [20, 4], rows));
    expect(out.shape).toEqual(one.outputs.shape);
    const exact = numbers((one.true_sparsemax ?? one.float64_reference).data);
    exact.forEach((wanted, i) => {
      const got = Number(out.data[i]);
      if (Number.isFinite(wanted))
        expect(Math.abs(got - wanted)).toBeLessThanOrEqual(0.5000001 * ulp32(wanted) + 1e-15);
      else expect(got).toBe(wanted);
    });
  });

  it('projects onto the simplex with sparsemax, where Keras does not', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -5, max: 5 }), { minLength: 1, maxLength: 9 }), (x) => {
        const y = along('sparsemax', x);
        expect(y.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        expect(Math.min(...y)).toBeGreaterThanOrEqual(0);
        // Entries of the support keep their distances.
        const kept = y.flatMap((value, i) => (value > 0 ? [x[i] - value] : []));
        for (const tau of kept) expect(tau).toBeCloseTo(kept[0], 12);
      }),
    );
  });

  it('makes softmax rows that sum to 1 and are the exponentials of log_softmax', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e3, max: 1e3 }), { minLength: 1, maxLength: 9 }), (x) => {
        const y = along('softmax', x);
        expect(y.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        for (const [i, log] of along('log_softmax', x).entries()) expect(Math.exp(log)).toBeCloseTo(y[i], 12);
      }),
    );
  });
});

describe('applyActivation', () => {
  const tensor = fromFloat64('float32', [2, 2], [0, 1, 2, 4]);

  it('acts along the axis it is given, the last one unless told', () => {
    const first = applyActivation(kerasActivation('softmax'), tensor, 0).data as Float32Array;
    expect(first[0] + first[2]).toBeCloseTo(1, 6);
    const byParameter = applyActivation(kerasActivation('softmax', { axis: 0 }), tensor).data;
    expect(byParameter).toEqual(first);
    const last = applyActivation(kerasActivation('softmax'), tensor).data as Float32Array;
    expect(last[0] + last[1]).toBeCloseTo(1, 6);
  });

  it('casts integers and booleans to float32 and keeps other float dtypes', () => {
    expect(applyActivation(kerasActivation('tanh'), fromFloat64('int32', [1], [6]))).toEqual(
      fromFloat64('float32', [1], [Math.tanh(6)]),
    );
    expect(applyActivation(kerasActivation('linear'), fromFloat64('bool', [1], [1])).dtype).toBe('float32');
    expect(applyActivation(kerasActivation('tanh'), fromFloat64('float16', [1], [0.5])).data[0]).toBe(
      Math.f16round(Math.tanh(0.5)),
    );
    expect(applyActivation(kerasActivation('tanh'), fromFloat64('float64', [1], [0.5])).data[0]).toBe(Math.tanh(0.5));
  });

  it('halves the axis with glu and refuses an odd one', () => {
    expect(applyActivation(kerasActivation('glu'), tensor, 0).shape).toEqual([1, 2]);
    expect(() => applyActivation(kerasActivation('glu'), fromFloat64('float32', [3], [1, 2, 3]))).toThrow(
      'glu halves axis -1, which has 3 entries in shape [3]',
    );
  });

  it('refuses an axis that the tensor does not have, with its rank', () => {
    expect(() => applyActivation(kerasActivation('softmax'), tensor, 2)).toThrow(
      'axis 2 is out of range for softmax of a tensor of rank 2. Send an integer from -2 to 1.',
    );
    expect(() => applyActivation(kerasActivation('softmax'), fromFloat64('float32', [], [1]))).toThrow('rank 0');
  });
});

describe('the table of activations', () => {
  it('implements every activation that Keras knows', () => {
    const keras = Object.keys(ACTIVATIONS).filter((name) => ACTIVATIONS[name].keras);
    expect(keras.sort()).toEqual(Object.keys(KERAS_ACTIVATIONS).sort());
  });

  it('refuses an unknown name and a missing parameter', () => {
    expect(() => makeActivation({ name: 'toString', params: {} })).toThrow('There is no activation "toString"');
    expect(() => makeActivation({ name: 'elu', params: {} })).toThrow("'alpha' is undefined");
  });
});

// tanh and the logistic function by series of BigInt fractions of 2^200, then rounded to a double.
const ONE = 1n << 200n;

function bigExp(x: number): bigint {
  const scaled = BigInt(x * 2 ** 149) << 51n;
  let halvings = 0n;
  let r = scaled;
  while (r > ONE / 16n || r < -ONE / 16n) {
    r /= 2n;
    halvings++;
  }
  let sum = 0n;
  for (let n = 60n; n >= 1n; n--) sum = ((ONE + sum) * r) / (n * ONE);
  let e = ONE + sum;
  for (; halvings > 0n; halvings--) e = (e * e) >> 200n;
  return e;
}

function ratio(above: bigint, below: bigint): number {
  const sign = above < 0n ? -1 : 1;
  const size = above < 0n ? -above : above;
  if (size === 0n) return 0;
  const shift = BigInt(Math.max(0, below.toString(2).length - size.toString(2).length + 70));
  return (sign * Number((size << shift) / below)) / 2 ** Number(shift);
}

function bigTanh(x: number): number {
  // expm1 loses no digits here: 200 bits less at most 149 of a tiny x leave 51; below that tanh(x) = x.
  if (Math.abs(x) < 2 ** -40) return x;
  const e = bigExp(2 * Math.abs(x));
  return Math.sign(x) * ratio(e - ONE, e + ONE);
}

function bigSigmoid(x: number): number {
  const e = bigExp(Math.abs(x));
  return x < 0 ? ratio(ONE, ONE + e) : ratio(e, ONE + e);
}
