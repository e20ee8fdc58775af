import { readFileSync } from 'node:fs';
import type { ActivationSpec } from '../../src/domain/program.ts';

/** A tensor as the golden files write it; non-finite numbers are strings. */
export interface GoldenTensor {
  readonly shape: number[];
  readonly data: (number | string)[];
}

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8')) as T;
}

/** The numbers as float64. */
export function numbers(values: readonly (number | string | null)[]): Float64Array {
  return Float64Array.from(values, Number);
}

/** float32 values are written as short decimals: this gives back the float32. */
export function float32s(tensor: GoldenTensor): Float32Array {
  return Float32Array.from(tensor.data, Number);
}

interface Catalogue {
  readonly activations: Record<string, { parameters: Record<string, { default: number | boolean | null }> }>;
}

const catalogue = readGolden<Catalogue>('catalogue.json');

/** A Keras activation with Keras' defaults where nothing else is said. */
export function kerasActivation(name: string, params: ActivationSpec['params'] = {}): ActivationSpec {
  const defaults = Object.entries(catalogue.activations[name].parameters).map(([key, value]) => [key, value.default]);
  return { name, params: { ...Object.fromEntries(defaults), ...params } };
}

/** The distance between float32 neighbours at a value. */
export function ulp32(value: number): number {
  const size = Math.abs(value);
  return size < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23);
}
