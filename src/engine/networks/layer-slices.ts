import type { AnyLayer } from '../../domain/layers.ts';
import type { FloatArray } from '../../domain/tensor.ts';
import { joinRows } from '../batcher.ts';
import { SLICE_NANOSECONDS } from '../sliced.ts';
import type { LayerOutput, PreparedLayer, Units } from './layer.ts';

/** A layer over its units, some of them in each slice: a unit does not depend on those beside it. */
export type SlicedLayer = (
  inputs: readonly FloatArray[],
  units: Units,
  trace?: boolean,
) => Generator<void, LayerOutput>;

/** `nanoseconds` is what one step of a unit may be expected to take. */
export function inSlices({ kind }: AnyLayer, { run }: PreparedLayer, nanoseconds: number): SlicedLayer {
  return function* (inputs, units, trace) {
    const { count, time } = units;
    const each = Math.max(1, Math.floor(SLICE_NANOSECONDS / (nanoseconds * Math.max(time, 1))));
    if (kind === 'identity' || each >= count) return run(inputs, units, trace);
    const parts: LayerOutput[] = [];
    for (let from = 0; from < count; from += each) {
      const to = Math.min(count, from + each);
      const own = inputs.map((all) => all.subarray((all.length / count) * from, (all.length / count) * to));
      parts.push(run(own, unitsFrom(units, from, to), trace));
      yield;
    }
    const before = parts.flatMap((part) => part.before ?? []);
    return {
      after: joinRows(parts.map(({ after }) => after)),
      ...(before.length > 0 ? { before: joinRows(before) } : {}),
    };
  };
}

function unitsFrom({ time, mask, masks }: Units, from: number, to: number): Units {
  const own = (all: Uint8Array | undefined) => all?.subarray(from * time, to * time);
  return { count: to - from, time, mask: own(mask), ...(masks ? { masks: masks.map(own) } : {}) };
}
