import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type ServiceProcess, startService } from '../../../scripts/tutorial-service.ts';
import { type Found, grpcAddress, makeSum, PYTHON, runClient } from './inference-clients.ts';

function client(command: string, { stdout }: ServiceProcess): Promise<Found> {
  return runClient('triton_grpc_client.py', command, grpcAddress(stdout()));
}

function temporaryStore(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-triton-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return `lmdb:${join(directory, 'store')}`;
}

describe.skipIf(!PYTHON)('the clients of Triton over gRPC (skipped without CELLSTEP_TRITON_PYTHON)', () => {
  let found: Found;
  beforeAll(async () => {
    const service = await startService({ CELLSTEP_STORE: 'memory:', CELLSTEP_GRPC_PORT: '0' });
    try {
      await makeSum(service.url);
      found = await client('check', service);
    } finally {
      await service.stop('SIGKILL');
    }
  });

  it('read the metadata of server and models', () => {
    expect(found.metadata).toMatchObject({
      live: true,
      ready: true,
      model_ready: true,
      version_ready: true,
      missing_ready: false,
      server: {
        name: 'cellstep',
        extensions: expect.arrayContaining(['sequence', 'sequence(string_id)', 'statistics']),
      },
      model: { name: 'sum', versions: ['1'], inputs: [{ name: 'inputs', datatype: 'FP32', shape: ['-1', '1'] }, {}] },
      config: { config: { name: 'sum', input: [{ name: 'inputs', data_type: 'TYPE_FP32', dims: ['-1', '1'] }, {}] } },
      index: { models: [{ name: 'sum', version: '1', state: 'READY' }] },
    });
  });

  it('see what they did in the statistics', () => {
    expect(found.statistics).toEqual({ added: [3, 1, 1], models: ['sum'] });
  });

  it('send and get tensors in every compression, NaN and infinities too', () => {
    expect(found.tensors).toHaveLength(6);
    for (const outputs of found.tensors)
      expect(outputs).toEqual([
        [1.5, -2],
        [1.5, -2],
      ]);
    expect(found.non_finite).toEqual(['nan', 'inf', '-inf']);
  });

  it('add up in sequences that take turns, by numbers up to 2^63-1 and by strings', () => {
    expect(found.sequences).toHaveLength(5);
    for (const sums of found.sequences) expect(sums).toEqual([11, 18, 23, 26, 28, 28, 29]);
  });

  it('add up in sequences on one stream, which goes on after a refusal', () => {
    expect(found.stream.results).toEqual({
      1000: [0, 11, 18, 23, 26, 28, 28, 29],
      1001: [100, 89, 82, 77, 74, 72, 72, 71],
      text: [20, 9, 2, -3, -6, -8, -8, -9],
    });
    expect(found.stream.refused).toBe("There is no cell 'none'.");
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
    const invalid = 'StatusCode.INVALID_ARGUMENT';
    expect(refusals.shape).toEqual({ status: invalid, text: expect.stringContaining('Send 1 features') });
    expect(refusals.datatype).toEqual({ status: invalid, text: expect.stringContaining("'BYTES'") });
    expect(refusals.model).toEqual({ status: 'StatusCode.NOT_FOUND', text: "There is no cell 'none'." });
    expect(refusals.version).toEqual({ status: 'StatusCode.NOT_FOUND', text: expect.stringContaining('version 1') });
    expect(refusals['no start']).toEqual({ status: invalid, text: expect.stringContaining('sequence_start: true') });
    expect(refusals['shared memory'].status).toBe('StatusCode.UNIMPLEMENTED');
    expect(refusals['log settings'].status).toBe('StatusCode.UNIMPLEMENTED');
    expect(refusals['too late'].status).toBe('StatusCode.DEADLINE_EXCEEDED');
  });

  it('infer side by side', () => {
    expect(found.in_parallel).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('do the same by asyncio, on streams too', () => {
    expect(found.asynchronous).toEqual({
      ready: [true, true, true],
      names: ['cellstep', 'sum', 'sum', 'sum', 'sum'],
      sums: [5, 5, 5, 5, 5],
      streamed: [1, 3, 6, 10],
      refused: { status: 'StatusCode.NOT_FOUND', text: "There is no cell 'none'." },
    });
  });

  it('go on with their sequences after the service was killed', async () => {
    const environment = { CELLSTEP_STORE: temporaryStore(), CELLSTEP_GRPC_PORT: '0' };
    const first = await startService(environment);
    onTestFinished(async () => void (await first.stop('SIGKILL')));
    await makeSum(first.url);
    expect(await client('begin', first)).toEqual({ begun: 5 });
    await first.stop('SIGKILL');
    const second = await startService(environment);
    onTestFinished(async () => void (await second.stop('SIGKILL')));
    expect(await client('go-on', second)).toEqual({ sums: [3, 3, 3, 3, 3] });
  });

  it('do the same with a service of several processes', async () => {
    const store = temporaryStore();
    const service = await startService({ CELLSTEP_STORE: store, CELLSTEP_GRPC_PORT: '0', CELLSTEP_WORKERS: '2' });
    onTestFinished(async () => void (await service.stop('SIGKILL')));
    await makeSum(service.url);
    const { sequences, stream, asynchronous } = await client('check', service);
    expect(sequences).toEqual(found.sequences);
    expect(stream).toEqual(found.stream);
    expect(asynchronous).toEqual(found.asynchronous);
    expect((await service.stop()).code).toBe(0);
  });
});

describe.skipIf(!PYTHON)('the REST client of KServe (skipped without CELLSTEP_TRITON_PYTHON)', () => {
  it('infers with JSON and bytes and in sequences, and shows errors', async () => {
    const { url, stop } = await startService({ CELLSTEP_STORE: 'memory:' });
    onTestFinished(async () => void (await stop('SIGKILL')));
    await makeSum(url);
    expect(await runClient('kserve_client.py', 'check', url)).toEqual({
      live: true,
      ready: true,
      model_ready: true,
      outputs: [
        [1.5, -2],
        [1.5, -2],
      ],
      sums: [1, 2, 3, 4],
      refused: "There is no cell 'none'.",
    });
  });
});
