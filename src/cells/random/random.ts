import { type Dtype, type FloatArray, rounder } from '../../domain/tensor.ts';
import { logf, sincosf } from '../activations/glibc-float.ts';
import { type PhiloxStream, philoxAt } from './philox.ts';

/**
 * Seeded draws, bit for bit those of Keras on TensorFlow's CPU kernels (xla/tsl/lib/random/random_distributions.h,
 * tensorflow/core/kernels/random_op_cpu.h). float16 and bfloat16 take the same words as float32; float64 takes two
 * words a number, and its logarithms, sines and cosines are V8's, which may differ from glibc's by one ulp.
 */

/** A distribution over one group of words at a time. */
interface Drawer {
  /** Fills `out` with the numbers of the group at `group`. */
  draw(stream: PhiloxStream, group: number, out: Float64Array): void;
  /** Numbers of a group. */
  readonly groupSize: number;
}

/** Uniform in [0, 1): 23 random bits for float32, 52 for float64, 10 for float16, 7 for bfloat16. */
export function uniform(stream: PhiloxStream, dtype: Dtype, out: FloatArray): void {
  if (dtype === 'float64') {
    fill(stream, out, {
      groupSize: 2,
      draw(from, group, numbers) {
        const w = wordsAt(from, group);
        numbers[0] = unitDouble(w[0], w[1]);
        numbers[1] = unitDouble(w[2], w[3]);
      },
    });
    return;
  }
  const range = dtype === 'float16' ? 2 ** 10 : dtype === 'bfloat16' ? 2 ** 7 : 2 ** 23;
  fill(stream, out, {
    groupSize: 4,
    draw(from, group, numbers) {
      const w = wordsAt(from, group);
      for (let i = 0; i < 4; i++) numbers[i] = (w[i] & (range - 1)) / range;
    },
  });
}

/** Normal with mean 0 and standard deviation 1. */
export function normal(stream: PhiloxStream, dtype: Dtype, out: FloatArray): void {
  const pair = new Float64Array(2);
  const wide = dtype === 'float64';
  const round = rounder(dtype);
  fill(stream, out, {
    groupSize: wide ? 2 : 4,
    draw(from, group, numbers) {
      const w = wordsAt(from, group);
      if (wide) {
        boxMullerDouble(w, numbers);
        return;
      }
      for (let i = 0; i < 4; i += 2) {
        boxMuller(w[i], w[i + 1], pair);
        numbers[i] = round(pair[0]);
        numbers[i + 1] = round(pair[1]);
      }
    },
  });
}

/** Normal with mean 0 and standard deviation 1, drawn again where it falls outside (-2, 2). */
export function truncatedNormal(stream: PhiloxStream, dtype: Dtype, out: FloatArray): void {
  const pair = new Float64Array(2);
  const wide = dtype === 'float64';
  const round = rounder(dtype);
  const groupSize = wide ? 2 : 4;
  fill(stream, out, {
    groupSize,
    draw(from, group, numbers) {
      // Each number has 256 words of its own to be redrawn from, four of them at each position.
      let position = group * groupSize * 64;
      let kept = 0;
      while (kept < groupSize) {
        const w = wordsAt(from, position++);
        for (let i = 0; i < 4 && kept < groupSize; i += wide ? 4 : 2) {
          if (wide) boxMullerDouble(w, pair);
          else boxMuller(w[i], w[i + 1], pair);
          for (let k = 0; k < 2 && kept < groupSize; k++) {
            if (Math.abs(pair[k]) < 2) numbers[kept++] = round(pair[k]);
          }
        }
      }
    },
  });
}

function fill(stream: PhiloxStream, out: FloatArray, drawer: Drawer): void {
  const numbers = new Float64Array(drawer.groupSize);
  for (let start = 0, group = 0; start < out.length; start += drawer.groupSize, group++) {
    drawer.draw(stream, group, numbers);
    for (let i = 0; i < drawer.groupSize && start + i < out.length; i++) out[start + i] = numbers[i];
  }
}

function wordsAt(stream: PhiloxStream, position: number): Uint32Array {
  const words = new Uint32Array(4);
  philoxAt(stream, position, words);
  return words;
}

/** Two normal float32 numbers of two words (Box & Muller, 1958), every operation rounded as TensorFlow's. */
function boxMuller(word0: number, word1: number, out: Float64Array): void {
  const u = Math.max((word0 & 0x7fffff) / 2 ** 23, Math.fround(1e-7));
  const v = Math.fround(2 * Math.PI * ((word1 & 0x7fffff) / 2 ** 23));
  const radius = Math.fround(Math.sqrt(Math.fround(-2 * logf(u))));
  const sinCos = new Float32Array(2);
  sincosf(v, sinCos);
  out[0] = Math.fround(sinCos[0] * radius);
  out[1] = Math.fround(sinCos[1] * radius);
}

function boxMullerDouble(words: Uint32Array, out: Float64Array): void {
  const u = Math.max(unitDouble(words[0], words[1]), 1e-7);
  const v = 2 * Math.PI * unitDouble(words[2], words[3]);
  const radius = Math.sqrt(-2 * Math.log(u));
  out[0] = Math.sin(v) * radius;
  out[1] = Math.cos(v) * radius;
}

/** 52 random bits in [0, 1). */
function unitDouble(high: number, low: number): number {
  return ((high & 0xfffff) * 2 ** 32 + low) / 2 ** 52;
}
