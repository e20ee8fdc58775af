import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INITIALIZERS, initialize } from '../../../src/cells/random/initializers.ts';
import { philoxAt, philoxStream } from '../../../src/cells/random/philox.ts';
import { normal, truncatedNormal, uniform } from '../../../src/cells/random/random.ts';
import type { InitializerSpec } from '../../../src/domain/program.ts';
import { rounder } from '../../../src/domain/tensor.ts';
import { KERAS_INITIALIZERS } from '../../../src/frameworks/keras/identifiers.ts';
import { float32s, type GoldenTensor, readGolden } from '../golden-data.ts';

interface KnownAnswer {
  readonly seed_pair: [number, number];
  readonly key: number[];
  readonly counter: number[];
  readonly first_words: number[];
  readonly uniform: GoldenTensor;
  readonly normal: GoldenTensor;
  readonly truncated_normal: GoldenTensor;
  readonly truncated_normal_4001: { last_5: GoldenTensor; sha256_of_little_endian_float32: string };
}
interface Draw {
  readonly name: string;
  readonly class_name: string;
  readonly config: InitializerSpec['params'];
  readonly shape: number[];
  readonly values: GoldenTensor;
  readonly bit_exact: boolean;
}
interface Dropout {
  readonly cell: { config: { dropout: number; recurrent_dropout: number } };
  readonly input_masks: GoldenTensor[];
  readonly recurrent_masks: GoldenTensor[];
  readonly seed_pairs: [number, number][];
}
const exact = readGolden<{ known_answers: KnownAnswer[]; dropout: Dropout[]; cases: Draw[] }>(
  'initializers_tf_exact.json',
);
interface Described {
  readonly name: string;
  readonly serialized: { class_name: string; config: InitializerSpec['params'] };
  readonly shape: number[];
  readonly values: GoldenTensor;
}
const described = readGolden<{ cases: Described[] }>('initializers.json').cases;

const AXES = { input_axes: null, output_axes: null };
const draw = (className: string, params: InitializerSpec['params'], shape: number[], dtype = 'float32' as const) =>
  initialize({ className, params: { seed: 42, ...params } }, shape, dtype).data as Float32Array;

describe('seeded draws', () => {
  it.each(exact.known_answers)('gives the known answers of seed $seed_pair', (known) => {
    const stream = philoxStream(known.seed_pair[0], known.seed_pair[1]);
    expect([...stream.key, 0, 0, ...stream.high]).toEqual([...known.key, ...known.counter]);
    const words = [0, 1].flatMap((position) => {
      const four = new Uint32Array(4);
      philoxAt(stream, position, four);
      return [...four];
    });
    expect(words).toEqual(known.first_words);
    for (const [distribution, wanted] of [
      [uniform, known.uniform],
      [normal, known.normal],
      [truncatedNormal, known.truncated_normal],
    ] as const) {
      const out = new Float32Array(wanted.data.length);
      distribution(stream, 'float32', out);
      expect(out).toEqual(float32s(wanted));
    }
    const many = new Float32Array(4001);
    truncatedNormal(stream, 'float32', many);
    expect(many.slice(-5)).toEqual(float32s(known.truncated_normal_4001.last_5));
    const digest = createHash('sha256').update(new Uint8Array(many.buffer)).digest('hex');
    expect(digest).toBe(known.truncated_normal_4001.sha256_of_little_endian_float32);
  });

  it.each(exact.dropout)('counts the draws of a SeedGenerator ($seed_pairs)', (one) => {
    const masks = [...one.input_masks, ...one.recurrent_masks];
    masks.forEach((mask, k) => {
      const { dropout, recurrent_dropout: recurrent } = one.cell.config;
      const rate = k < one.input_masks.length ? dropout : recurrent;
      const out = new Float32Array(mask.data.length);
      uniform(philoxStream(...one.seed_pairs[k]), 'float32', out);
      expect(out.map((u) => (u >= Math.fround(rate) ? 1 / (1 - rate) : 0))).toEqual(float32s(mask));
    });
  });
});

