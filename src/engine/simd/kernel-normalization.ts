import { deviations } from '../../cells/layers/normalization.ts';
import type { AnyLayer } from '../../domain/layers.ts';
import { allocate, type FloatArray } from '../../domain/tensor.ts';
import type { PreparedLayer } from '../networks/layer.ts';
import type { KernelThread } from './kernel-cell.ts';
import { loadRows, storeRows } from './rows.ts';
import { emptyWideRegisters } from './wide-simd.ts';

/** A layer as kernels/normalize.ts takes it: by fixed numbers for each feature, or by what is found in each row. */
type Normalizing =
  | { readonly kind: 'fixed'; readonly mean?: FloatArray; readonly scale: FloatArray; readonly shift?: FloatArray }
  | {
      readonly kind: 'found';
      /** 0: less the mean, over the deviation; 1: over the root mean square; 2: over the norm. */
      readonly mode: 0 | 1 | 2;
      readonly epsilon: number;
      readonly scale?: FloatArray;
      readonly shift?: FloatArray;
    };

/** Whether the kernels of float32 normalize by the layer. */
export function isNormalizing(layer: AnyLayer): boolean {
  return layer.computeDtype === 'float32' && !layer.activation && normalizing(layer) !== undefined;
}

function normalizing(layer: AnyLayer): Normalizing | undefined {
  const { arrays } = layer;
  switch (layer.kind) {
    case 'layer_normalization': {
      const { epsilon, rmsScaling } = layer.params;
      if (rmsScaling) return undefined;
      return { kind: 'found', mode: 0, epsilon, scale: arrays.gamma, shift: arrays.beta };
    }
    case 'rms_normalization':
      return { kind: 'found', mode: 1, epsilon: layer.params.epsilon, scale: arrays.scale };
    case 'unit_normalization':
      return { kind: 'found', mode: 2, epsilon: 0 };
    case 'batch_normalization': {
      const { gamma, beta, moving_mean: mean, moving_variance: variance } = arrays;
      const inverse = Float64Array.from(
        variance,
        (value, k) => (gamma?.[k] ?? 1) / Math.sqrt(value + layer.params.epsilon),
      );
      return { kind: 'fixed', mean, scale: inverse, shift: beta };
    }
    case 'normalization': {
      const deviation = deviations(arrays.variance);
      if (layer.params.invert) return { kind: 'fixed', scale: deviation, shift: arrays.mean };
      return { kind: 'fixed', mean: arrays.mean, scale: deviation.map((value) => 1 / value) };
    }
    default:
      return undefined;
  }
}

/** Rows that are normalized together, in bytes. */
const BUDGET = 2 ** 20;

/** A normalization by the kernels of float32; undefined if they cannot compute it. Each row by itself. */
export function prepareKernelNormalization(
  { kernels, memory, scratch }: KernelThread,
  layer: AnyLayer,
): PreparedLayer | undefined {
  const plan = isNormalizing(layer) ? normalizing(layer) : undefined;
  if (!plan) return undefined;
  const { rowWidth: width } = layer;
  const stride = Math.ceil(width / 4) * 16;
  const numbers = (values: FloatArray | undefined, otherwise: number) =>
    Float32Array.from({ length: width }, (_, k) => (values ? values[k % values.length] : otherwise));
  const mean = numbers(plan.kind === 'fixed' ? plan.mean : undefined, 0);
  const [scale, shift] = [numbers(plan.scale, 1), numbers(plan.shift, 0)];
  const { scaleRows, normalizeRows } = kernels.float32;
  return {
    run([x]) {
      const count = x.length / width;
      const most = Math.max(1, Math.min(count, Math.floor(BUDGET / stride)));
      const start = scratch.room((most + 3) * stride);
      const rows = start + 3 * stride;
      const view = memory.float32(rows + most * stride);
      view.fill(0, start / 4, (rows + most * stride) / 4);
      for (const [k, values] of [mean, scale, shift].entries()) view.set(values, start / 4 + (k * stride) / 4);
      const after = allocate('float32', x.length) as FloatArray;
      const layout = { view, stride, width, dtype: 'float32' } as const;
      for (let first = 0; first < count; first += most) {
        const some = Math.min(most, count - first);
        loadRows(layout, rows, x, first, some);
        if (plan.kind === 'fixed') scaleRows(rows, start, start + stride, start + 2 * stride, stride, some);
        else normalizeRows(plan.mode, rows, start + stride, start + 2 * stride, width, stride, plan.epsilon, some);
        storeRows(layout, rows, after, first, some);
      }
      emptyWideRegisters();
      return { after };
    },
  };
}
