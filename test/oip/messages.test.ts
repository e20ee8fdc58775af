import { describe, expect, it } from 'vitest';
import { frameMessage, frameResponse, frameStreamResponse } from '../../src/oip/grpc/messages.ts';
import { atOnce } from '../../src/threads/in-turns.ts';
import { encoded } from '../support/grpc.ts';

const FIELDS = {
  model_name: 'm',
  model_version: '1',
  id: 'r',
  outputs: [{ name: 'output', datatype: 'FP32', shape: [1] }],
};

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

describe('a message of gRPC as it is sent', () => {
  it.each([[[]], [[0]], [[4, 0, 127, 128]], [[20_000, 3]]])(
    'has raw contents of %j bytes as a library writes them',
    (lengths) => {
      const raw = lengths.map((length) => Buffer.alloc(length, length));
      const response = { ...FIELDS, raw_output_contents: raw };
      const own = { fields: FIELDS, raw };
      expect(atOnce(frameResponse(own)).equals(framed(encoded('ModelInferResponse', response)))).toBe(true);
      const streamed = framed(encoded('ModelStreamInferResponse', { infer_response: response }));
      expect(atOnce(frameStreamResponse(own)).equals(streamed)).toBe(true);
    },
  );

  it('is put together in slices', () => {
    const framing = frameResponse({ fields: FIELDS, raw: [Buffer.alloc(2 ** 24)] });
    let slices = 1;
    while (!framing.next().done) slices++;
    expect(slices).toBeGreaterThan(14);
  });

  it('may be any other message', () => {
    expect(
      frameMessage('ServerLiveResponse', { live: true }).equals(framed(encoded('ServerLiveResponse', { live: true }))),
    ).toBe(true);
  });
});
