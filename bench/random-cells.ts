import type { GruProgram, LstmProgram } from '../src/domain/program.ts';
import type { Engine } from '../src/engine/engine.ts';
import { type Contender, calls } from './measure.ts';

export type BenchCell = LstmProgram | GruProgram;

/** What is measured: one step of a batch, or a sequence of more. */
export interface Work {
  readonly cell: BenchCell;
  readonly batch: number;
  readonly time: number;
}

const GATES = { lstm: 4, gru: 3 } as const;

/** A cell with small random weights. */
export function randomCell(kind: BenchCell['kind'], features: number, units: number): BenchCell {
  const random = uniform(features * 8191 + units);
  const weights = (size: number) => Float32Array.from({ length: size }, () => (random() - 0.5) / Math.sqrt(units));
  const columns = GATES[kind] * units;
  const shared = {
    features,
    units,
    computeDtype: 'float32',
    kernel: weights(features * columns),
    recurrentKernel: weights(units * columns),
    bias: weights(columns),
    activation: { name: 'tanh', params: {} },
    recurrentActivation: { name: 'sigmoid', params: {} },
  } as const;
  if (kind === 'gru') return { ...shared, kind, resetAfter: true, recurrentBias: weights(columns) };
  return { ...shared, kind, outputActivation: shared.activation };
}

/** Numbers in [0, 1), always the same (the mulberry32 generator). */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Inputs [batch, time, features] and zero states for some work. */
export function argumentsOf({ cell, batch, time }: Work) {
  const random = uniform(7);
  const inputs = Float32Array.from({ length: batch * time * cell.features }, () => random() * 2 - 1);
  const states = Array.from({ length: cell.kind === 'lstm' ? 2 : 1 }, () => new Float32Array(batch * cell.units));
  return { inputs, states };
}

/** The work as a call of an engine. */
export function engineCalls(name: string, engine: Engine, work: Work): Contender {
  const { cell, batch, time } = work;
  const { inputs, states } = argumentsOf(work);
  if (time === 1) {
    const prepared = engine.prepare(cell);
    return calls(name, () => prepared.step(inputs, states, batch));
  }
  const program = { kind: 'run', computeDtype: 'float32', cell, goBackwards: false } as const;
  const prepared = engine.prepareSequence(program);
  return calls(name, () => prepared.run({ inputs, batch, time, states, zeroOutputForMask: true }));
}
