import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Tensor } from '../../src/domain/tensor.ts';

const DIRECTORY = new URL('../golden/weight_files/', import.meta.url);

export interface ExpectedTensor {
  readonly shape: number[];
  readonly data: number[];
  /** How npz and ONNX entries say it; left out where it is float32. */
  readonly dtype?: string;
  /** How safetensors entries say it. */
  readonly disk_dtype?: string;
}

export interface ExpectedFile {
  readonly file: string;
  readonly format: string;
  readonly op?: string;
  readonly attributes?: Record<string, unknown>;
  readonly tensors?: Record<string, ExpectedTensor>;
  readonly model_config?: { class_name: string; config: Record<string, unknown> };
  readonly weights?: (ExpectedTensor & { path: string })[];
}

export const EXPECTED: readonly ExpectedFile[] = JSON.parse(
  readFileSync(new URL('expected.json', DIRECTORY), 'utf8'),
).files;

export function goldenBytes(file: string): Uint8Array {
  return readFileSync(new URL(file, DIRECTORY));
}

/** Shape and every value, bit for bit: the goldens print float32 as the shortest decimal that reads back to it. */
export function expectTensor(actual: Tensor | undefined, expected: ExpectedTensor): void {
  expect(actual?.shape).toEqual(expected.shape);
  const round = actual?.data instanceof Float32Array ? Math.fround : (value: number) => value;
  expect(Array.from(actual?.data ?? [], Number)).toEqual(expected.data.map(round));
}
