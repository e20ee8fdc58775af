import { describe, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Called, call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory, type Served } from '../support/serve.ts';
import { dump } from '../support/stores.ts';

const SESSION = '/v1/sessions/s';

/** h' = h + x + 3. */
async function open({ app }: Pick<Served, 'app'>, more: object = { history: 3 }): Promise<void> {
  await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
  await make(app, '/v1/sessions', { id: 's', cell: 'cell', ...more });
}

async function step({ app }: Pick<Served, 'app'>, ...inputs: number[]): Promise<void> {
  for (const x of inputs) {
    const reply = await call(app, 'POST', `${SESSION}/steps`, { inputs: [[x]] });
    expect(reply.status, reply.text).toBe(200);
  }
}

const rewind = ({ app }: Pick<Served, 'app'>, to_step: number) => call(app, 'POST', `${SESSION}/rewind`, { to_step });

/** Steps and outputs of the kept history. */
function kept({ body }: Called): [number, number][] {
  return body.items.map((item: { step: number; output: number[][] }) => [item.step, item.output[0][0]]);
}

/** Keys of the steps that the store holds for the session. */
async function stored({ store }: Served): Promise<number[]> {
  return Object.keys(await dump(store)).flatMap((key) =>
    key.startsWith('session-step/s/') ? [Number(key.slice(15))] : [],
  );
}

