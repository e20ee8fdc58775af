import type { Tensor } from '../api/types.ts';

/** A number as it is read: at most `digits` significant ones, a true minus, NaN and ∞ by name. */
export function show(value: number, digits = 3): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(digits));
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? rounded.toExponential() : String(rounded);
  return text.replace('e+', 'e').replaceAll('-', '−');
}

/** A number of an axis, in at most seven characters. */
export function showOnAxis(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 0.001 && size < 10_000)) return show(value);
  return Number(value.toPrecision(3)).toExponential().replace('e+', 'e').replaceAll('-', '−');
}

/** A number as JSON can carry it. */
export function wire(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** What was typed: a number, NaN, ∞; undefined where it is none of these. */
export function typed(text: string): number | undefined {
  const plain = text.trim().replace('−', '-').replace('∞', 'Infinity');
  if (plain === '') return undefined;
  if (plain === 'NaN') return Number.NaN;
  const number = Number(plain);
  return Number.isNaN(number) ? undefined : number;
}

export function vector(tensor: Tensor): number[] {
  return (tensor as Tensor[]).map(Number);
}

export function matrix(tensor: Tensor): number[][] {
  return (tensor as Tensor[]).map(vector);
}

/** A tensor of any rank as rows of its last axis; a scalar is one row of one. */
export function rows(tensor: Tensor): number[][] {
  if (!Array.isArray(tensor)) return [[Number(tensor)]];
  if (!Array.isArray(tensor[0])) return [vector(tensor)];
  return (tensor as Tensor[]).flatMap(rows);
}

/** Rows, folded back into the shape that they came from, as JSON can carry them. */
export function folded(values: readonly (readonly number[])[], shape: readonly number[]): unknown {
  const flat = values.flat().map(wire);
  if (shape.length === 0) return flat[0];
  return shape
    .toReversed()
    .slice(0, -1)
    .reduce((list: unknown[], size) => chunks(list, size), flat);
}

function chunks(list: readonly unknown[], size: number): unknown[] {
  return Array.from({ length: list.length / size }, (_, i) => list.slice(i * size, (i + 1) * size));
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
