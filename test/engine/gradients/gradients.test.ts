import { describe, expect, it } from 'vitest';
import type { GradientRequest, GradientResult } from '../../../src/domain/ports.ts';
import { type CellProgram, stateWidths } from '../../../src/domain/program.ts';
import { type Dtype, type FloatArray, rounder } from '../../../src/domain/tensor.ts';
import { prepareGradients } from '../../../src/engine/gradients/gradients.ts';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { type GoldenTensor, kerasActivation, numbers, readGolden } from '../../cells/golden-data.ts';
import { goldenProgram, lossOf, runOf } from '../gradients-support.ts';

interface Gradients {
  readonly inputs: GoldenTensor;
  readonly initial_state: GoldenTensor[];
  readonly kernel: GoldenTensor;
  readonly recurrent_kernel: GoldenTensor;
  readonly bias?: GoldenTensor;
}
interface Case {
  readonly name: string;
  readonly layer: { class_name: string; config: Record<string, unknown> };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly mask: { data: boolean[] } | null;
  readonly initial_state: GoldenTensor[];
  readonly cotangent: GoldenTensor;
  readonly loss: number;
  readonly gradients: Gradients;
  readonly reference_float64: { readonly loss: number; readonly gradients: Gradients };
}
const { cases } = readGolden<{ cases: Case[] }>('gradients.json');

function setUp(one: Case, dtype: Dtype) {
  const read = ({ data }: GoldenTensor): FloatArray => {
    const values = Float32Array.from(data, Number);
    return dtype === 'float64' ? Float64Array.from(values) : values;
  };
  // The file's float32 weights are short decimals; the float64 reference starts from the float32 values.
  const weights = Object.fromEntries(
    Object.entries(one.weights).map(([name, { shape, data }]) => [
      name,
      { shape, data: [...Float32Array.from(data, Number)] },
    ]),
  );
  const cell = goldenProgram({ ...one.layer, weights }, dtype);
  const request: GradientRequest = {
    inputs: read(one.inputs),
    batch: one.inputs.shape[0],
    time: one.inputs.shape[1],
    states: one.initial_state.map(read),
    mask: one.mask ? Uint8Array.from(one.mask.data, Number) : undefined,
    zeroOutputForMask: one.layer.config.zero_output_for_mask === true,
    cotangents: [read(one.cotangent)],
    returnSequences: true,
  };
  return { program: runOf(cell, one.layer.config.go_backwards === true), request };
}

function compare(result: GradientResult, wanted: Gradients, tolerance: number): void {
  const [{ kernel, recurrentKernel, bias, recurrentBias }] = result.cells;
  const close = (got: FloatArray, { data }: GoldenTensor) => {
    expect(got.length).toBe(data.length);
    for (const [i, value] of numbers(data).entries())
      expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  };
  close(result.inputs, wanted.inputs);
  expect(result.states.length).toBe(wanted.initial_state.length);
  for (const [k, state] of result.states.entries()) close(state, wanted.initial_state[k]);
  close(kernel, wanted.kernel);
  close(recurrentKernel, wanted.recurrent_kernel);
  expect(bias === undefined).toBe(wanted.bias === undefined);
  if (bias && wanted.bias) close(Float64Array.of(...bias, ...(recurrentBias ?? [])), wanted.bias);
}

describe('gradients of Keras layers', () => {
  it.each(cases)('equal the float64 reference in $name', (one) => {
    const { program, request } = setUp(one, 'float64');
    expect(lossOf(program, request)).toBeCloseTo(one.reference_float64.loss, 9);
    compare(prepareGradients(program).run(request), one.reference_float64.gradients, 1e-9);
  });

  it.each(cases)('are as near to Keras as its float32 is to the truth in $name', (one) => {
    const { program, request } = setUp(one, 'float32');
    const result = prepareGradients(program).run(request);
    expect(result.cells[0].kernel).toBeInstanceOf(Float32Array);
    compare(result, one.gradients, 3e-6);
  });
});

/** A GRU with fixed weights that look random. */
function gru(computeDtype: Dtype): CellProgram {
  const make = (size: number, from: number) => {
    const round = rounder(computeDtype);
    const values = Array.from({ length: size }, (_, i) => round(Math.sin(from + i * 1.7) * 0.6));
    return computeDtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  };
  const [tanh, sigmoid] = [kerasActivation('tanh'), kerasActivation('sigmoid')];
  const bases = { kernel: make(18, 1), recurrentKernel: make(27, 2), bias: make(9, 3), recurrentBias: make(9, 4) };
  return {
    kind: 'gru',
    features: 2,
    units: 3,
    computeDtype,
    activation: tanh,
    recurrentActivation: sigmoid,
    resetAfter: true,
    ...bases,
  };
}

function requestFor(cell: CellProgram, batch: number, time: number): GradientRequest {
  const make = (size: number, from: number) =>
    Float64Array.from({ length: size }, (_, i) => Math.fround(Math.cos(from + 2.3 * i)));
  return {
    inputs: make(batch * time * cell.features, 5),
    batch,
    time,
    states: stateWidths(cell).map((width, k) => make(batch * width, 6 + k)),
    zeroOutputForMask: false,
    cotangents: [make(batch * time * cell.units, 9)],
    returnSequences: true,
  };
}