onEveryStore('a session with a history', (served) => {
  it('lists its last steps, with what each put out and left', async () => {
    const { app, clock } = served;
    await open(served);
    await step(served, 1);
    clock.now += 1000;
    await step(served, 2, 3, 4);
    const { body } = await call(app, 'GET', `${SESSION}/steps`);
    expect(body.next_after).toBeNull();
    expect(body.items).toEqual([
      { step: 2, output: [[9]], states: [[[9]]], cell_version: 1, at: '2030-01-01T00:00:01.000Z' },
      { step: 3, output: [[15]], states: [[[15]]], cell_version: 1, at: '2030-01-01T00:00:01.000Z' },
      { step: 4, output: [[22]], states: [[[22]]], cell_version: 1, at: '2030-01-01T00:00:01.000Z' },
    ]);
    const page = await call(app, 'GET', `${SESSION}/steps?after=2&limit=1`);
    expect(kept(page)).toEqual([[3, 15]]);
    expect(page.body.next_after).toBe(3);
    expect(kept(await call(app, 'GET', `${SESSION}/steps?after=3`))).toEqual([[4, 22]]);
    expect(kept(await call(app, 'GET', `${SESSION}/steps?after=99`))).toEqual([]);
    expect((await call(app, 'GET', SESSION)).body).toMatchObject({ history: 3, oldest_step: 1 });
    expect(await stored(served)).toEqual([1, 2, 3, 4]);
  });

  it('goes back to any step that it keeps, and on from there', async () => {
    const { app } = served;
    await open(served, { history: 3, initial_state: [[[5]]] });
    await step(served, 1, 2);
    const back = await rewind(served, 1);
    expect(back.body).toMatchObject({ step: 1, states: [[[9]]], version: 4, oldest_step: 0 });
    expect(back.headers.etag).toBe('"4"');
    expect(await stored(served)).toEqual([0, 1]);
    await step(served, 10);
    expect(kept(await call(app, 'GET', `${SESSION}/steps`))).toEqual([
      [1, 9],
      [2, 22],
    ]);
    // Step 0 is the state that it was opened with.
    expect((await rewind(served, 0)).body).toMatchObject({ step: 0, states: [[[5]]], oldest_step: 0 });
    expect(kept(await call(app, 'GET', `${SESSION}/steps`))).toEqual([]);
    await step(served, 1, 1, 1, 1);
    expect((await rewind(served, 1)).body).toMatchObject({ step: 1, oldest_step: 1 });
  });

  it('says what it keeps where it is to go anywhere else', async () => {
    await open(served);
    await step(served, 1, 2, 3, 4, 5);
    for (const to of [0, 1, 6]) {
      const refused = expectProblem(await rewind(served, to), 'step-not-kept', new RegExp(`${to};.*steps 2 to 5`));
      expect(refused.errors?.[0].pointer).toBe('/to_step');
    }
    expect((await call(served.app, 'GET', SESSION)).body).toMatchObject({ step: 5, version: 6 });
  });

  it('keeps every time step of a sequence', async () => {
    const { app } = served;
    await open(served);
    await step(served, 1);
    const inputs = [[[1], [2], [3], [4], [5], [6]]];
    const reply = await call(app, 'POST', `${SESSION}/steps`, { inputs, return_states: true });
    expect(reply.body).toMatchObject({ output: [[[8], [13], [19], [26], [34], [43]]], step: 7, states: [[[43]]] });
    expect(await stored(served)).toEqual([4, 5, 6, 7]);
    expect((await rewind(served, 4)).body.states).toEqual([[[19]]]);
  });

  it('is forked at its present step or at a kept one; both go on independently', async () => {
    const { app } = served;
    await open(served, { history: 3, ttl_seconds: 60 });
    await step(served, 1, 2, 3);
    const now = await call(app, 'POST', `${SESSION}/fork`);
    expect(now).toMatchObject({ status: 201, headers: { location: `/v1/sessions/${now.body.id}`, etag: '"1"' } });
    expect(now.body).toMatchObject({ cell: 'cell', step: 3, states: [[[15]]], history: 3, oldest_step: 3, version: 1 });
    expect(now.body.expires_at).toBe('2030-01-01T00:01:00.000Z');
    const past = await call(app, 'POST', `${SESSION}/fork`, { id: 'past', at_step: 1, tensor_format: 'flat' });
    expect(past.body).toMatchObject({ id: 'past', step: 1, states: [{ shape: [1, 1], data: [4] }], oldest_step: 1 });
    await step(served, 100);
    const other = await call(app, 'POST', '/v1/sessions/past/steps', { inputs: [[0]] });
    expect(other.body).toMatchObject({ output: [[7]], step: 2 });
    expect(kept(await call(app, 'GET', '/v1/sessions/past/steps'))).toEqual([[2, 7]]);
    expect((await call(app, 'POST', '/v1/sessions/past/rewind', { to_step: 1 })).body.states).toEqual([[[4]]]);
    expectProblem(await call(app, 'POST', `${SESSION}/fork`, { id: 'past' }), 'already-exists');
    const refused = await call(app, 'POST', `${SESSION}/fork`, { at_step: 0 });
    expect(expectProblem(refused, 'step-not-kept', /'at_step' is 0.*1 to 4/).errors?.[0].pointer).toBe('/at_step');
    expectProblem(
      await call(app, 'POST', `${SESSION}/fork`, {}, { 'if-match': '"1"' }),
      'version-mismatch',
      /version 5/,
    );
    expect((await call(app, 'POST', `${SESSION}/fork`, {}, { 'if-match': '"5"' })).status).toBe(201);
    // The cell is in use by the forks too.
    await call(app, 'DELETE', SESSION);
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use');
  });

  it('has states that are put in as those after its last step', async () => {
    const { app } = served;
    await open(served);
    await step(served, 1);
    await call(app, 'PUT', `${SESSION}/states`, { states: [[[50]]] });
    await step(served, 1);
    const { body } = await call(app, 'GET', `${SESSION}/steps`);
    expect(body.items).toMatchObject([
      { step: 1, output: [[4]], states: [[[50]]] },
      { step: 2, output: [[54]], states: [[[54]]] },
    ]);
    expect((await rewind(served, 1)).body.states).toEqual([[[50]]]);
    expect((await rewind(served, 0)).body.states).toEqual([[[0]]]);
    await call(app, 'PUT', `${SESSION}/states`, { states: [[[7]]] });
    await step(served, 1);
    expect((await rewind(served, 0)).body.states).toEqual([[[7]]]);
  });

  it('begins a new history when it is reset or restored, and leaves nothing when it is deleted', async () => {
    const { app } = served;
    await open(served);
    await step(served, 1, 2);
    await make(app, '/v1/checkpoints', { id: 'c', sessions: ['s'] });
    await step(served, 3);
    expect((await call(app, 'POST', `${SESSION}/reset`)).body).toMatchObject({ step: 0, oldest_step: 0 });
    expect(await stored(served)).toEqual([0]);
    await step(served, 1, 1, 1);
    expect((await call(app, 'POST', '/v1/checkpoints/c/restore')).status).toBe(200);
    expect((await call(app, 'GET', SESSION)).body).toMatchObject({
      step: 2,
      states: [[[9]]],
      oldest_step: 2,
      history: 3,
    });
    expect(await stored(served)).toEqual([2]);
    expectProblem(await rewind(served, 1), 'step-not-kept', /2 to 2/);
    await step(served, 1);
    expect((await rewind(served, 2)).body.states).toEqual([[[9]]]);
    expect((await call(app, 'DELETE', SESSION)).status).toBe(204);
    expect(await stored(served)).toEqual([]);
  });

  it('lets exactly one of many rewinds with the same If-Match win', async () => {
    const { app } = served;
    await open(served);
    await step(served, 1, 2, 3);
    const replies = await Promise.all(
      [0, 1, 2, 0, 1, 2].map((to_step) => call(app, 'POST', `${SESSION}/rewind`, { to_step }, { 'if-match': '"4"' })),
    );
    const [won, ...rest] = replies.toSorted((a, b) => a.status - b.status);
    expect(won.status).toBe(200);
    for (const reply of rest) expectProblem(reply, 'version-mismatch');
    expect(await stored(served)).toEqual(Array.from({ length: won.body.step + 1 }, (_, i) => i));
  });
});

