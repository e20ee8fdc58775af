import { reachBack, type Window } from '../../domain/layers.ts';
import { slides } from '../../domain/network-steps.ts';
import { Problem } from '../../domain/problems.ts';
import { allocate, type Dtype, type FloatArray } from '../../domain/tensor.ts';

/** Steps that a window works on: [batch, time, width]. */
export interface Steps {
  readonly values: FloatArray;
  readonly batch: number;
  readonly time: number;
  readonly width: number;
}

/** Steps of zeros before the first and after the last, and how many steps come out. */
function padding(window: Window, time: number): { before: number; after: number; count: number } {
  const { stride } = window;
  const back = reachBack(window);
  const count = slides({ size: back + 1, stride, padding: window.padding }, time);
  if (window.padding === 'causal') return { before: back, after: 0, count };
  if (window.padding === 'valid') return { before: 0, after: 0, count };
  const total = Math.max(0, (count - 1) * stride + back + 1 - time);
  return { before: total >> 1, after: total - (total >> 1), count };
}

/**
 * The windows around the steps, [batch, count, taps·width]. In front of the first step stand the steps of `history`
 * [batch, back·width] where there is one, else the zeros of the padding.
 * @throws {Problem} wrong-shape where there are too few steps for a window
 */
export function gatherWindows(
  window: Window,
  dtype: Dtype,
  { values, batch, time, width }: Steps,
  history?: FloatArray,
): { readonly windows: FloatArray; readonly count: number } {
  const { taps, dilation, stride } = window;
  const { before, count } = padding(window, time);
  if (count < 1 && time > 0) throw tooFewSteps(reachBack(window) + 1, time);
  const windows = allocate(dtype, batch * count * taps * width) as FloatArray;
  for (let row = 0; row < batch; row++) {
    for (let k = 0; k < count; k++) {
      for (let tap = 0; tap < taps; tap++) {
        const t = k * stride + tap * dilation - before;
        const at = ((row * count + k) * taps + tap) * width;
        if (t >= 0 && t < time) {
          const from = (row * time + t) * width;
          windows.set(values.subarray(from, from + width), at);
        } else if (t < 0 && history) {
          const from = (row * before + before + t) * width;
          windows.set(history.subarray(from, from + width), at);
        }
      }
    }
  }
  return { windows, count };
}

/** The last steps, those of the history among them, as the history of what comes next. */
export function nextHistory(window: Window, dtype: Dtype, steps: Steps, history: FloatArray): FloatArray {
  const { values, batch, time, width } = steps;
  const back = reachBack(window);
  const next = allocate(dtype, batch * back * width) as FloatArray;
  for (let row = 0; row < batch; row++) {
    for (let k = 0; k < back; k++) {
      const t = time - back + k;
      const [source, from] = t >= 0 ? [values, row * time + t] : [history, row * back + back + t];
      next.set(source.subarray(from * width, (from + 1) * width), (row * back + k) * width);
    }
  }
  return next;
}

/** From d/d windows to d/d steps and, where there is a history, d/d history: what gatherWindows spread is added up. */
export function scatterWindows(
  window: Window,
  { values, batch, time, width }: Steps,
  history?: Float64Array,
): { readonly steps: Float64Array; readonly history?: Float64Array } {
  const { taps, dilation, stride } = window;
  const { before, count } = padding(window, time);
  const steps = new Float64Array(batch * time * width);
  const earlier = history && new Float64Array(history.length);
  for (let row = 0; row < batch; row++) {
    for (let k = 0; k < count; k++) {
      for (let tap = 0; tap < taps; tap++) {
        const t = k * stride + tap * dilation - before;
        const from = ((row * count + k) * taps + tap) * width;
        if (t >= 0 && t < time) addRow(steps, (row * time + t) * width, values, from, width);
        else if (t < 0 && earlier) addRow(earlier, (row * before + before + t) * width, values, from, width);
      }
    }
  }
  return { steps, history: earlier };
}

function addRow(to: Float64Array, at: number, values: FloatArray, from: number, width: number): void {
  for (let i = 0; i < width; i++) to[at + i] += values[from + i];
}

function tooFewSteps(least: number, time: number): Problem {
  return new Problem('wrong-shape', `This network needs at least ${least} steps; 'inputs' has ${time}.`);
}
