import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { startApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { runs } from '../support/runs.ts';
import { anyCell, layerOverCell, withRun } from './arbitrary-cells.ts';
import { Client } from './client.ts';
import { at } from './flat.ts';

const keras = fc.oneof(anyCell, layerOverCell);

it('a checkpoint restored after a restart brings back the same bits, and the session goes on with them', async () => {
  await fc.assert(
    fc.asyncProperty(withRun(keras, { minBatch: 1, minTime: 1 }), async ({ cell, run }) => {
      const { batch, inputs, initial, mask } = run;
      const directory = mkdtempSync(join(tmpdir(), 'cellstep-test-'));
      try {
        // The next step, and one that the mask leaves out, which repeats the output before it.
        const nothing = { shape: [batch], data: Array(batch).fill(false) };
        const goOn = async (client: Client, session: string) => [
          await client.advance(session, at(inputs, 1, 0), nothing),
          await client.advance(session, at(inputs, 1, 0)),
        ];
        let store = await openLmdbStore({ directory });
        let app = await startApp({ store });
        let client = new Client(app);
        const id = await client.cell(cell);
        const session = await client.session(id, batch, initial);
        await client.advance(session, inputs, mask);
        const get = async (url: string) => (await call(app, 'GET', url)).body;
        const urls = [`/v1/cells/${id}/weights`, `/v1/cells/${id}/config`, `/v1/sessions/${session}`];
        const before = await Promise.all(urls.map(get));
        await make(app, '/v1/checkpoints', { id: 'k', all: true });
        const next = await goOn(client, session);
        await app.close();
        await store.close();

        store = await openLmdbStore({ directory });
        app = await startApp({ store, run: 'b' });
        client = new Client(app);
        expect(await client.weights(id)).toEqual(before[0].weights);
        const zeroed = Object.entries<unknown>(before[0].weights).map(([name, values]) => [name, zeros(values)]);
        await call(app, 'PUT', `/v1/cells/${id}/weights`, { weights: Object.fromEntries(zeroed) });
        await call(app, 'POST', `/v1/sessions/${session}/reset`);
        const restored = await call(app, 'POST', '/v1/checkpoints/k/restore', {});
        expect(restored.status, restored.text).toBe(200);
        const after = await Promise.all(urls.map(get));
        expect(after[0].weights).toEqual(before[0].weights);
        expect(after[1]).toEqual(before[1]);
        expect(after[2]).toMatchObject({ step: before[2].step, states: before[2].states });
        expect(await goOn(client, session)).toEqual(next);
        await app.close();
        await store.close();
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: runs(25) },
  );
});

describe('the output that masked steps of a session repeat', () => {
  const SAFETENSORS = { 'content-type': 'application/x-safetensors' };
  const CELL = { id: 'c', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] };
  const masked = { inputs: [[1]], mask: [false] };

  /** A session whose state is not zero, but whose output is: no step of it has counted yet. Saved as checkpoint `k`. */
  async function saved() {
    const app = await startApp();
    await make(app, '/v1/cells', CELL);
    await make(app, '/v1/sessions', { id: 's', cell: 'c', initial_state: [[[0.5, 0.25]]] });
    expect((await call(app, 'POST', '/v1/sessions/s/steps', masked)).body.output).toEqual([[0, 0]]);
    await make(app, '/v1/checkpoints', { id: 'k', all: true });
    const file = (await app.inject({ method: 'GET', url: '/v1/checkpoints/k/content' })).rawPayload;
    return { app, file };
  }

  it('is restored with the session', async () => {
    const { app } = await saved();
    await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] });
    expect((await call(app, 'POST', '/v1/checkpoints/k/restore', {})).status).toBe(200);
    expect((await call(app, 'POST', '/v1/sessions/s/steps', masked)).body.output).toEqual([[0, 0]]);
  });

  it('travels to another service', async () => {
    const { file } = await saved();
    const other = await startApp();
    await call(other, 'POST', '/v1/checkpoints?id=k', file, SAFETENSORS);
    expect((await call(other, 'POST', '/v1/checkpoints/k/restore', { create_missing: true })).status).toBe(200);
    expect((await call(other, 'POST', '/v1/sessions/s/steps', masked)).body.output).toEqual([[0, 0]]);
  });

  it.each([{ create_missing: true }, {}])('restores nothing where it does not fit the cell: %o', async (how) => {
    const { app, file } = await saved();
    const { tensors, metadata } = readSafetensors(file);
    const wrong = new Map(tensors).set('sessions/s/output', new Tensor('float32', [1, 3], new Float32Array(3)));
    const target = how.create_missing ? await startApp() : app;
    const brought = writeSafetensors(wrong, metadata);
    expect((await call(target, 'POST', '/v1/checkpoints?id=w', brought, SAFETENSORS)).status).toBe(201);
    const refused = await call(target, 'POST', '/v1/checkpoints/w/restore', how);
    expectProblem(refused, 'checkpoint-mismatch', /'output' is float32 \[1,2\]; the checkpoint has float32 \[1,3\]/);
  });
});

function zeros(values: unknown): unknown {
  return Array.isArray(values) ? values.map(zeros) : 0;
}