describe('prepareGradients', () => {
  it('adds up the gradients of the rows of a batch', () => {
    const cell = gru('float64');
    const prepared = prepareGradients(runOf(cell));
    const request = requestFor(cell, 3, 4);
    const whole = prepared.run(request);
    const sum = new Float64Array(cell.kernel.length);
    for (let n = 0; n < 3; n++) {
      const row = (values: FloatArray) => values.slice((n * values.length) / 3, ((n + 1) * values.length) / 3);
      const alone = prepared.run({
        ...request,
        batch: 1,
        inputs: row(request.inputs),
        states: request.states.map(row),
        cotangents: request.cotangents.map(row),
      });
      expect(alone.inputs).toEqual(row(whole.inputs));
      for (const [i, value] of alone.cells[0].kernel.entries()) sum[i] += value;
    }
    for (const [i, value] of sum.entries()) expect(whole.cells[0].kernel[i]).toBeCloseTo(value, 13);
  });

  it.each(['float32', 'float16', 'bfloat16'] as const)('rounds its float64 results once to %s', (dtype) => {
    const narrow = gru(dtype);
    const wide: CellProgram = {
      ...gru('float64'),
      kernel: Float64Array.from(narrow.kernel),
      recurrentKernel: Float64Array.from(narrow.recurrentKernel),
      bias: Float64Array.from(narrow.bias!),
      recurrentBias: Float64Array.from((narrow as typeof narrow & { kind: 'gru' }).recurrentBias!),
    } as CellProgram;
    const request = requestFor(narrow, 2, 3);
    const [got, exact] = [narrow, wide].map((cell) => prepareGradients(runOf(cell)).run(request));
    const round = rounder(dtype);
    expect([...got.inputs]).toEqual([...exact.inputs].map(round));
    expect([...got.states[0]]).toEqual([...exact.states[0]].map(round));
    expect([...got.cells[0].kernel]).toEqual([...exact.cells[0].kernel].map(round));
    expect([...got.cells[0].bias!]).toEqual([...exact.cells[0].bias!].map(round));
  });

  it('gives zeros for the states and weights without a time step', () => {
    const cell = gru('float64');
    const request = { ...requestFor(cell, 2, 0), cotangents: [new Float64Array(6).fill(1)], returnSequences: false };
    const { inputs, states, cells } = prepareGradients(runOf(cell)).run(request);
    expect(inputs.length).toBe(0);
    expect([...states[0]]).toEqual(Array(6).fill(0));
    expect(cells[0].kernel.every((value) => value === 0)).toBe(true);
  });

  it('lets no gradient reach a masked input', () => {
    const cell = gru('float64');
    const request = { ...requestFor(cell, 1, 4), mask: Uint8Array.of(1, 0, 1, 0) };
    const { inputs } = prepareGradients(runOf(cell)).run(request);
    expect([...inputs].map((value) => value !== 0)).toEqual([true, true, false, false, true, true, false, false]);
  });

  it('gives a cell that learns a task by going against them', () => {
    let cell = gru('float64');
    const { inputs, states } = requestFor(cell, 4, 6);
    const target = Float64Array.from({ length: 12 }, (_, i) => 0.5 * Math.sin(i));
    const losses: number[] = [];
    for (let epoch = 0; epoch < 60; epoch++) {
      const base = { inputs, states, batch: 4, time: 6, zeroOutputForMask: false, returnSequences: false };
      const [last] = referenceEngine.prepareSequence(runOf(cell)).run(base).last;
      const errors = Float64Array.from(last, (value, i) => value - target[i]);
      losses.push(errors.reduce((sum, error) => sum + error * error, 0));
      const [gradients] = prepareGradients(runOf(cell)).run({
        ...base,
        cotangents: [errors.map((error) => 2 * error)],
      }).cells;
      const updated = Object.entries(gradients).map(([name, gradient]) => {
        const values = cell[name as keyof CellProgram] as unknown as FloatArray;
        return [name, values.map((value, i) => value - 0.1 * gradient[i])];
      });
      cell = { ...cell, ...Object.fromEntries(updated) };
    }
    expect(losses[59]).toBeLessThan(0.1 * losses[0]);
  });

  it('go through as many steps as there are', () => {
    const time = 200_000;
    const ones = () => Float32Array.of(1);
    const program = runOf({
      kind: 'simple_rnn',
      features: 1,
      units: 1,
      computeDtype: 'float32',
      kernel: ones(),
      recurrentKernel: Float32Array.of(0),
      activation: { name: 'linear', params: {} },
    });
    const { inputs } = prepareGradients(program).run({
      inputs: new Float32Array(time),
      batch: 1,
      time,
      states: [ones()],
      zeroOutputForMask: false,
      cotangents: [new Float32Array(time).fill(1)],
      returnSequences: true,
    });
    expect([inputs.length, inputs[0], inputs[time - 1]]).toEqual([time, 1, 1]);
  });
});
