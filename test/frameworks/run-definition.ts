import { expect } from 'vitest';
import type { CellDefinition, StateGroup, Weights } from '../../src/domain/cell-definition.ts';
import type { SequenceRequest } from '../../src/domain/ports.ts';
import { allocate, type FloatArray, fromFloat64, type Shape, sizeOf, type Tensor } from '../../src/domain/tensor.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { type GoldenTensor, numbers, ulp32 } from '../cells/golden-data.ts';

/** An array in a framework's layout. */
export interface Arranged {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

export interface Results {
  readonly output: Arranged;
  readonly states: readonly Arranged[];
}

/** Where an index of one layout stands in another: extents of the target, and the source index of each target index. */
function arrange(shape: Shape, source: ArrayLike<number>, from: (index: readonly number[]) => number): Arranged {
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const index: number[] = [];
    for (let axis = shape.length - 1, rest = flat; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]);
      rest = Math.floor(rest / shape[axis]);
    }
    return source[from(index)];
  });
  return { shape, data };
}

function canonicalState(
  { members, width, stackAxis }: StateGroup,
  group: Arranged,
  k: number,
  batch: number,
): Arranged {
  return arrange([batch, width], group.data, ([row, u]) => {
    if (stackAxis === undefined) return row * width + u;
    return (stackAxis === 0 ? k * batch + row : row * members.length + k) * width + u;
  });
}

function canonicalStates(definition: CellDefinition, given: readonly Arranged[] | undefined, batch: number) {
  const floats = (values: ArrayLike<number>): FloatArray => {
    const array = allocate(definition.computeDtype, values.length) as FloatArray;
    array.set(values);
    return array;
  };
  const states = definition.stateWidths.map((width) => floats(new Float64Array(batch * width)));
  for (const [g, group] of definition.stateGroups.entries()) {
    group.members.forEach((member, k) => {
      if (given) states[member] = floats(canonicalState(group, given[g], k, batch).data);
    });
  }
  return { states, floats };
}

function groupedStates(definition: CellDefinition, states: readonly FloatArray[], batch: number): Arranged[] {
  return definition.stateGroups.map(({ members, width, stackAxis }) => {
    const all = Float64Array.from(members.flatMap((member) => [...states[member]]));
    const at = (k: number, row: number, u: number) => (k * batch + row) * width + u;
    if (stackAxis === undefined) return { shape: [batch, width], data: all };
    return stackAxis === 0
      ? { shape: [members.length, batch, width], data: all }
      : arrange([batch, members.length, width], all, ([row, k, u]) => at(k, row, u));
  });
}

/** One step. inputs [batch, features]. */
export function runStep(
  definition: CellDefinition,
  weights: Weights,
  inputs: Arranged,
  initial: readonly Arranged[] | undefined,
): Results {
  const [batch, features] = inputs.shape;
  if (!definition.step) throw new Error('the definition has no step');
  const { states, floats } = canonicalStates(definition, initial, batch);
  const result = referenceEngine.prepare(definition.step(features, weights)).step(floats(inputs.data), states, batch);
  return {
    output: { shape: [batch, definition.outputWidth], data: result.output },
    states: groupedStates(definition, result.states, batch),
  };
}

/** What an engine is asked for a sequence in the framework's own layout of inputs and states. */
export function sequenceRequest(
  definition: CellDefinition,
  inputs: Arranged,
  initial: readonly Arranged[] | undefined,
  lengths?: ArrayLike<number>,
): SequenceRequest {
  const { timeMajor } = definition.layout;
  const [time, batch] = timeMajor ? inputs.shape : [inputs.shape[1], inputs.shape[0]];
  const features = inputs.shape[2];
  const lead = (t: number, row: number) => (timeMajor ? t * batch + row : row * time + t);
  const x = arrange([batch, time, features], inputs.data, ([row, t, k]) => lead(t, row) * features + k);
  const { states, floats } = canonicalStates(definition, initial, batch);
  const { zeroOutputForMask = false } = definition.sequenceDefaults;
  const mask =
    lengths && Uint8Array.from({ length: batch * time }, (_, i) => (i % time < lengths[Math.floor(i / time)] ? 1 : 0));
  return { inputs: floats(x.data), batch, time, states, mask, zeroOutputForMask };
}

/** A sequence in the framework's own layout of inputs, states and outputs. */
export function runSequence(
  definition: CellDefinition,
  weights: Weights,
  inputs: Arranged,
  initial: readonly Arranged[] | undefined,
  lengths?: ArrayLike<number>,
): Results {
  const { timeMajor, directions } = definition.layout;
  const request = sequenceRequest(definition, inputs, initial, lengths);
  const { batch, time } = request;
  const { goBackwards } = definition.sequenceDefaults;
  const program = definition.sequence(inputs.shape[2], weights, goBackwards);
  const result = referenceEngine.prepareSequence(program).run(request);
  const own = definition.outputWidth;
  const width = own * (directions ?? 1);
  const [sequence] = result.sequences;
  const at = (t: number, row: number, d: number, u: number) => (row * time + t) * width + d * own + u;
  const output =
    directions === undefined
      ? arrange(timeMajor ? [time, batch, own] : [batch, time, own], sequence, ([a, b, u]) =>
          timeMajor ? at(a, b, 0, u) : at(b, a, 0, u),
        )
      : arrange(
          timeMajor ? [time, directions, batch, own] : [batch, time, directions, own],
          sequence,
          ([a, b, c, u]) => (timeMajor ? at(a, c, b, u) : at(b, a, c, u)),
        );
  return { output, states: groupedStates(definition, result.states, batch) };
}

export function goldenTensors(
  tensors: Readonly<Record<string, GoldenTensor>>,
  dtype: CellDefinition['variableDtype'],
): Record<string, Tensor> {
  const read = ([name, { shape, data }]: [string, GoldenTensor]) =>
    [name, fromFloat64(dtype, shape, Float32Array.from(data, Number))] as const;
  return Object.fromEntries(Object.entries(tensors).map(read));
}

export function goldenArray({ shape, data }: GoldenTensor): Arranged {
  // The fixtures hold float32 values as short decimals.
  return { shape, data: Float64Array.from(data, (value) => Math.fround(Number(value))) };
}

/** Equal within `absolute` or so many float32 ulps of the expected value, whichever is larger. */
export function expectClose(actual: Arranged, expected: GoldenTensor, absolute: number, ulps = 0): void {
  expect(actual.shape).toEqual(expected.shape);
  const exact = numbers(expected.data);
  const off = exact.findIndex((value, i) => {
    return !(Math.abs(actual.data[i] - value) <= Math.max(absolute, ulps * ulp32(value)));
  });
  expect(off < 0 ? 'close' : `[${off}] is ${actual.data[off]}, not ${exact[off]}`).toBe('close');
}
