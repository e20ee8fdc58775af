import fc from 'fast-check';
import { expect } from 'vitest';
import type { SequenceRequest, SequenceResult, StepResult } from '../../src/domain/ports.ts';
import {
  type ActivationSpec,
  type CellProgram,
  GATES,
  type LstmProgram,
  type RunProgram,
  stateWidths,
  stepWidth,
} from '../../src/domain/program.ts';
import { allocate, type Dtype, type FloatArray, rounder } from '../../src/domain/tensor.ts';
import { kerasActivation } from '../cells/golden-data.ts';

const spec = (name: string, params: ActivationSpec['params']): ActivationSpec => ({ name, params });

/** Every activation with a kernel, with parameters in their range, and two without. */
export const SPECS: readonly ActivationSpec[] = [
  ...['linear', 'sigmoid', 'tanh', 'relu', 'hard_sigmoid', 'hard_tanh', 'relu6', 'softsign', 'silu', 'hard_silu'].map(
    (name) => kerasActivation(name),
  ),
  spec('leaky_relu', { negative_slope: 0.2 }),
  spec('relu', { negative_slope: 0.1, max_value: null, threshold: 0 }),
  spec('relu', { negative_slope: 0, max_value: 0.5, threshold: 0 }),
  spec('affine', { alpha: 0.7, beta: -0.1 }),
  spec('scaled_tanh', { alpha: 1.7, beta: 0.6 }),
  spec('thresholded_relu', { alpha: 0.3 }),
  spec('onnx_hard_sigmoid', { alpha: 0.2, beta: 0.5 }),
  spec('relu', { negative_slope: 0.1, max_value: 2, threshold: 0.5 }),
  kerasActivation('softplus'),
  kerasActivation('softmax'),
];

/** Numbers that go wrong first. */
const SPECIAL = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40, -1e-45, 1e30, -3e38];

/** Reproducible numbers of a dtype in [-scale, scale]; one in `rarity` is special, none where it is 0. */
export function numbers(dtype: Dtype, size: number, seed: number, scale = 1, rarity = 0): FloatArray {
  const round = rounder(dtype);
  const values = allocate(dtype, size) as FloatArray;
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 8) & 0xffff) / 0x10000;
  };
  for (let k = 0; k < size; k++) {
    const value = (2 * next() - 1) * scale;
    values[k] = round(rarity > 0 && next() * rarity < 1 ? SPECIAL[Math.floor(next() * SPECIAL.length)] : value);
  }
  return values;
}

/** Small sizes, sizes next to those of vectors and panels, and others, up to 70. */
const size = (least: number) =>
  fc.oneof(
    fc.integer({ min: least, max: 9 }),
    fc.constantFrom(15, 16, 17, 31, 32, 33),
    fc.integer({ min: 1, max: 70 }),
  );

/** What a cell is made from; its weights are drawn by the seed. */
export interface CellParts {
  readonly kind: CellProgram['kind'];
  readonly features: number;
  readonly units: number;
  readonly dtype: Dtype;
  readonly clip: number | undefined;
  readonly seed: number;
  /** Six, each an option that some kinds have. */
  readonly flags: readonly boolean[];
  readonly activations: readonly [ActivationSpec, ActivationSpec, ActivationSpec];
  /** Width of the projection of an LSTM; none where it is 0. */
  readonly projected: number;
}

/** `draw` may draw something else than numbers, for a cell whose sizes alone are looked at. */
export function cellOfParts(parts: CellParts, draw = numbers): CellProgram {
  const { kind, features, units, dtype, clip, seed, flags, activations, projected } = parts;
  const [withBias, other, peeped, forgetful, resetAfter, wideBias] = flags;
  const columns = GATES[kind].length * units;
  const state = kind === 'lstm' && projected > 0 ? projected : units;
  const weights = (length: number, salt: number, scale: number) => draw(dtype, length, seed + salt, scale);
  // A bias may have more digits than the rest: the sum of two.
  const bias = draw(wideBias && dtype === 'float32' ? 'float64' : dtype, columns, seed + 3);
  const base = {
    features,
    units,
    computeDtype: dtype,
    ...(clip === undefined ? {} : { clip }),
    kernel: weights(features * columns, 1, 2 / Math.sqrt(features + 1)),
    recurrentKernel: weights(state * columns, 2, 2 / Math.sqrt(state)),
    ...(withBias ? { bias } : {}),
    activation: activations[0],
  };
  if (kind === 'simple_rnn') return { kind, ...base };
  const gated = { ...base, recurrentActivation: activations[1] };
  if (kind === 'gru') {
    return { kind, ...gated, resetAfter, ...(other ? { recurrentBias: weights(columns, 4, 1) } : {}) };
  }
  return {
    kind,
    ...gated,
    outputActivation: activations[2],
    ...(forgetful && other ? { inputForget: true } : {}),
    ...(peeped ? { peepholes: weights(3 * units, 5, 1) } : {}),
    ...(state === units ? {} : { projection: weights(units * state, 6, 1) }),
  } satisfies LstmProgram;
}

