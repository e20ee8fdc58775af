import { expect, it } from 'vitest';
import { Tensor } from '../../src/domain/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory, type Served } from '../support/serve.ts';

/** Two cells of other widths; sessions a and b on the first, c on the second. out = x + h + 3 on the first. */
async function open({ app }: Pick<Served, 'app'>): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/cells', {
    id: 'wide',
    class_name: 'SimpleRNNCell',
    config: { units: 2 },
    input_shape: [null, 1],
  });
  for (const [id, cell] of [
    ['a', 'cell'],
    ['b', 'cell'],
    ['c', 'wide'],
  ]) {
    await make(app, '/v1/sessions', { id, cell });
  }
}

onEveryStore('POST /v1/steps', (served) => {
  it('answers each item on its own, in the order sent, and items of one session one after another', async () => {
    await open(served);
    const steps = [
      { id: 1, session: 'a', inputs: [[2]] },
      { id: 'two', session: 'b', inputs: [[1]], return_states: true },
      { session: 'nobody', inputs: [[1]] },
      { session: 'a', inputs: [[2, 3]] },
      { session: 'a', inputs: [[1], [2, 3]] },
      { session: 'a', inputs: [[1]], colour: 'red' },
      { session: 'a', inputs: [[1]] },
      7,
    ];
    const { status, body } = await call(served.app, 'POST', '/v1/steps', { steps });
    expect(status).toBe(200);
    const { results } = body;
    expect(results.slice(0, 2)).toEqual([
      { id: 1, session: 'a', status: 200, output: [[5]], step: 1, cell_version: 1, version: 2 },
      { id: 'two', session: 'b', status: 200, output: [[4]], step: 1, states: [[[4]]], cell_version: 1, version: 2 },
    ]);
    const codes = results.slice(2).map((result: { problem?: { code: string } }) => result.problem?.code);
    const refused = ['not-found', 'wrong-shape', 'ragged-tensor', 'invalid-request', undefined, 'invalid-request'];
    expect(codes).toEqual(refused);
    expect(results[6]).toMatchObject({ session: 'a', output: [[9]], step: 2 });
  });

  it('takes each step once by its key, in one call and in another', async () => {
    await open(served);
    const step = { session: 'a', inputs: [[2]], key: 'k' };
    const first = await call(served.app, 'POST', '/v1/steps', { steps: [step, { ...step, id: 9 }] });
    const again = await call(served.app, 'POST', '/v1/steps', {
      steps: [{ ...step, inputs: { shape: [1, 1], data: [2] } }],
    });
    const answer = { session: 'a', status: 200, output: [[5]], step: 1, cell_version: 1, version: 2 };
    expect(first.body.results).toEqual([answer, { id: 9, ...answer, replayed: true }]);
    expect(again.body.results).toEqual([{ ...answer, replayed: true }]);
    const other = await call(served.app, 'POST', '/v1/steps', { steps: [{ ...step, inputs: [[3]] }] });
    expect(other.body.results[0].problem.code).toBe('idempotency-key-reused');
  });

  it('refuses an item out of turn by if_match', async () => {
    await open(served);
    const steps = [1, 1, 2].map((if_match) => ({ session: 'a', inputs: [[0]], if_match }));
    const { body } = await call(served.app, 'POST', '/v1/steps', { steps });
    expect(body.results.map(({ status }: { status: number }) => status)).toEqual([200, 412, 200]);
  });

  it('takes a file of rows, and answers with one', async () => {
    await open(served);
    const sent = writeSafetensors(new Map([['inputs', new Tensor('float32', [3, 1], Float32Array.of(2, 1, 9))]]), {
      sessions: JSON.stringify(['a', 'b', 'nobody']),
      keys: JSON.stringify(['k1', null, null]),
      return_states: 'true',
    });
    const type = 'application/x-safetensors';
    const post = () =>
      served.app.inject({
        method: 'POST',
        url: '/v1/steps',
        payload: Buffer.from(sent),
        headers: { 'content-type': type, accept: type },
      });
    const reply = await post();
    expect(reply.statusCode).toBe(200);
    const { tensors, metadata } = readSafetensors(reply.rawPayload);
    expect(tensors.get('output')).toEqual(new Tensor('float32', [3, 1], Float32Array.of(5, 4, 0)));
    expect(tensors.get('states.0')).toEqual(new Tensor('float32', [3, 1], Float32Array.of(5, 4, 0)));
    const results = JSON.parse(metadata.results);
    expect(results).toMatchObject([{ session: 'a', status: 200, step: 1, version: 2 }, { step: 1 }, { status: 404 }]);
    const second = readSafetensors((await post()).rawPayload);
    expect(JSON.parse(second.metadata.results)[0]).toMatchObject({ step: 1, replayed: true });
    expect(second.tensors.get('output')?.data).toEqual(Float32Array.of(5, 8, 0));
  });
});

onMemory('a call of many steps', (served) => {
  it('answers a file with outputs of several widths, each by its place', async () => {
    await open(served);
    const steps = ['a', 'c'].map((session) => ({ session, inputs: [[1]] }));
    const accept = { accept: 'application/x-safetensors' };
    const { rawPayload } = await served.app.inject({
      method: 'POST',
      url: '/v1/steps',
      payload: { steps },
      headers: accept,
    });
    const { tensors } = readSafetensors(rawPayload);
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['output.0', [1, 1]],
      ['output.1', [1, 2]],
    ]);
  });

  it('refuses an empty body, too many steps, and an unknown field or query', async () => {
    await open(served);
    const step = { session: 'a', inputs: [[1]] };
    const post = (body: unknown, url = '/v1/steps') => call(served.app, 'POST', url, body);
    expectProblem(await post({ steps: [] }), 'invalid-request', /0 steps/);
    expectProblem(await post({ steps: Array(10_001).fill(step) }), 'invalid-request', /10001 steps/);
    expectProblem(await post({ steps: 'a' }), 'invalid-request', /"a"/);
    expectProblem(await post([step]), 'invalid-request');
    expectProblem(await post({ steps: [step], more: 1 }), 'invalid-request', /"more"/);
    expectProblem(await post({ steps: [step] }, '/v1/steps?x=1'), 'invalid-request');
    expect((await call(served.app, 'GET', '/v1/sessions/a')).body.step).toBe(0);
  });

  it('refuses a file whose rows do not match its sessions', async () => {
    await open(served);
    const inputs = new Map([['inputs', new Tensor('float32', [2, 1], Float32Array.of(2, 1))]]);
    const file = writeSafetensors(inputs, { sessions: '["a"]' });
    const headers = { 'content-type': 'application/x-safetensors' };
    expectProblem(
      await call(served.app, 'POST', '/v1/steps', file, headers),
      'wrong-shape',
      /\[2,1\].*\[1, features\]/,
    );
  });

  it('carries out ten thousand steps of two hundred sessions', async () => {
    await open(served);
    await Promise.all(
      Array.from({ length: 200 }, (_, k) => make(served.app, '/v1/sessions', { id: `s${k}`, cell: 'cell' })),
    );
    const steps = Array.from({ length: 10_000 }, (_, k) => ({ session: `s${k % 200}`, inputs: [[0]] }));
    const { body } = await call(served.app, 'POST', '/v1/steps', { steps });
    const wrong = body.results.findIndex(
      ({ step, output }: { step: number; output: number[][] }, k: number) =>
        step !== Math.floor(k / 200) + 1 || output[0][0] !== 3 * step,
    );
    expect(wrong).toBe(-1);
  });
});
