import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startService } from '../../../scripts/tutorial-service.ts';
import { type Found, makeSum, PYTHON, runClient } from './inference-clients.ts';

const client = (command: string, url: string) => runClient('triton_client.py', command, new URL(url).host);

describe.skipIf(!PYTHON)('the clients of Triton (skipped without CELLSTEP_TRITON_PYTHON)', () => {
  let found: Found;
  beforeAll(async () => {
    const { url, stop } = await startService({ CELLSTEP_STORE: 'memory:' });
    try {
      await makeSum(url);
      found = await client('check', url);
    } finally {
      await stop('SIGKILL');
    }
  });

  it('read the metadata of server and models', () => {
    expect(found.metadata).toMatchObject({
      live: true,
      ready: true,
      model_ready: true,
      version_ready: true,
      missing_ready: false,
      server: 'cellstep',
      extensions: expect.arrayContaining(['sequence', 'sequence(string_id)', 'binary_tensor_data', 'statistics']),
      index: [{ name: 'sum', version: '1', state: 'READY', reason: '' }],
    });
    expect(found.metadata.inputs[0]).toEqual({ name: 'inputs', datatype: 'FP32', shape: [-1, 1] });
    expect(found.metadata.config[0]).toEqual({ name: 'inputs', data_type: 'TYPE_FP32', dims: [-1, 1] });
  });

  it('see what they did in the statistics', () => {
    expect(found.statistics).toEqual({ added: [3, 1, 1], models: ['sum'] });
  });

  it('send and get JSON and bytes, in every compression', () => {
    expect(found.tensors).toHaveLength(54);
    for (const outputs of found.tensors)
      expect(outputs).toEqual([
        [[1.5], [-2]],
        [[1.5], [-2]],
      ]);
  });

  it('send and get NaN and infinities, as bytes and bare in JSON', () => {
    expect(found.non_finite).toEqual([
      ['nan', 'inf', '-inf'],
      ['nan', 'inf', '-inf'],
    ]);
  });

  it('add up in sequences that take turns, by numbers up to 2^64-1 and by strings', () => {
    expect(found.sequences).toHaveLength(5);
    for (const sums of found.sequences) expect(sums).toEqual([11, 18, 23, 26, 28, 28, 29]);
  });

  it('send a request again that is carried out once', () => {
    expect(found.once).toEqual([
      [1, 1],
      [3, 3],
      [6, 6],
    ]);
  });

  it('raise errors that say what was wrong', () => {
    const { refusals } = found;
    expect(refusals.shape).toEqual({ status: '400', text: expect.stringContaining('Send 1 features') });
    expect(refusals.datatype).toEqual({ status: '400', text: expect.stringContaining("'BYTES'") });
    expect(refusals.model).toEqual({ status: '404', text: "There is no cell 'none'." });
    expect(refusals.version).toEqual({ status: '404', text: expect.stringContaining('version 1') });
    expect(refusals['no start']).toEqual({ status: '400', text: expect.stringContaining('sequence_start: true') });
    expect(refusals['shared memory']).toEqual({ status: '404', text: expect.stringContaining('no such extension') });
  });

  it('infer side by side', () => {
    expect(found.in_parallel).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('do the same by asyncio', () => {
    expect(found.asynchronous).toMatchObject({
      ready: [true, true, true],
      names: ['cellstep', 'sum', 'sum', 'sum', 'sum'],
      outputs: [4, 4, 4, 4, 4, 4],
      sums: [5, 5, 5, 5, 5],
      refused: { status: '404', text: "There is no cell 'none'." },
    });
  });

  it('go on with their sequences after the service was killed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-triton-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const environment = { CELLSTEP_STORE: `lmdb:${join(directory, 'store')}` };
    const first = await startService(environment);
    onTestFinished(async () => void (await first.stop('SIGKILL')));
    await makeSum(first.url);
    expect(await client('begin', first.url)).toEqual({ begun: 5 });
    await first.stop('SIGKILL');
    const second = await startService(environment);
    onTestFinished(async () => void (await second.stop('SIGKILL')));
    expect(await client('go-on', second.url)).toEqual({ sums: [3, 3, 3, 3, 3] });
  });
});
