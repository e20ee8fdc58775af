import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { expectProblem } from '../support/call.ts';

const SHAPES = { kernel: [128, 256], recurrent_kernel: [64, 256], bias: [256] };

/** Weights of an LSTM of 64 units in float64, the last of them as given. */
function file(last: number): Buffer {
  const tensors = Object.entries(SHAPES).map(([name, shape]): [string, Tensor] => {
    const data = Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, k) => k / 3e5);
    data[data.length - 1] = last;
    return [name, new Tensor('float64', shape, data)];
  });
  return Buffer.from(writeSafetensors(new Map(tensors)));
}

describe('weights of a file in another dtype than their cell', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  const headers = { 'content-type': 'application/x-safetensors' };
  const send = (id: string, last: number) =>
    app.inject({
      method: 'POST',
      url: `/v1/cells?id=${id}&class_name=LSTMCell&config.dtype=%22float32%22`,
      headers,
      payload: file(last),
    });

  it('are rounded once, however many there are', async () => {
    expect((await send('c', 0.1)).statusCode).toBe(201);
    const { value } = (await app.inject('/v1/cells/c/variables/kernel')).json();
    const sent = Array.from({ length: 128 * 256 }, (_, k) => (k === 128 * 256 - 1 ? 0.1 : k / 3e5));
    expect(value.flat().map(Math.fround)).toEqual(sent.map(Math.fround));
  });

  it('are refused where one does not fit', async () => {
    const reply = await send('d', 1e300);
    const problem = { status: reply.statusCode, body: reply.json(), headers: reply.headers, text: reply.payload };
    expectProblem(problem as never, 'value-out-of-range', /1e\+300 is beyond the range of float32/);
  });
});
