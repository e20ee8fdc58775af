import { allocate, type Dtype, isFloat, type Shape, sizeOf, Tensor } from '../../../src/domain/tensor.ts';
import { decodeElements, encodeElements } from '../../../src/domain/tensor-bytes.ts';
import { numbers } from '../../engine/cell-parts.ts';

/** A tensor as requests, replies and Python have it. */
export interface Sent {
  readonly shape: Shape;
  readonly dtype: string;
  readonly base64: string;
}

export type Named = Readonly<Record<string, Sent>>;

/** Numbers of float32 in [-scale, scale], the same for the same seed. */
export function draw(shape: Shape, seed: number, scale: number): Sent {
  return sent(new Tensor('float32', shape, numbers('float32', sizeOf(shape), seed, scale)));
}

export function sent(tensor: Tensor): Sent {
  const base64 = Buffer.from(encodeElements(tensor)).toString('base64');
  return { shape: tensor.shape, dtype: tensor.dtype, base64 };
}

/** Whether each step of each row counts: some two of three do. */
export function drawMask(batch: number, time: number, seed: number): boolean[][] {
  const drawn = numbers('float32', batch * time, seed, 1);
  return Array.from({ length: batch }, (_, row) =>
    Array.from(drawn.subarray(row * time, (row + 1) * time), (one) => one > -0.33),
  );
}

interface Spec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: Dtype;
}

/** Weights of a size that lets states neither vanish nor grow; variances are positive, counts 0. */
export function drawWeights(variables: readonly Spec[], seed: number): Named {
  return Object.fromEntries(
    variables.map(({ name, shape, dtype }, k) => {
      if (!isFloat(dtype)) return [name, sent(new Tensor(dtype, shape, allocate(dtype, sizeOf(shape))))];
      const wide = Math.sqrt(Math.max(shape.at(-2) ?? 1, 4));
      const drawn = numbers('float32', sizeOf(shape), seed + 7 * k, 1.6 / wide);
      const values = name.endsWith('variance') ? drawn.map((value) => 0.5 + Math.abs(value)) : drawn;
      return [name, sent(new Tensor('float32', shape, values))];
    }),
  );
}

function valuesOf({ dtype, shape, base64 }: Sent): number[] {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  return Array.from(decodeElements(dtype as Dtype, shape, bytes).data, Number);
}

const GROWN = 1000;

/** Where two lists of tensors differ by more than `bound` times their largest number, or 1. */
export function difference(got: readonly Sent[], wanted: readonly Sent[], bound: number): string | undefined {
  const shapes = (tensors: readonly Sent[]) => JSON.stringify(tensors.map(({ shape }) => shape));
  if (shapes(got) !== shapes(wanted)) return `cellstep has shapes ${shapes(got)}, the library ${shapes(wanted)}`;
  for (const [k, other] of wanted.entries()) {
    const [a, b] = [valuesOf(got[k]), valuesOf(other)];
    // Where states grow without bound so does each rounding, until what is infinite here is no number there.
    if (!b.every((value) => Math.abs(value) < GROWN) && !a.every((value) => Math.abs(value) < GROWN)) continue;
    const most = b
      .map(Math.abs)
      .filter(Number.isFinite)
      .reduce((largest, size) => Math.max(largest, size), 1);
    const at = b.findIndex((value, i) => !(Object.is(a[i], value) || Math.abs(a[i] - value) <= bound * most));
    if (at >= 0) return `tensor ${k} has ${a[at]} at ${at}, the library ${b[at]}`;
  }
  return undefined;
}
