import { describe, expect, it } from 'vitest';
import { sigmoid, tanh } from '../../../src/cells/activations/exponential.ts';
import { loadKernels } from '../../../src/engine/simd/kernel-module.ts';
import { newSharedMemory, SharedMemory } from '../../../src/engine/simd/shared-memory.ts';
import { widenSimd } from '../../../src/engine/simd/wide-simd.ts';
import { runs } from '../../support/runs.ts';

widenSimd();
const COUNT = 1 << 16;
const memory = new SharedMemory(newSharedMemory());
const header = memory.allocate(64);
const from = memory.allocate(8 * COUNT);
const to = memory.allocate(8 * COUNT);

/** The kernel's results for some numbers, a multiple of 4 of them. */
function activated(relaxed: boolean, code: number, bits: 32 | 64, values: Float32Array | Float64Array) {
  const kernels = loadKernels(memory.memory, relaxed);
  new DataView(memory.memory.buffer).setInt32(header, code, true);
  const view = bits === 32 ? memory.float32(to + 8 * COUNT) : memory.float64(to + 8 * COUNT);
  view.set(values, from / view.BYTES_PER_ELEMENT);
  kernels[bits === 32 ? 'float32' : 'float64'].activate(header, from, to, values.byteLength);
  return view.slice(to / view.BYTES_PER_ELEMENT, to / view.BYTES_PER_ELEMENT + values.length);
}

/** Float32 values over all exponents and both signs, `each` to an exponent, subnormals included. */
function* everyExponent(each: number): Generator<Float32Array> {
  const bits = new Uint32Array(COUNT);
  let filled = 0;
  for (let exponent = 0; exponent < 255; exponent++) {
    for (let k = 0; k < each; k++) {
      const mantissa = Math.floor((k * 8388607) / (each - 1));
      bits[filled++] = (exponent << 23) | mantissa;
      bits[filled++] = (0x80000000 | (exponent << 23) | mantissa) >>> 0;
      if (filled === COUNT) {
        yield new Float32Array(bits.slice().buffer);
        filled = 0;
      }
    }
  }
  yield new Float32Array(bits.slice(0, filled).buffer);
}

/** Distance of float32 neighbours at the exact value. */
function ulp(exact: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(exact) || 2 ** -149)), -126) - 23);
}

const SPECIAL = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-45, -1e-45, 1e-40];
const FUNCTIONS = [
  { name: 'sigmoid', code: 1, exact: sigmoid, most: 3, results: [0.5, 0.5, 1, 0, Number.NaN, 0.5, 0.5, 0.5] },
  { name: 'tanh', code: 2, exact: tanh, most: 2, results: [0, -0, 1, -1, Number.NaN, 1e-45, -1e-45, 1e-40] },
];

describe.each([
  ['strict', false],
  ['relaxed', true],
] as const)('the kernels of float32, %s', (_, relaxed) => {
  it.each(FUNCTIONS)('give $name within $most ulps, over all exponents', ({ code, exact, most }) => {
    let worst = { error: 0, x: 0 };
    for (const values of everyExponent(runs(4096, 256))) {
      const results = activated(relaxed, code, 32, values);
      for (let k = 0; k < values.length; k++) {
        const wanted = exact(values[k]);
        const error = Math.abs(results[k] - wanted) / ulp(wanted);
        if (!(error <= worst.error)) worst = { error, x: values[k] };
      }
    }
    expect(worst.error, `at ${worst.x}`).toBeLessThanOrEqual(most);
  });

  it.each(FUNCTIONS)('give $name of zeros, infinities, NaN and subnormals', ({ code, results }) => {
    expect([...activated(relaxed, code, 32, Float32Array.from(SPECIAL))]).toEqual(results.map(Math.fround));
  });

  it.each(FUNCTIONS)(
    'give $name with the same bits at every place, before and after V8 has optimised it',
    ({ code }) => {
      const values = Float32Array.from([...SPECIAL, ...[...everyExponent(8)][0]]);
      const bits = (results: ArrayBufferView) => new Uint32Array(results.buffer, results.byteOffset);
      const early = bits(activated(relaxed, code, 32, values));
      for (let turn = 0; turn < runs(500, 100); turn++) activated(relaxed, code, 32, values);
      expect(bits(activated(relaxed, code, 32, values))).toEqual(early);
      for (let first = 0; first < values.length; first += 4) {
        const few = values.subarray(first, first + 4 * (1 + ((first / 4) % 5)));
        expect(bits(activated(relaxed, code, 32, few))).toEqual(early.subarray(first, first + few.length));
      }
    },
  );

  it.each(FUNCTIONS)('give NaN for every NaN: $name', ({ code }) => {
    const bits = Uint32Array.from(
      { length: 4096 },
      (_, k) => ((k & 1 ? 0xff800000 : 0x7f800000) | (k * 2047 + 1)) >>> 0,
    );
    const values = new Float32Array(bits.buffer);
    expect(activated(relaxed, code, 32, values).every(Number.isNaN)).toBe(true);
  });
});

describe('the kernels of float64', () => {
  it.each(FUNCTIONS)('have the bits of src/cells: $name', ({ code, exact }) => {
    for (const float32s of everyExponent(runs(2048, 256))) {
      const values = Float64Array.from(float32s, (value, k) => (k % 3 === 0 ? value : value * (1 + k * 2 ** -40)));
      const results = activated(false, code, 64, values);
      for (let k = 0; k < values.length; k++) {
        if (!Object.is(results[k], exact(values[k]))) expect(results[k], `at ${values[k]}`).toBe(exact(values[k]));
      }
    }
    const special = Float64Array.from([...SPECIAL, 745, -745, -746, 1e300, -1e300, 5e-324, 709, -37.5]);
    expect([...activated(false, code, 64, special)]).toEqual([...special].map(exact));
  });

  it.each([
    {
      name: 'sigmoid',
      own: sigmoid,
      standard: (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
    },
    { name: 'tanh', own: tanh, standard: Math.tanh },
  ])('are those of the standard library within some ulps: $name', ({ own, standard }) => {
    for (let x = -40; x < 40; x += 80 / runs(87_240, 8_724)) {
      expect(Math.abs(own(x) - standard(x)) / Math.abs(standard(x) || 1)).toBeLessThanOrEqual(6 * 2 ** -53);
    }
  });
});
