import { expect, it } from 'vitest';
import { LONG_BYTES } from '../../src/domain/bytes.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { createOps } from '../../src/ops/op-threads.ts';

const LONG = LONG_BYTES / 4 + 1;

const ones = (size: number) => new Tensor('float32', [size], new Float32Array(size).fill(1));

it('moves long inputs that are its own to the thread, and leaves the others as they are', async () => {
  const [own, others] = [ones(LONG), ones(LONG)];
  const { data } = await createOps().apply('add', [own, others], {}, new Set([own]));
  expect(data.every((element) => element === 2)).toBe(true);
  expect(own.data.buffer.byteLength).toBe(0);
  expect(others).toEqual(ones(LONG));
});
