import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor } from '../golden/compare.ts';
import { call } from '../support/call.ts';
import { postFile } from '../support/files.ts';
import { sharedApp } from '../support/serve.ts';

const served = sharedApp();

interface Answer {
  readonly file: string;
  readonly layer: string;
  readonly inputs: GoldenTensor;
  readonly outputs: GoldenTensor;
}

const DIRECTORY = new URL('../files/fixtures/', import.meta.url);
const answers: Answer[] = JSON.parse(readFileSync(new URL('models.json', DIRECTORY), 'utf8'));

/** float16 by either library: what is between two rounded results. */
function expectHalf(actual: FlatTensor, expected: GoldenTensor): void {
  expect(actual.shape).toEqual(expected.shape);
  expected.data.forEach((value, i) => {
    expect(Math.abs(Number(actual.data[i]) - Number(value))).toBeLessThan(2e-3);
  });
}

it.each(answers)(
  'makes $layer of $file a cell that answers as Keras does',
  async ({ file, layer, inputs, outputs }) => {
    const { app } = served;
    const bytes = readFileSync(new URL(file, DIRECTORY));
    const made = await postFile(app, 'application/x-hdf5', bytes, `?layer=${layer}`);
    expect(made.status, made.text).toBe(201);
    const body = { inputs: asRequest(inputs), tensor_format: 'flat' };
    const reply = await call(app, 'POST', `/v1/cells/${made.body.id}/sequences`, body);
    if (file.includes('mixed')) expectHalf(reply.body.output, outputs);
    else expectClose(reply.body.output, outputs, 'output');
  },
);