describe('initialize', () => {
  it.each(exact.cases)('draws $name as Keras on TensorFlow', (one) => {
    const tensor = initialize({ className: one.class_name, params: one.config }, one.shape, 'float32');
    expect(tensor.shape).toEqual(one.shape);
    expectValues(tensor.data as Float32Array, float32s(one.values), one.bit_exact);
  });

  it.each(described)('makes $name', (one) => {
    const { class_name: className, config } = one.serialized;
    // get_config() of Identity omits its gain: it stands in the case's name.
    const params = className === 'Identity' ? { gain: one.name.startsWith('Identity_2.0') ? 2 : 1 } : config;
    const tensor = initialize({ className, params }, one.shape, 'float32');
    expectValues(tensor.data as Float32Array, float32s(one.values), className !== 'Orthogonal');
  });

  it('keeps within the bounds of its law, for any seed and shape', () => {
    const seeds = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
    const extents = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(seeds, extents, extents, (seed, rows, columns) => {
        const limit = Math.sqrt(6 / Math.max(2, rows + columns));
        for (const value of draw('GlorotUniform', { seed, ...AXES }, [rows, columns])) {
          expect(Math.abs(value)).toBeLessThanOrEqual(Math.fround(limit) * (1 + 2 ** -22));
        }
        const spread = (2 * Math.sqrt(2 / Math.max(1, rows))) / 0.8796256610342398;
        for (const value of draw('HeNormal', { seed, ...AXES }, [rows, columns])) {
          expect(Math.abs(value)).toBeLessThanOrEqual(spread * (1 + 2 ** -22));
        }
        for (const value of draw('RandomUniform', { seed, minval: -2, maxval: 5 }, [rows, columns])) {
          expect(value >= -2 && value <= 5).toBe(true);
        }
      }),
    );
  });

  it('has the moments of its law', () => {
    const values = initialize(
      {
        className: 'VarianceScaling',
        params: { scale: 2, mode: 'fan_out', distribution: 'truncated_normal', seed: 1, ...AXES },
      },
      [100, 200],
      'float64',
    ).data as Float64Array;
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.003);
    expect(variance / (2 / 200)).toBeCloseTo(1, 1);
  });

  it('makes orthonormal rows or columns, whichever are fewer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(), (rows, columns, seed) => {
        const q = initialize({ className: 'Orthogonal', params: { gain: 1, seed } }, [rows, columns], 'float64')
          .data as Float64Array;
        const count = Math.min(rows, columns);
        const at = (k: number, i: number) => (rows < columns ? q[k * columns + i] : q[i * columns + k]);
        for (let a = 0; a < count; a++) {
          for (let b = 0; b < count; b++) {
            let dot = 0;
            for (let i = 0; i < Math.max(rows, columns); i++) dot += at(a, i) * at(b, i);
            expect(dot).toBeCloseTo(a === b ? 1 : 0, 12);
          }
        }
      }),
    );
  });

  it('takes fans from input_axes and output_axes when both are given', () => {
    const plain = draw('LecunUniform', AXES, [4, 6, 8]);
    const same = draw('LecunUniform', { input_axes: [0, 1], output_axes: [-1] }, [4, 6, 8]);
    expect(same).toEqual(plain);
    const wide = draw('LecunUniform', { input_axes: [0], output_axes: [-1] }, [4, 6, 8]);
    expect(Math.max(...wide)).toBeGreaterThan(2 * Math.max(...plain));
    expect(draw('LecunUniform', { input_axes: [2], output_axes: null }, [4, 6, 8])).toEqual(plain);
    expect(() => draw('LecunUniform', { input_axes: [3], output_axes: [0] }, [4, 6, 8])).toThrow(
      "'input_axes' has axis 3",
    );
  });

  it('draws other float dtypes, each value one that the dtype has', () => {
    for (const dtype of ['float64', 'float16', 'bfloat16'] as const) {
      const round = rounder(dtype);
      for (const className of ['GlorotUniform', 'GlorotNormal', 'Orthogonal']) {
        const { data } = initialize({ className, params: { seed: 7, gain: 1, ...AXES } }, [5, 7], dtype);
        expect([...data].every((value) => Math.abs(Number(value)) < 2 && round(Number(value)) === value)).toBe(true);
        expect(new Set([...data].map(Number)).size).toBeGreaterThan(20);
      }
    }
  });

  it.each([
    // Keras 3.15.1 on tensorflow-cpu 2.21.0.
    ['float64', [-0.040534568022160045, 0.42366867516227447, 0.32878560317039374, -0.26001307149751884]],
    ['float16', [0.392333984375, -0.268798828125, -0.263916015625, 0.195068359375]],
    ['bfloat16', [0.23828125, -0.05078125, -0.01171875, 0.66015625]],
  ] as const)('draws uniform %s as Keras does, which takes the limits by way of float32', (dtype, wanted) => {
    const params = { minval: -0.3, maxval: 0.7, seed: 42 };
    expect([...initialize({ className: 'RandomUniform', params }, [4], dtype).data]).toEqual(wanted);
  });

  it('draws anew at each use of a SeedGenerator', () => {
    const spec = { className: 'GlorotUniform', params: { seed: 3, ...AXES } };
    expect(initialize(spec, [2, 2], 'float32', 1)).not.toEqual(initialize(spec, [2, 2], 'float32', 0));
  });

  it('refuses shapes, dtypes and parameters that cannot be', () => {
    const make =
      (className: string, params: InitializerSpec['params'], shape: number[], dtype: 'float32' | 'int32' = 'float32') =>
      () =>
        initialize({ className, params }, shape, dtype);
    expect(make('Identity', { gain: 1 }, [4])).toThrow('the shape is [4], of rank 1. Send a shape of rank 2.');
    expect(make('Orthogonal', { gain: 1, seed: 1 }, [4])).toThrow('[4] has rank 1');
    expect(make('RandomNormal', { mean: 0, stddev: 1, seed: 1 }, [4], 'int32')).toThrow('the dtype is int32');
    expect(make('RandomNormal', { mean: 0, stddev: 1, seed: null }, [4])).toThrow("'seed' is null");
    expect(make('VarianceScaling', { scale: 0, mode: 'fan_in', distribution: 'uniform', seed: 1 }, [4])).toThrow(
      "'scale' is 0",
    );
    expect(make('VarianceScaling', { scale: 1, mode: 'fan', distribution: 'uniform', seed: 1 }, [4])).toThrow('"fan"');
    expect(make('VarianceScaling', { scale: 1, mode: 'fan_in', distribution: 'cauchy', seed: 1 }, [4])).toThrow(
      '"cauchy"',
    );
    expect(make('constructor', {}, [4])).toThrow('There is no initializer "constructor"');
  });

  it('implements every usable initializer that Keras knows', () => {
    const usable = Object.keys(KERAS_INITIALIZERS).filter((name) => !KERAS_INITIALIZERS[name].unusable);
    expect(Object.keys(INITIALIZERS).sort()).toEqual(usable.sort());
  });
});

function expectValues(got: Float32Array, wanted: Float32Array, bitExact: boolean): void {
  if (bitExact) expect(got).toEqual(wanted);
  else for (const [i, value] of got.entries()) expect(Math.abs(value - wanted[i])).toBeLessThan(1e-6);
  expect(got.length).toBe(wanted.length);
}
