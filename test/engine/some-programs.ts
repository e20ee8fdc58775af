import fc from 'fast-check';
import { type CellKind, type CellProgram, GATES, stateWidths } from '../../src/domain/program.ts';
import type { FloatArray } from '../../src/domain/tensor.ts';

/** Values in [-scale, scale], the same for the same seed. */
export function pattern(size: number, seed: number, scale = 1): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(seed * 37.7 + i * 1.3) * scale);
}

const spec = (name: string) => ({ name, params: {} });

/** A float32 cell of a kind as Keras makes it by default. */
export function standardCell(kind: CellKind, features: number, units: number): CellProgram {
  const columns = GATES[kind].length * units;
  const base = {
    features,
    units,
    computeDtype: 'float32' as const,
    kernel: pattern(features * columns, 1, 1 / Math.sqrt(features)),
    recurrentKernel: pattern(units * columns, 2, 1 / Math.sqrt(units)),
    bias: pattern(columns, 3),
    activation: spec('tanh'),
  };
  if (kind === 'simple_rnn') return { kind, ...base };
  const recurrentActivation = spec('sigmoid');
  if (kind === 'gru')
    return { kind, ...base, recurrentActivation, resetAfter: true, recurrentBias: pattern(columns, 4) };
  return { kind, ...base, recurrentActivation, outputActivation: spec('tanh') };
}

export const someCell: fc.Arbitrary<CellProgram> = fc
  .tuple(
    fc.constantFrom<CellKind>('simple_rnn', 'gru', 'lstm'),
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: 40 }),
  )
  .map(([kind, features, units]) => standardCell(kind, features, units));

/** Inputs and states of so many rows. */
export function rowsFor(program: CellProgram, rows: number, seed: number) {
  return {
    inputs: pattern(rows * program.features, seed) as FloatArray,
    states: stateWidths(program).map((width, k): FloatArray => pattern(rows * width, seed + 100 + k)),
    rows,
  };
}
