import fc from 'fast-check';
import { expect } from 'vitest';
import type { SequenceRequest, SequenceResult, StepResult } from '../../src/domain/ports.ts';
import {
  type ActivationSpec,
  type CellProgram,
  type RunProgram,
  stateWidths,
  stepWidth,
} from '../../src/domain/program.ts';
import type { Dtype, FloatArray } from '../../src/domain/tensor.ts';
import { cellOfParts, numbers, SPECS } from './cell-parts.ts';

/** Small sizes, sizes next to those of vectors and panels, and others, up to 70. */
const size = (least: number) =>
  fc.oneof(
    fc.integer({ min: least, max: 9 }),
    fc.constantFrom(15, 16, 17, 31, 32, 33),
    fc.integer({ min: 1, max: 70 }),
  );

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
