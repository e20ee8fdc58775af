import { describe, expect, it } from 'vitest';
import { TensorReply } from '../../../schemas/tensor.ts';
import { Tensor } from '../../../src/domain/tensor.ts';
import { jsonText, listText } from '../../../src/http/json/text.ts';

const item = (k: number) => ({
  id: `i${k}`,
  none: undefined,
  value: new TensorReply(new Tensor('float32', [2], Float32Array.of(k, 1)), 'nested'),
});

function slicesOf(items: readonly object[]) {
  const printing = listText(items);
  let slices = 0;
  let step = printing.next();
  for (; !step.done; step = printing.next()) slices++;
  return { text: step.value, slices };
}

describe('the text of a list', () => {
  it.each([0, 1, 300])('is that of its %i items, one in each slice', (count) => {
    const items = Array.from({ length: count }, (_, k) => item(k));
    const { text, slices } = slicesOf(items);
    expect(text).toBe(jsonText(items));
    expect(slices).toBe(count);
  });

  it('has a large tensor in more slices', () => {
    const large = { value: new TensorReply(new Tensor('float64', [2 ** 15], new Float64Array(2 ** 15)), 'nested') };
    const items = [item(1), large, item(2)];
    const { text, slices } = slicesOf(items);
    expect(text).toBe(jsonText(items));
    expect(slices).toBeGreaterThanOrEqual(6);
  });

  it('is refused where all items together are too long', () => {
    const data = Float32Array.from({ length: 2 ** 18 }, (_, k) => k / 3);
    const items = Array(4).fill({ value: new TensorReply(new Tensor('float32', [2 ** 18], data), 'nested') });
    expect(() => slicesOf(items)).toThrow('8 MiB as JSON');
    expect(slicesOf(items.slice(0, 1)).slices).toBeGreaterThan(2);
  });
});
