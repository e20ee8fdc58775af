import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Weights } from '../../../src/domain/cell-definition.ts';
import { decodeRecord } from '../../../src/domain/record.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
import { type CellRecord, cellWrites } from '../../../src/services/cells/cell-record.ts';
import { nameOfWeights } from '../../../src/services/cells/pin-version.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';

function record(variables: CellRecord['variables']): CellRecord {
  return {
    format: 1,
    id: 'c',
    uid: 'u',
    framework: 'keras',
    class_name: 'Sequential',
    config: {},
    precision: 'fast',
    initializer_seeds: {},
    input_shape: [null, 1],
    variables,
    version: 1,
    created_at: 0,
    updated_at: 0,
  };
}

it('encodes the values of a large network in turns of the event loop', async () => {
  slowClock();
  const names = Array.from({ length: 5_000 }, (_, k) => `v${k}`);
  const weights = Object.fromEntries(
    names.map((name, k) => [name, new Tensor('float32', [300], new Float32Array(300).fill(k))]),
  );
  const variables = names.map((name) => ({
    name,
    shape: [300],
    dtype: 'float32' as const,
    trainable: true,
    version: 1,
  }));
  const { value: writes, turns } = await countTurns(() => cellWrites(undefined, record(variables), weights));
  expect(turns).toBeGreaterThan(3);
  expect(writes).toHaveLength(5_001);
  expect(decodeRecord(writes[5_000].bytes!.subarray()).tensors.value.data).toEqual(new Float32Array(300).fill(4_999));
});

it('names weights by their digest, which is made in turns of the event loop', async () => {
  slowClock();
  const data = new Float32Array(2 ** 24).fill(0.5);
  const weights: Weights = {
    kernel: new Tensor('float32', [2 ** 24], data),
    bias: new Tensor('float32', [1], Float32Array.of(1)),
  };
  const hash = createHash('sha256');
  for (const [name, { shape, data: own }] of Object.entries(weights)) {
    hash.update(`${name} ${shape}\n`).update(new Uint8Array(own.buffer));
  }
  const { value, turns } = await countTurns(() => nameOfWeights(weights));
  expect(value).toBe(`w${hash.digest('hex')}`);
  expect(turns).toBeGreaterThan(10);
});
