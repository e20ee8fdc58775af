import { expect, it } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { literalToTensor, SentTensor } from '../../src/domain/tensor-literal.ts';
import { createOps } from '../../src/ops/op-threads.ts';

/** Large enough for a thread. */
const SIZE = 2 ** 21 + 1;

function sent(last: number): SentTensor {
  const data = Float64Array.from({ length: SIZE }, (_, k) => k / 3);
  data[SIZE - 1] = last;
  return new SentTensor(new Tensor('float64', [SIZE], data));
}

it('converts what was sent in another dtype in a thread, to the same bits, and refuses what does not fit', async () => {
  const ops = createOps();
  const reading = ops.read(sent(0.1), 'float32', '/value');
  expect(reading).toBeInstanceOf(Promise);
  const read = await reading;
  expect(read.dtype).toBe('float32');
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  expect(Buffer.compare(bytes(read), bytes(literalToTensor(sent(0.1), 'float32', '/value')))).toBe(0);
  const refused = { code: 'value-out-of-range', errors: [{ pointer: '/value' }] };
  await expect(ops.read(sent(1e300), 'float32', '/value')).rejects.toMatchObject(refused);
  const few = new SentTensor(new Tensor('float64', [1], Float64Array.of(2)));
  expect(ops.read(few, 'int32', '/value')).toEqual(new Tensor('int32', [1], Int32Array.of(2)));
});
