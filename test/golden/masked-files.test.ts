import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem } from '../support/call.ts';
import { download, postFile } from '../support/files.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden } from './compare.ts';

const EXPECTED =
  readGolden<Record<string, { inputs: GoldenTensor; output: GoldenTensor }>>('masked_files/expected.json');
const DIRECTORY = new URL('masked_files/', import.meta.url);
const [KERAS, HDF5] = ['application/x-keras', 'application/x-hdf5'];
const FILES = readdirSync(DIRECTORY)
  .filter((file) => !file.endsWith('.json'))
  .map((file) => ({ file, name: file.split('.')[0], type: file.endsWith('.keras') ? KERAS : HDF5 }));

let app: TestApp;
beforeEach(async () => {
  app = await startApp();
});
afterEach(() => app.close());

async function outputOf(cell: string, inputs: FlatTensor): Promise<FlatTensor> {
  const reply = await call(app, 'POST', `/v1/cells/${cell}/sequences`, { inputs, tensor_format: 'flat' });
  expect(reply.status, reply.text).toBe(200);
  return reply.body.output;
}

describe('a file of Keras whose graph computes its masks', () => {
  it.each(FILES.filter(({ name }) => name !== 'own_mask'))('computes the same from $file', async (one) => {
    const { inputs, output } = EXPECTED[one.name];
    const made = await postFile(app, one.type, readFileSync(new URL(one.file, DIRECTORY)), '?id=made');
    expect(made.status, made.text).toBe(201);
    const computed = await outputOf('made', asRequest(inputs));
    expectClose(computed, output, one.file);
    // Its layers make the masks: the operators are not in what it is written as.
    expect(JSON.stringify(made.body.config)).not.toMatch(/NotEqual|LogicalOr|"mask":{/);
    for (const accept of [KERAS, `${HDF5}; profile=legacy`]) {
      const { bytes } = await download(app, 'made', accept);
      const again = await postFile(app, accept.split(';')[0], bytes);
      expect(again.status, again.text).toBe(201);
      expect(await outputOf(again.body.id, asRequest(inputs)), accept).toEqual(computed);
    }
  });

  it.each(FILES.filter(({ name }) => name === 'own_mask'))('is refused with a mask of its own: $file', async (one) => {
    const made = await postFile(app, one.type, readFileSync(new URL(one.file, DIRECTORY)));
    expectProblem(made, 'unsupported-network', /'gru' gets 'any\w*' as its mask, which is not the mask of its input/);
  });
});
