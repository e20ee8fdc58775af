import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CellProgram, GruProgram, LstmProgram } from '../../src/domain/program.ts';
import { type FloatArray, rounder } from '../../src/domain/tensor.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { float32s, type GoldenTensor, kerasActivation, numbers, readGolden, ulp32 } from '../cells/golden-data.ts';

interface Case {
  readonly name: string;
  readonly cell: { class_name: string; config: Record<string, number | boolean | string> };
  readonly weights: { kernel: GoldenTensor; recurrent_kernel: GoldenTensor; bias?: GoldenTensor };
  readonly inputs: GoldenTensor;
  readonly initial_state: GoldenTensor[];
  readonly reference_float64: { outputs: GoldenTensor; states: GoldenTensor[] };
}
const all = readGolden<{ cases: Case[] }>('keras_cells.json').cases;
// Keras' sparsemax is wrong, and so is the reference of cells with it; they have a test of their own below.
const withSparsemax = (one: Case) => Object.values(one.cell.config).includes('sparsemax');
const cases = all.filter((one) => !withSparsemax(one));
const SHARP = ['linear', 'relu', 'tanh', 'sigmoid'];

function programOf(one: Case, computeDtype: 'float32' | 'float64'): CellProgram {
  const { config, class_name: className } = one.cell;
  const units = Number(config.units);
  const read = (tensor: GoldenTensor): FloatArray =>
    computeDtype === 'float32' ? float32s(tensor) : Float64Array.from(float32s(tensor));
  const bias = one.weights.bias && read(one.weights.bias);
  const activation = kerasActivation(String(config.activation));
  const base = {
    features: one.inputs.shape[1],
    units,
    computeDtype,
    kernel: read(one.weights.kernel),
    recurrentKernel: read(one.weights.recurrent_kernel),
    activation,
  };
  if (className === 'SimpleRNNCell') return { kind: 'simple_rnn', ...base, bias };
  const recurrentActivation = kerasActivation(String(config.recurrent_activation));
  if (className === 'LSTMCell')
    return { kind: 'lstm', ...base, bias, recurrentActivation, outputActivation: activation };
  const resetAfter = config.reset_after === true;
  return {
    kind: 'gru',
    ...base,
    recurrentActivation,
    resetAfter,
    bias: bias?.slice(0, 3 * units),
    recurrentBias: resetAfter ? bias?.slice(3 * units) : undefined,
  };
}

describe('the reference engine on the cases of Keras', () => {
  it.each(cases)('steps $name', (one) => {
    const batch = one.inputs.shape[0];
    const result = referenceEngine
      .prepare(programOf(one, 'float32'))
      .step(float32s(one.inputs), one.initial_state.map(float32s), batch);
    const { config } = one.cell;
    const sharp = [config.activation, config.recurrent_activation ?? 'linear'].every((name) =>
      SHARP.includes(String(name)),
    );
    const check = (got: FloatArray, wanted: GoldenTensor) => {
      expect(got).toBeInstanceOf(Float32Array);
      expect(got.length).toBe(wanted.data.length);
      for (const [i, exact] of numbers(wanted.data).entries()) {
        if (!Number.isFinite(exact)) expect(got[i]).toBe(exact);
        else {
          const most = sharp ? 0.50001 * ulp32(exact) : Math.max(2e-6, 8 * ulp32(exact));
          expect(Math.abs(got[i] - exact)).toBeLessThanOrEqual(most);
        }
      }
    };
    check(result.output, one.reference_float64.outputs);
    expect(result.states.length).toBe(one.reference_float64.states.length);
    for (const [k, state] of result.states.entries()) check(state, one.reference_float64.states[k]);
  });

  it.each(cases)('steps $name in float64', (one) => {
    const batch = one.inputs.shape[0];
    const wide = (tensor: GoldenTensor) => Float64Array.from(float32s(tensor));
    const result = referenceEngine
      .prepare(programOf(one, 'float64'))
      .step(wide(one.inputs), one.initial_state.map(wide), batch);
    const check = (got: FloatArray, wanted: GoldenTensor) => {
      expect(got).toBeInstanceOf(Float64Array);
      for (const [i, exact] of numbers(wanted.data).entries()) {
        if (!Number.isFinite(exact)) expect(got[i]).toBe(exact);
        else expect(Math.abs(got[i] - exact)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(exact)));
      }
    };
    check(result.output, one.reference_float64.outputs);
    for (const [k, state] of result.states.entries()) check(state, one.reference_float64.states[k]);
  });
});

