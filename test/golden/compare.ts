import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

/** A tensor as the fixtures write it. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
  readonly dtype?: string;
}

/** What a reply with `tensor_format: "flat"` has for a tensor. */
export interface FlatTensor {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8')) as T;
}

/** A fixture's tensor as a request writes it. */
export function asRequest({ shape, data }: GoldenTensor): FlatTensor {
  return { shape, data };
}

/** Named tensors, such as the weights of a cell, as a request writes them. */
export function requestTensors(tensors: Readonly<Record<string, GoldenTensor>>): Record<string, FlatTensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, asRequest(tensor)]));
}

/**
 * Whether a result is the reference's, within the project's one tolerance for float32: 2e-6 absolute (of a whole network
 * 4e-6) or 8 units in the last place of the reference, whichever is larger.
 */
export function expectClose(actual: FlatTensor, reference: GoldenTensor, what: string, absolute = 2e-6): void {
  expect(actual.shape, `${what}: shape`).toEqual(reference.shape);
  reference.data.forEach((text, i) => {
    const [value, expected] = [Number(actual.data[i]), Number(text)];
    if (!Number.isFinite(expected)) {
      expect(value, `${what}[${i}]`).toBe(expected);
      return;
    }
    const tolerance = Math.max(absolute, 8 * ulp(expected));
    expect(Math.abs(value - expected), `${what}[${i}]: ${value} for ${expected}`).toBeLessThanOrEqual(tolerance);
  });
}

/** Distance of neighbouring float32 values at x. */
function ulp(x: number): number {
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x) || 2 ** -149)), -126);
  return 2 ** (exponent - 23);
}
