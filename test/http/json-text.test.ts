import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TensorReply } from '../../schemas/tensor.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { jsonText } from '../../src/http/json-text.ts';

describe('the JSON text of a reply', () => {
  it("is JSON.stringify's for whatever has no tensor in it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonText(value)).toBe(JSON.stringify(value));
      }),
      { numRuns: 500 },
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
});