describe('a GRU with sparsemax', () => {
  it.each(all.filter(withSparsemax))('mixes its state with a true point of the simplex in $name', (one) => {
    const [batch, units] = one.initial_state[0].shape;
    const h = Float64Array.from(float32s(one.initial_state[0]));
    const { output, trace } = referenceEngine
      .prepare(programOf(one, 'float64'))
      .step(Float64Array.from(float32s(one.inputs)), [h], batch, { trace: true });
    const [z, , hh] = trace!;
    for (let n = 0; n < batch; n++) {
      const row = [...hh.after.slice(n * units, (n + 1) * units)];
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      for (let i = n * units; i < (n + 1) * units; i++) {
        expect(output[i]).toBe(z.after[i] * h[i] + (1 - z.after[i]) * hh.after[i]);
      }
    }
  });
});

/** A program of any kind and options, with weights of a fixed pattern. */
const programs: fc.Arbitrary<CellProgram> = fc
  .record({
    kind: fc.constantFrom('simple_rnn', 'gru', 'lstm'),
    features: fc.integer({ min: 0, max: 6 }),
    units: fc.integer({ min: 1, max: 6 }),
    bias: fc.boolean(),
    more: fc.boolean(),
    activation: fc.constantFrom('tanh', 'softmax', 'gelu'),
    clip: fc.constantFrom(undefined, 0.3),
    projection: fc.constantFrom(0, 2),
    computeDtype: fc.constantFrom('float32' as const, 'float64' as const, 'float16' as const),
  })
  .map((o): CellProgram => {
    const gates = o.kind === 'simple_rnn' ? 1 : o.kind === 'gru' ? 3 : 4;
    const width = o.kind === 'lstm' && o.projection ? o.projection : o.units;
    const base = {
      features: o.features,
      units: o.units,
      computeDtype: o.computeDtype,
      clip: o.clip,
      activation: kerasActivation(o.activation),
      kernel: pattern(o.features * gates * o.units, 1),
      recurrentKernel: pattern(width * gates * o.units, 2),
      bias: o.bias ? pattern(gates * o.units, 3) : undefined,
    };
    if (o.kind === 'simple_rnn') return { kind: 'simple_rnn', ...base };
    const recurrentActivation = kerasActivation('sigmoid');
    if (o.kind === 'gru') {
      return {
        kind: 'gru',
        ...base,
        recurrentActivation,
        resetAfter: o.more,
        recurrentBias: base.bias && pattern(3 * o.units, 4),
      };
    }
    return {
      kind: 'lstm',
      ...base,
      recurrentActivation,
      outputActivation: kerasActivation('tanh'),
      inputForget: o.more,
      peepholes: o.bias ? pattern(3 * o.units, 5) : undefined,
      projection: o.projection ? pattern(o.units * o.projection, 6) : undefined,
    };
  });

function pattern(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(seed * 37.7 + i * 1.3));
}

function widths(program: CellProgram): number[] {
  if (program.kind !== 'lstm') return [program.units];
  return [program.projection ? program.projection.length / program.units : program.units, program.units];
}

