import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorInput, tensorLiteral } from '../../schemas/tensor.ts';
import { parseLiteral, parseTensor, TensorSyntaxError } from '../../schemas/tensor-syntax.ts';
import { DTYPES, fromFloat64, Tensor } from '../../src/domain/tensor.ts';
import { encodeElements } from '../../src/domain/tensor-bytes.ts';
import { literalToTensor, type TensorLiteral } from '../../src/domain/tensor-literal.ts';
import { flatText, nestedText } from '../../src/http/numbers/text.ts';

function errorOf(value: unknown): TensorSyntaxError {
  try {
    parseTensor(value);
  } catch (error) {
    if (error instanceof TensorSyntaxError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(value)} was taken`);
}

const tensors = fc
  .tuple(fc.constantFrom(...DTYPES), fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const number =
      dtype === 'bool' ? fc.integer({ min: 0, max: 1 }) : dtype.startsWith('int') ? fc.integer() : fc.float();
    return fc.array(number, { minLength: size, maxLength: size }).map((values) => fromFloat64(dtype, shape, values));
  });

describe('the text of a tensor', () => {
  it('reads back to the same tensor, in every form', () => {
    fc.assert(
      fc.property(tensors, (tensor) => {
        const { dtype, shape } = tensor;
        const forms = [
          JSON.parse(nestedText(tensor)),
          { shape, dtype, data: JSON.parse(flatText(tensor)) },
          { shape, dtype, base64: Buffer.from(encodeElements(tensor)).toString('base64') },
        ];
        for (const form of forms) expect(literalToTensor(parseLiteral(form), dtype, '')).toEqual(tensor);
      }),
      { numRuns: 500 },
    );
  });

  it('takes base64 with padding in its alphabet, and no other text', () => {
    const letter = fc.constantFrom(...'AZaz09+/', '-', '_', '=', ' ', '\n', 'é', '☃');
    const text = fc.array(fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...'AZaz09+/=') }, letter), {
      maxLength: 12,
    });
    let taken = 0;
    fc.assert(
      fc.property(text, (letters) => {
        const base64 = letters.join('');
        const isRight = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
        const bytes = Buffer.from(base64, 'base64');
        const read = () => parseTensor({ shape: [Math.floor(bytes.length / 4)], dtype: 'float32', base64 });
        if (!isRight) expect(read, base64).toThrow(/not base64/);
        else if (bytes.length % 4 !== 0) expect(read, base64).toThrow(/not a whole number of float32/);
        else {
          taken++;
          const tensor = literalToTensor(read() as TensorLiteral, 'float32', '');
          expect(Buffer.from(encodeElements(tensor))).toEqual(bytes);
        }
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('takes long base64, as text or as its bytes, and refuses an odd character anywhere in it', () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 32_000 }, (_, k) => (k * 31) & 255));
    const text = bytes.toString('base64');
    const read = (base64: unknown) => parseTensor({ shape: [8000], dtype: 'float32', base64 });
    for (const sent of [text, Buffer.from(text)]) {
      const tensor = literalToTensor(read(sent) as TensorLiteral, 'float32', '');
      expect(Buffer.from(encodeElements(tensor))).toEqual(bytes);
    }
    for (const place of [0, 16_383, 16_384, 32_767, text.length - 5]) {
      for (const odd of ['=', ' ', '-', '_', '"']) {
        const wrong = `${text.slice(0, place)}${odd}${text.slice(place + 1)}`;
        for (const sent of [wrong, Buffer.from(wrong)]) expect(() => read(sent)).toThrow(/not base64/);
      }
    }
  });

  it('has no axes as a bare number, and otherwise up to eight', () => {
    expect(parseLiteral(5).shape).toEqual([]);
    expect(parseLiteral([]).shape).toEqual([0]);
    expect(parseLiteral([[], []]).shape).toEqual([2, 0]);
    expect(parseLiteral([[[[[[[[7]]]]]]]]).shape).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(errorOf([[[[[[[[[7]]]]]]]]]).message).toMatch(/at most 8 axes/);
  });

  it('takes no memory for what its first lists promise, if the others are shorter', () => {
    // It has some thousand numbers; its first lists promise 125^8.
    const promising = (axes: number): unknown =>
      axes === 0 ? 0 : [promising(axes - 1), ...Array.from({ length: 124 }, () => 0)];
    const error = errorOf(promising(8));
    expect(error.problem).toBe('ragged-tensor');
    expect(error.path).toEqual([0, 0, 0, 0, 0, 0, 1]);
  });

  it('names big integers by digits, exactly, beside small ones', () => {
    const { integers } = parseLiteral(['9223372036854775807', 3, '-9223372036854775808', '0', '-0']);
    expect(integers).toEqual(BigInt64Array.of(2n ** 63n - 1n, 3n, -(2n ** 63n), 0n, 0n));
    expect(parseLiteral([1, 2])).not.toHaveProperty('integers');
    expect(errorOf(['9223372036854775808']).message).toMatch(/does not fit int64/);
    expect(errorOf(['1', 0.5]).message).toMatch(/0\.5 is among integers/);
  });

  it('refers to a variable by its id', () => {
    expect(parseTensor({ variable: 'xt' })).toEqual({ variable: 'xt' });
    expect(() => parseLiteral({ variable: 'xt' })).toThrow(/send the values/);
  });

  it.each([
    [null, [], /null is not a tensor/],
    ['x', [], /"x" is not a number/],
    ['nan', [], /"nan"/],
    ['+Infinity', [], /Infinity/],
    ['1e5', [], /"1e5"/],
    [{}, [], /not a tensor/],
    [[1, null], [1], /null/],
    [[[1], [2, 3]], [1], /\[1\] has length 2; its siblings have length 1/],
    [[[1], 2], [1], /\[1\] is 2; its siblings are arrays of length 1/],
    [[1, [2]], [1], /\[1\] is an array; its siblings are numbers/],
    [[[1], []], [1], /length 0/],
    [[1, true], [], /either numbers or booleans/],
    [{ variable: 'a b' }, ['variable'], /"a b"/],
    [{ variable: 'a', foo: 1 }, ['foo'], /Unknown field "foo" of a tensor/],
    [{ shape: [1], data: [1], base64: '' }, ['data'], /Unknown field/],
    [{ data: [1] }, ['shape'], /undefined is not a shape/],
    [{ shape: [-1], data: [] }, ['shape'], /\[-1\]/],
    [{ shape: [1.5], data: [] }, ['shape'], /\[1\.5\]/],
    [{ shape: ['1'], data: [1] }, ['shape'], /\["1"\]/],
    [{ shape: [1, 1, 1, 1, 1, 1, 1, 1, 1], data: [1] }, ['shape'], /at most 8 axes/],
    [{ shape: [2], data: [1] }, ['data'], /\[2\] has 2 elements; 'data' has 1/],
    [{ shape: [1], data: [[1]] }, ['data', 0], /\[1\] is not a number/],
    [{ shape: [1], data: 1 }, ['data'], /1 is not a flat list/],
    [{ shape: [1], data: [1], dtype: 'float' }, ['dtype'], /"float" is not a dtype/],
    [{ shape: [1], base64: 'AAAAAA==' }, ['dtype'], /not a dtype/],
    [{ shape: [1], dtype: 'float32', base64: 'AAAAAA' }, ['base64'], /not base64/],
    [{ shape: [1], dtype: 'float32', base64: 'AA AAAA==' }, ['base64'], /not base64/],
    [{ shape: [1], dtype: 'float32', base64: 'AAAA' }, ['base64'], /3 bytes are not a whole number of float32/],
    [{ shape: [2], dtype: 'float32', base64: 'AAAAAA==' }, ['base64'], /2 elements; 'base64' has 1/],
    [{ shape: [1], dtype: 'float32', base64: 5 }, ['base64'], /5 is not base64/],
  ])('is refused where it is %j', (value, path, message) => {
    const error = errorOf(value);
    expect(error.path).toEqual(path);
    expect(error.message).toMatch(message);
  });

  it('is refused, and never breaks the parser, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const schema of [tensorInput, tensorLiteral]) {
          const result = schema.safeParse(value);
          if (!result.success) expect(result.error.issues[0].message.length).toBeLessThan(400);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('never has more elements than were sent', () => {
    for (const shape of [[1e9], [2 ** 31 - 1, 2 ** 31 - 1], [2 ** 53 - 1, 2]]) {
      expect(errorOf({ shape, data: [] }).problem).toBe('wrong-shape');
      expect(errorOf({ shape, dtype: 'float32', base64: '' }).problem).toBe('wrong-shape');
    }
    expect(new Tensor('float32', [1e9, 0], new Float32Array(0)).data).toHaveLength(0);
  });
});
