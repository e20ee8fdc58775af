import { quote } from '../domain/json.ts';
import { Problem } from '../domain/problems.ts';
import type { ActivationSpec } from '../domain/program.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { makeActivation } from './activations/activations.ts';

/** What one gate or intermediate of a row was, before and after its activation; [units] each. */
export interface RowTrace {
  readonly name: string;
  readonly before: Float64Array;
  readonly after: Float64Array;
}

/**
 * Dropout of one row: what the inputs [features] and the state [state width] are multiplied by on their way into the
 * gates. No mask, one for all gates, or one for each gate.
 */
export interface RowMasks {
  readonly inputs: readonly Float64Array[];
  readonly recurrent: readonly Float64Array[];
}

/**
 * One row of a batch through a cell, in float64. The caller fills `inputs` and `states`, calls `step` and copies from
 * `nextStates` and `trace`, whose arrays the next step overwrites. The output is the first of the next states.
 */
export interface CellRow {
  readonly inputs: Float64Array;
  readonly states: readonly Float64Array[];
  readonly nextStates: readonly Float64Array[];
  readonly trace: readonly RowTrace[];
  /** `masks` in training only. */
  step(masks?: RowMasks): void;
}

/** Writes the activation of `before` to `after`: two arrays of one length, the units of a gate. */
export type GateFunction = (before: Float64Array, after: Float64Array) => void;

/**
 * An activation on a gate's units, its input bounded to [-clip, clip] where a clip is given. A bounded input is left
 * bounded in `before`.
 * @throws {Problem} invalid-config for an activation that a gate can't have: glu halves the width, and one along
 * axis 0 would mix the rows of a batch.
 */
export function gateFunction(spec: ActivationSpec, clip?: number): GateFunction {
  const activation = makeActivation(spec);
  if (activation.elementwise) {
    const { apply } = activation;
    return (before, after) => {
      if (clip !== undefined) bound(before, clip);
      for (let u = 0; u < before.length; u++) after[u] = apply(before[u]);
    };
  }
  const { axis } = spec.params;
  if (activation.outputLength(2) !== 2) {
    throw new Problem('invalid-config', `Activation ${quote(spec.name)} changes the width; a cell's gates keep it.`);
  }
  if (axis !== undefined && axis !== -1 && axis !== 1) {
    throw new Problem(
      'invalid-config',
      `Activation ${quote(spec.name)} has axis ${quote(axis)}. In a cell it acts on the units: send axis -1.`,
    );
  }
  return (before, after) => {
    if (clip !== undefined) bound(before, clip);
    activation.applyRow(before, 0, before.length, after, 0);
  };
}

/** A cell's parts that do not change from step to step, as float64. */
export function float64(values: FloatArray): Float64Array {
  return values instanceof Float64Array ? values : Float64Array.from(values);
}

/** `count` arrays of `width` entries over one buffer, one after another, and the buffer. */
export function blocks(count: number, width: number): { all: Float64Array; each: Float64Array[] } {
  const all = new Float64Array(count * width);
  return { all, each: Array.from({ length: count }, (_, k) => all.subarray(k * width, (k + 1) * width)) };
}

function bound(values: Float64Array, clip: number): void {
  for (let u = 0; u < values.length; u++) values[u] = Math.max(-clip, Math.min(clip, values[u]));
}