onMemory('a session with a history', (served) => {
  it('repeats, after a rewind, the output that masked steps repeated then', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { id: 'gru', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'gru', history: 5, initial_state: [[[0.5, 0.25]]] });
    const send = (inputs: unknown, mask?: unknown) => call(app, 'POST', `${SESSION}/steps`, { inputs, mask });
    const nothing = (await send([[1]], [false])).body.output;
    expect(nothing).toEqual([[0, 0]]);
    const something = (await send([[1]])).body.output;
    expect((await send([[1]], [false])).body.output).toEqual(something);
    await rewind(served, 1);
    expect((await send([[1]], [false])).body.output).toEqual(nothing);
  });

  it('whose steps would be too many bytes is not opened', async () => {
    const app = await startApp({ limits: { maxHistoryBytes: 5000 } });
    await open({ app }, { history: 5 });
    const reply = await call(app, 'POST', '/v1/sessions', { cell: 'cell', history: 1000 });
    const { errors, detail } = expectProblem(
      reply,
      'limit-exceeded',
      /1000 steps.*5000 bytes.*CELLSTEP_MAX_HISTORY_BYTES/,
    );
    expect(errors?.[0].pointer).toBe('/history');
    const most = Number(/at most (\d+)/.exec(detail)?.[1]);
    await make(app, '/v1/sessions', { id: 'most', cell: 'cell', history: most });
    expectProblem(await call(app, 'POST', '/v1/sessions', { cell: 'cell', history: most + 1 }), 'limit-exceeded');
    // Steps take as much room as was reckoned, at most.
    const inputs = [Array.from({ length: 3 * most }, () => [1])];
    expect((await call(app, 'POST', '/v1/sessions/most/steps', { inputs })).body.step).toBe(3 * most);
    await app.close();
  });

  it('answers with pages of bounded size where states are large', async () => {
    const { app } = served;
    const config = { units: 2048, kernel_initializer: 'zeros', recurrent_initializer: 'zeros' };
    await make(app, '/v1/cells', { id: 'wide', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'wide', history: 40, batch_size: 16 });
    const inputs = { shape: [16, 40, 1], data: Array(640).fill(0) };
    expect((await call(app, 'POST', `${SESSION}/steps`, { inputs, tensor_format: 'base64' })).status).toBe(200);
    const steps: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const { body }: Called = await call(app, 'GET', `${SESSION}/steps?after=${after}`);
      expect(body.items.length).toBeLessThanOrEqual(16);
      steps.push(...kept({ body } as Called).map(([number]) => number));
      after = body.next_after;
    }
    expect(steps).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  it('can be rewound and reset after its cell is gone, but not forked', async () => {
    const { app } = served;
    await open(served);
    await step(served, 1, 2);
    await call(app, 'DELETE', '/v1/cells/cell?force=true');
    expect((await rewind(served, 1)).body).toMatchObject({ step: 1, states: [[[4]]] });
    expectProblem(await call(app, 'POST', `${SESSION}/fork`), 'cell-gone');
    expect((await call(app, 'POST', `${SESSION}/reset`)).body.step).toBe(0);
  });
});

describe('a session without a history', () => {
  it('has no step but the present one to go to, to list or to be forked at', async () => {
    const app = await startApp();
    await open({ app }, {});
    await step({ app }, 1, 2);
    expect((await call(app, 'GET', `${SESSION}/steps`)).body).toEqual({ items: [], next_after: null });
    expectProblem(await rewind({ app }, 1), 'step-not-kept', /is at step 2 and keeps no others.*"history"/);
    expect((await rewind({ app }, 2)).body).toMatchObject({ step: 2, states: [[[9]]], version: 4 });
    expect((await call(app, 'POST', `${SESSION}/fork`, { at_step: 2 })).body).toMatchObject({
      step: 2,
      states: [[[9]]],
    });
    expectProblem(await call(app, 'POST', `${SESSION}/fork`, { at_step: 1 }), 'step-not-kept');
    await app.close();
  });
});