interface Shape {
  readonly dtypes?: readonly Dtype[];
  readonly specs?: readonly ActivationSpec[];
}

/** Cells of every kind, option and size. */
export function kernelPrograms({ dtypes = ['float32'], specs = SPECS }: Shape = {}): fc.Arbitrary<CellProgram> {
  const often = fc.constantFrom(...specs, ...specs.slice(0, 4), ...specs.slice(0, 4));
  return fc
    .record({
      kind: fc.constantFrom('simple_rnn', 'gru', 'lstm'),
      features: size(0),
      units: size(1),
      dtype: fc.constantFrom(...dtypes),
      clip: fc.constantFrom(undefined, undefined, undefined, 0.4, 3),
      seed: fc.integer(),
      flags: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      activations: fc.tuple(often, often, often),
      projected: fc.constantFrom(0, 0, 0, 1, 5, 16, 21),
    })
    .map((parts) => cellOfParts(parts));
}

/** Inputs and states of so many rows. */
export function stepArguments(program: CellProgram, batch: number, seed: number, rarity = 0) {
  const { computeDtype: dtype, features } = program;
  const states = stateWidths(program).map((width, k) => numbers(dtype, batch * width, seed + 8 + k, 1, rarity));
  return { inputs: numbers(dtype, batch * features, seed + 7, 2, rarity), states };
}

export interface RunCase {
  readonly program: RunProgram & { readonly cell: CellProgram };
  readonly request: SequenceRequest;
}

/** Runs in both directions, masked or not, of no and of many steps. */
export function kernelRuns(shape: Shape = {}): fc.Arbitrary<RunCase> {
  return fc
    .record({
      cell: kernelPrograms(shape),
      batch: fc.integer({ min: 0, max: 5 }),
      time: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 40 })),
      goBackwards: fc.boolean(),
      timeOrder: fc.boolean(),
      zeroOutputForMask: fc.boolean(),
      masked: fc.boolean(),
      followed: fc.boolean(),
      seed: fc.integer(),
    })
    .map(({ cell, batch, time, goBackwards, timeOrder, zeroOutputForMask, masked, followed, seed }) => {
      const { states } = stepArguments(cell, batch, seed);
      const { computeDtype } = cell;
      const mask = Uint8Array.from(numbers('float32', batch * time, seed + 9), (value) => (value > -0.3 ? 1 : 0));
      return {
        program: { kind: 'run', computeDtype, cell, goBackwards, timeOrder },
        request: {
          inputs: numbers(computeDtype, batch * time * cell.features, seed + 7, 2),
          batch,
          time,
          states,
          zeroOutputForMask,
          ...(masked ? { mask } : {}),
          ...(followed ? { previous: numbers(computeDtype, batch * stepWidth(cell), seed + 11) } : {}),
        },
      };
    });
}

/** Equal element for element, zeros by their sign, NaN by being NaN. */
export function expectSame(got: FloatArray, wanted: FloatArray, what: string): void {
  if (got.length !== wanted.length) expect(got.length, what).toBe(wanted.length);
  for (let k = 0; k < got.length; k++) {
    if (!Object.is(got[k], wanted[k])) expect(got[k], `${what}[${k}]`).toBe(wanted[k]);
  }
}

export function expectSameStep(got: StepResult, wanted: StepResult): void {
  expect(got.output.constructor).toBe(wanted.output.constructor);
  expectSame(got.output, wanted.output, 'output');
  for (const [k, state] of wanted.states.entries()) expectSame(got.states[k], state, `states[${k}]`);
  expect(got.trace?.map(({ name, width }) => [name, width])).toEqual(
    wanted.trace?.map(({ name, width }) => [name, width]),
  );
  for (const [k, { name, before, after }] of (wanted.trace ?? []).entries()) {
    expectSame(got.trace![k].before, before, `${name} before`);
    expectSame(got.trace![k].after, after, `${name} after`);
  }
}

export function expectSameRun(got: SequenceResult, wanted: SequenceResult): void {
  for (const name of ['sequences', 'last', 'states'] as const) {
    expect(got[name].length).toBe(wanted[name].length);
    for (const [k, array] of wanted[name].entries()) expectSame(got[name][k], array, `${name}[${k}]`);
  }
}