describe('the reference engine', () => {
  it('gives a row the same bits alone as in a batch, and rounds to the compute dtype', () => {
    fc.assert(
      fc.property(programs, fc.integer({ min: 1, max: 5 }), (program, batch) => {
        const round = rounder(program.computeDtype);
        const inputs = pattern(batch * program.features, 7).map(round);
        const states = widths(program).map((width, k) => pattern(batch * width, 8 + k).map(round));
        const prepared = referenceEngine.prepare(program);
        const together = prepared.step(inputs, states, batch, { trace: true });
        expect([...together.output].every((value) => round(value) === value)).toBe(true);
        expect(together.output).toEqual(together.states[0]);
        for (let n = 0; n < batch; n++) {
          const of = (all: FloatArray) => all.slice((n * all.length) / batch, ((n + 1) * all.length) / batch);
          const alone = prepared.step(of(inputs), states.map(of), 1, { trace: true });
          expect(alone.output).toEqual(of(together.output));
          expect(alone.states).toEqual(together.states.map(of));
          expect(alone.trace).toEqual(
            together.trace!.map(({ before, after, ...gate }) => ({ ...gate, before: of(before), after: of(after) })),
          );
        }
      }),
    );
  });

  it('keeps a NaN row to itself', () => {
    fc.assert(
      fc.property(programs, (program) => {
        const states = widths(program).map((width, k) => pattern(2 * width, 8 + k));
        const inputs = pattern(2 * program.features, 7);
        const prepared = referenceEngine.prepare(program);
        const clean = prepared.step(inputs, states, 2);
        const spoilt = prepared.step(
          inputs,
          states.map((state) => state.map((v, i) => (i < state.length / 2 ? NaN : v))),
          2,
        );
        const half = clean.output.length / 2;
        expect(spoilt.output.slice(half)).toEqual(clean.output.slice(half));
        expect(spoilt.output.slice(0, half).some(Number.isNaN)).toBe(true);
      }),
    );
  });

  it('takes a batch of no rows', () => {
    fc.assert(
      fc.property(programs, (program) => {
        const none = new Float32Array(0);
        const result = referenceEngine.prepare(program).step(
          none,
          widths(program).map(() => none),
          0,
          { trace: true },
        );
        expect([result.output, ...result.states].every((values) => values.length === 0)).toBe(true);
      }),
    );
  });

  it('owns its results: the next step does not change them; the output is the first state itself', () => {
    const program = programOf(cases.find((one) => one.name === 'SimpleRNNCell_u3_f1_b1')!, 'float32');
    const prepared = referenceEngine.prepare(program);
    const first = prepared.step(Float32Array.of(1), [new Float32Array(3)], 1);
    const kept = first.states[0].slice();
    prepared.step(Float32Array.of(-1), [Float32Array.of(1, 2, 3)], 1);
    expect(first.states[0]).toEqual(kept);
    expect(first.output).toBe(first.states[0]);
  });

  const one = Float64Array.of(1);
  const linear = kerasActivation('linear');

  it('traces the gates of each kind before and after their activations', () => {
    const base = { features: 1, units: 1, computeDtype: 'float64' as const, activation: kerasActivation('tanh') };
    const rnn = referenceEngine
      .prepare({ kind: 'simple_rnn', ...base, kernel: one, recurrentKernel: one })
      .step(one, [one], 1, { trace: true });
    expect(rnn.trace).toEqual([
      { name: 'h', dtype: 'float64', width: 1, before: Float64Array.of(2), after: Float64Array.of(Math.tanh(2)) },
    ]);
    const sigmoid = kerasActivation('sigmoid');
    const ones = (size: number) => new Float64Array(size).fill(1);
    const gru: GruProgram = {
      kind: 'gru',
      ...base,
      kernel: ones(3),
      recurrentKernel: ones(3),
      recurrentActivation: sigmoid,
      resetAfter: true,
    };
    const s2 = 1 / (1 + Math.exp(-2));
    const traced = referenceEngine.prepare(gru).step(one, [one], 1, { trace: true });
    expect(traced.trace!.map((gate) => [gate.name, gate.before[0], gate.after[0]])).toEqual([
      ['z', 2, s2],
      ['r', 2, s2],
      ['hh', 1 + s2, Math.tanh(1 + s2)],
    ]);
    const lstm: LstmProgram = {
      kind: 'lstm',
      ...base,
      kernel: ones(4),
      recurrentKernel: ones(4),
      recurrentActivation: sigmoid,
      outputActivation: base.activation,
    };
    const c = s2 + s2 * Math.tanh(2);
    const steps = referenceEngine.prepare(lstm).step(one, [one, one], 1, { trace: true });
    expect(steps.trace!.map((gate) => [gate.name, gate.before[0], gate.after[0]])).toEqual([
      ['i', 2, s2],
      ['f', 2, s2],
      ['c', 2, Math.tanh(2)],
      ['o', 2, s2],
      ['new_c', c, Math.tanh(c)],
    ]);
    expect(referenceEngine.prepare(lstm).step(one, [one, one], 1).trace).toBeUndefined();
  });

  it("computes h from this step's unrounded c", () => {
    const third = Float64Array.of(1 / 3, 1 / 3, 1 / 3, 1 / 3);
    const lstm: LstmProgram = {
      kind: 'lstm',
      features: 1,
      units: 1,
      computeDtype: 'float16',
      activation: linear,
      recurrentActivation: linear,
      outputActivation: linear,
      kernel: third,
      recurrentKernel: Float64Array.of(0, 0, 0, 0),
    };
    const { output, states } = referenceEngine
      .prepare(lstm)
      .step(Float32Array.of(1), [Float32Array.of(0), Float32Array.of(0)], 1);
    expect(states[1][0]).toBe(Math.f16round(1 / 9));
    expect(output[0]).toBe(Math.f16round(1 / 27));
  });

  it("carries out ONNX's and PyTorch's options", () => {
    const base = {
      features: 1,
      units: 2,
      computeDtype: 'float64' as const,
      activation: linear,
      recurrentActivation: linear,
    };
    const lstm: LstmProgram = {
      kind: 'lstm',
      ...base,
      outputActivation: linear,
      kernel: Float64Array.of(0.1, 0.2, 9, 9, 1, 2, 0.5, 0.25),
      recurrentKernel: new Float64Array(8),
      inputForget: true,
      peepholes: Float64Array.of(0.01, 0.02, 9, 9, 0.1, 0.2),
      projection: Float64Array.of(10, 100),
      clip: 1.5,
    };
    const step = referenceEngine.prepare(lstm).step(one, [Float64Array.of(0), Float64Array.of(3, 4)], 1);
    const i = [0.1 + 0.03, 0.2 + 0.08];
    const c = [(1 - i[0]) * 3 + i[0] * 1, (1 - i[1]) * 4 + i[1] * 1.5];
    const o = [0.5 + 0.1 * c[0], 0.25 + 0.2 * c[1]];
    expect([...step.states[1]]).toEqual([expect.closeTo(c[0], 14), expect.closeTo(c[1], 14)]);
    expect([...step.output]).toEqual([expect.closeTo(10 * o[0] * c[0] + 100 * o[1] * c[1], 11)]);

    const gru: GruProgram = {
      kind: 'gru',
      features: 1,
      units: 1,
      computeDtype: 'float64',
      activation: linear,
      recurrentActivation: linear,
      resetAfter: false,
      kernel: Float64Array.of(0.1, 0.2, 0.3),
      recurrentKernel: Float64Array.of(0.4, 0.5, 0.6),
      recurrentBias: Float64Array.of(0.01, 0.02, 0.03),
    };
    const z = 0.1 + 0.8 + 0.01;
    const r = 0.2 + 1 + 0.02;
    const hh = 0.3 + r * 2 * 0.6 + 0.03;
    expect(referenceEngine.prepare(gru).step(one, [Float64Array.of(2)], 1).output[0]).toBeCloseTo(
      z * 2 + (1 - z) * hh,
      14,
    );
  });

  it('refuses an activation that would change the width or mix the rows', () => {
    const base = {
      kind: 'simple_rnn',
      features: 1,
      units: 1,
      computeDtype: 'float32',
      kernel: one,
      recurrentKernel: one,
    } as const;
    expect(() => referenceEngine.prepare({ ...base, activation: kerasActivation('glu') })).toThrow(
      '"glu" changes the width',
    );
    expect(() => referenceEngine.prepare({ ...base, activation: kerasActivation('softmax', { axis: 0 }) })).toThrow(
      'axis 0',
    );
  });
});
