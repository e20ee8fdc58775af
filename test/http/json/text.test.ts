import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TensorReply } from '../../../schemas/tensor.ts';
import { Tensor, zeros } from '../../../src/domain/tensor.ts';
import { jsonText, LongText, replyText } from '../../../src/http/json/text.ts';
import { processorMs } from '../../support/processor-time.ts';
import { runs } from '../../support/runs.ts';

describe('the JSON text of a reply', () => {
  it("is JSON.stringify's for whatever has no tensor in it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonText(value)).toBe(JSON.stringify(value));
      }),
      { numRuns: runs(500) },
    );
  });

  it('leaves out what is undefined, and writes null in a list', () => {
    expect(jsonText({ a: undefined, b: [undefined, 1], c: { d: undefined } })).toBe('{"b":[null,1],"c":{}}');
  });

  it('writes tensors in the form of each', () => {
    const tensor = new Tensor('float32', [1, 2], Float32Array.of(1, Number.NaN));
    const reply = {
      nested: new TensorReply(tensor, 'nested'),
      list: [new TensorReply(tensor, 'flat')],
      bytes: { value: new TensorReply(tensor, 'base64') },
    };
    expect(jsonText(reply)).toBe(
      '{"nested":[[1,"NaN"]],' +
        '"list":[{"shape":[1,2],"dtype":"float32","data":[1,"NaN"]}],' +
        '"bytes":{"value":{"shape":[1,2],"dtype":"float32","base64":"AACAPwAAwH8="}}}',
    );
  });

  it('writes a tensor that comes twice alike, and others of the same values in their own way', () => {
    const data = Float32Array.of(0.1, -0);
    const [row, column, wide] = [
      new Tensor('float32', [1, 2], data),
      new Tensor('float32', [2, 1], data),
      new Tensor('float64', [2], Float64Array.from(data)),
    ];
    const nested = [row, row, column, wide].map((tensor) => new TensorReply(tensor, 'nested'));
    const text = '[[[0.1,-0]],[[0.1,-0]],[[0.1],[-0]],[0.10000000149011612,-0]]';
    expect(jsonText(nested)).toBe(text);
    expect(jsonText([nested[0], new TensorReply(row, 'flat')])).toContain('"data":[0.1,-0]');
  });

  it('writes large tensors, and small ones after them', () => {
    const data = Float32Array.from({ length: 300_000 }, (_, i) => i / 8);
    const large: unknown = JSON.parse(jsonText(new TensorReply(new Tensor('float32', [6, 50_000], data), 'nested')));
    expect((large as number[][]).flat()).toEqual(Array.from(data));
    expect(jsonText(new TensorReply(new Tensor('float32', [1], data.subarray(4, 5)), 'nested'))).toBe('[0.5]');
  });

  it.each([
    ['float32', [3, 50_000]],
    ['float32', [150_000, 1]],
    ['float64', [2, 2, 9_000]],
    ['float16', [20_000]],
    ['bfloat16', [5, 4_001]],
    ['int64', [7, 1, 3_000]],
    ['int32', [33, 1_001]],
    ['bool', [2, 40_000]],
  ] as const)('is the same where a large tensor is printed while it is sent: %s %j', (dtype, shape) => {
    const { data, ...rest } = zeros(dtype, shape);
    for (let i = 0; i < data.length; i++) data[i] = dtype === 'int64' ? BigInt(i) : i % 500;
    const tensor = new Tensor(rest.dtype, shape, data);
    const small = new TensorReply(new Tensor('float32', [1], Float32Array.of(2)), 'nested');
    for (const format of ['nested', 'flat', 'base64'] as const) {
      const reply = {
        small,
        large: new TensorReply(tensor, format),
        text: 'é',
        list: [new TensorReply(tensor, format)],
      };
      const text = replyText(reply);
      expect(text).toBeInstanceOf(LongText);
      const pieces = [...(text as LongText).pieces()];
      expect(pieces.length).toBeGreaterThan(format === 'base64' ? 4 : 6);
      expect(pieces.join('')).toBe(jsonText(reply));
    }
  });

  it('is refused where it would be longer than 8 MiB', () => {
    const tooLong = expect.objectContaining({ code: 'limit-exceeded' });
    const long = new TensorReply(
      new Tensor('float32', [2 ** 17], new Float32Array(2 ** 17).fill(-1.2345678e-20)),
      'nested',
    );
    // The same tensor is printed once, and so a reply is long without taking much memory.
    const fields = Array.from({ length: 5 }, (_, k) => [`field${k}`, long]);
    expect(() => jsonText(Object.fromEntries(fields))).toThrow(tooLong);
    const wide = new Tensor('float64', [30_000_000], new Float64Array(30_000_000).fill(Math.PI));
    for (const format of ['nested', 'flat'] as const) {
      expect(() => jsonText({ output: new TensorReply(wide, format) })).toThrow(tooLong);
    }
  });
});

it('prints a reply of many tensors in time that grows as they do', () => {
  const printing = (count: number, times: number) => {
    const tensors = Array.from({ length: count }, (_, k) => new Tensor('float32', [2], Float32Array.of(k, 1)));
    const reply = tensors.map((tensor) => new TensorReply(tensor, 'nested'));
    return () => {
      for (let k = 0; k < times; k++) jsonText(reply);
    };
  };
  const [many, few] = [printing(16_000, 10), printing(1_000, 160)];
  // The least of several: V8 may collect the garbage of other tests in any of them.
  const took = { many: Number.POSITIVE_INFINITY, few: Number.POSITIVE_INFINITY };
  for (let round = 0; round < 4; round++) {
    took.many = Math.min(took.many, processorMs(many));
    took.few = Math.min(took.few, processorMs(few));
  }
  // As many tensors in all. Were each compared with all before it, some 9 times as long.
  expect(took.many).toBeLessThan(4 * took.few);
});
