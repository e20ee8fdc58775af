import { gateFunction } from '../../cells/cell-row.ts';
import type { Unit } from '../../cells/layers/layer-formula.ts';
import { layerForward } from '../../cells/layers/layer-formulas.ts';
import type { AnyLayer } from '../../domain/layers.ts';
import type { NetworkNode } from '../../domain/network.ts';
import { allocate, type FloatArray, rounder } from '../../domain/tensor.ts';

/** What a layer is to work on: `count` units of `time` steps each, their masks [count, time]. */
export interface Units {
  readonly count: number;
  readonly time: number;
  readonly mask?: Uint8Array;
  /** Of each input of a layer that merges, where any has one: [count, time] each. */
  readonly masks?: readonly (Uint8Array | undefined)[];
}

/** [count, …] each, of the layer's compute dtype. `before` the activation, where there is one and it was asked for. */
export interface LayerOutput {
  readonly after: FloatArray;
  readonly before?: FloatArray;
}

export interface PreparedLayer {
  /** inputs [count, width] each, already of the layer's compute dtype. A result may be an input as it is. */
  run(inputs: readonly FloatArray[], units: Units, trace?: boolean): LayerOutput;
}

/**
 * A layer by its formula: each unit on its own in float64, each result rounded once.
 * @throws {Problem} invalid-config for an activation that changes the width
 */
export function prepareFormula(layer: AnyLayer): PreparedLayer {
  const { kind, activation, rowWidth, computeDtype } = layer;
  if (kind === 'identity' && !activation) return { run: ([x]) => ({ after: x }) };
  const forward = layerForward(layer);
  const gate = activation && gateFunction(activation);
  const round = rounder(computeDtype);
  const activate = (sums: Float64Array) => {
    const values = new Float64Array(sums.length);
    for (let from = 0; gate && from < sums.length; from += rowWidth) {
      gate(sums.subarray(from, from + rowWidth), values.subarray(from, from + rowWidth));
    }
    return values;
  };
  return {
    run(inputs, units, trace = false) {
      const { count } = units;
      const outputs: Float64Array[] = [];
      const sums: Float64Array[] = [];
      for (let n = 0; n < count; n++) {
        const unit = unitAt(units, n);
        const rows = inputs.map((input) => new Float64Array(unitOf(input, n, count)));
        const sum = forward(rows, unit);
        outputs.push(gate ? activate(sum) : sum);
        if (trace && gate) sums.push(sum);
      }
      const gather = (parts: readonly Float64Array[]) => {
        const width = parts[0]?.length ?? 0;
        const all = allocate(computeDtype, count * width) as FloatArray;
        for (const [n, part] of parts.entries()) for (let k = 0; k < width; k++) all[n * width + k] = round(part[k]);
        return all;
      };
      return { after: gather(outputs), ...(sums.length > 0 ? { before: gather(sums) } : {}) };
    },
  };
}

/** Steps and masks of unit n. */
export function unitAt({ time, mask, masks }: Units, n: number): Unit {
  const own = (all: Uint8Array | undefined) => all?.subarray(n * time, (n + 1) * time);
  return { time, mask: own(mask), ...(masks ? { masks: masks.map(own) } : {}) };
}

/** The masks of inputs that are merged by a layer which looks at them, where any has one. */
export function masksOf(
  { mask: rule }: NetworkNode,
  layer: AnyLayer,
  inputs: readonly { readonly mask?: Uint8Array }[],
): Pick<Units, 'masks'> {
  const masks = inputs.map(({ mask }) => mask);
  return layer.kind === 'merge' && rule.kind === 'any' && masks.some((mask) => mask) ? { masks } : {};
}

/** The numbers of unit n of `count`. */
export function unitOf(values: FloatArray, n: number, count: number): FloatArray {
  const width = values.length / count;
  return values.subarray(n * width, (n + 1) * width);
}
