import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readInferBody } from '../../src/oip/infer-body.ts';
import { atOnce } from '../../src/threads/in-turns.ts';
import { runs } from '../support/runs.ts';

function body(datatype: string, shape: readonly number[], data: string): Buffer {
  return Buffer.from(
    `{"inputs":[{"name":"i","datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":${data}}]}`,
  );
}

const read = (bytes: Buffer) => atOnce(readInferBody(bytes, 2 ** 24)).inputs.get('i')!;

function slicesOf(bytes: Buffer): number {
  const reading = readInferBody(bytes, 2 ** 24);
  for (let slices = 1; ; slices++) if (reading.next().done) return slices;
}

describe('the data of an infer request', () => {
  it('may be nested in any way', () => {
    const nested = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.array(fc.oneof({ maxDepth: 4 }, fc.integer({ min: -99, max: 99 }), tie('node')), { maxLength: 4 }),
    })).node as fc.Arbitrary<number[]>;
    fc.assert(
      fc.property(nested, (data) => {
        const flat = data.flat(Number.POSITIVE_INFINITY);
        expect(read(body('FP32', [flat.length], JSON.stringify(data)))).toMatchObject({
          values: Float64Array.from(flat),
        });
      }),
      { numRuns: runs(300) },
    );
  });

  it('is read in slices, as numbers and as whole numbers past 2^53', () => {
    const count = 200_000;
    const rows = `[${Array(count / 4)
      .fill('[1,1,1,1]')
      .join(',')}]`;
    const numbers = slicesOf(body('FP32', [count / 4, 4], rows));
    expect(numbers).toBeGreaterThan(count / 2 ** 13);
    const long = body('INT64', [count], `[9223372036854775807${',1'.repeat(count - 1)}]`);
    expect(slicesOf(long)).toBeGreaterThan((2 * count) / 2 ** 13);
    const { integers } = read(long) as { integers?: BigInt64Array };
    expect([integers?.[0], integers?.[1], integers?.length]).toEqual([2n ** 63n - 1n, 1n, count]);
  });

  it('takes memory for as many numbers as its JSON part can have, at most', () => {
    const head = body('FP32', [2 ** 21], '[1]');
    const array = vi.spyOn(globalThis, 'Float64Array');
    onTestFinished(() => array.mockRestore());
    const reading = readInferBody(Buffer.concat([head, Buffer.alloc(2 ** 22)]), 2 ** 24, head.length);
    expect(() => atOnce(reading)).toThrow('fewer numbers');
    expect(array).not.toHaveBeenCalled();
  });

  it.each([
    ['[1,2]', 'more than 1 numbers'],
    ['[]', '0 numbers'],
    ['[[],[[]]]', '0 numbers'],
    ['["x"]', 'Send numbers'],
    ['[1e400]', 'Send Infinity if you mean that'],
    ['[-1e400]', 'Send -Infinity if you mean that'],
  ])('%s is refused for a shape of one', (data, message) => {
    expect(() => read(body('FP32', [1], data))).toThrow(message);
  });
});
