import { describe, expect, it } from 'vitest';
import { readParts } from '../../../src/http/bodies/multipart.ts';

const PART = '--B\r\nContent-Disposition: form-data; name="model"; filename="a.onnx"\r\n\r\n';
const read = (text: string) => readParts(Buffer.from(text), 'multipart/form-data; boundary=B', async () => undefined);

describe('the parts of a body', () => {
  it('are read whole', async () => {
    const { model } = await read(`${PART}abc\r\n--B--\r\n`);
    expect(`${model}`).toBe('abc');
  });

  it.each([
    ['in a part', `${PART}abc`],
    ['in a boundary', `${PART}abc\r\n--`],
    ['in a part behind another', `${PART}abc\r\n${PART}a`],
    ['in the headers of a part', PART.slice(0, -3)],
    ['before the last boundary', `${PART}abc\r\n--B`],
    ['in a part with many headers', `${PART}abc\r\n--B\r\n${'a:b\r\n'.repeat(15_000)}\r\nx`],
  ])('are refused where the body is cut off %s, and nothing else happens', async (_where, text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'bad-request' });
    // An error that nobody hears of ends the process, and this run.
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
