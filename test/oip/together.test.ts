import { afterAll, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';

const app = await startApp();
afterAll(() => app.close());
for (const [id, class_name] of [
  ['m', 'LSTMCell'],
  ['other', 'LSTMCell'],
  ['plain', 'SimpleRNNCell'],
] as const) {
  await make(app, '/v1/cells', { id, class_name, config: { units: 3 }, input_shape: [null, 2] });
}

const row = (seed: number) => [Math.fround(Math.sin(seed)), Math.fround(Math.cos(seed))];

/** A step of a sequence of the cell m; it asks for all outputs unless they are named. */
function infer(sequence: number, inputs: readonly number[], more: object = {}, outputs?: readonly string[]) {
  const shape = [inputs.length / 2, 2];
  return call(app, 'POST', '/v2/models/m/infer', {
    id: `r${sequence}`,
    inputs: [{ name: 'inputs', shape, datatype: 'FP32', data: inputs }],
    ...(outputs ? { outputs: outputs.map((name) => ({ name })) } : {}),
    parameters: { sequence_id: sequence, ...more },
  });
}

const dataOf = ({ body }: { body: { outputs: { name: string; data: number[] }[] } }) =>
  Object.fromEntries(body.outputs.map(({ name, data }) => [name, data]));

it('gives steps of sequences that come in one turn what a session gets alone, bit for bit', async () => {
  const sequences = [1, 2, 3, 4, 5];
  await Promise.all(sequences.map((n) => infer(n, row(n), { sequence_start: true })));
  for (const n of sequences) {
    await make(app, '/v1/sessions', { id: `s${n}`, cell: 'm' });
    await call(app, 'POST', `/v1/sessions/s${n}/steps`, { inputs: [row(n)] });
  }
  for (let round = 1; round <= 3; round++) {
    const asked = round === 2 ? ['output'] : undefined;
    const together = await Promise.all(sequences.map((n) => infer(n, row(10 * round + n), {}, asked)));
    for (const [k, n] of sequences.entries()) {
      // A trace is made by a step that is alone.
      const given = { inputs: [row(10 * round + n)], trace: true, return_states: true };
      const { body } = await call(app, 'POST', `/v1/sessions/s${n}/steps`, given);
      const states = { 'states.0': body.states[0].flat(), 'states.1': body.states[1].flat() };
      expect(dataOf(together[k])).toEqual({ output: body.output.flat(), ...(asked ? {} : states) });
    }
  }
});

it('refuses what is no plain step of a sequence in the words of one that is alone', async () => {
  await make(app, '/v1/sessions', { id: 'oip.m.50', cell: 'm', history: 2 });
  await make(app, '/v1/sessions', { id: 'oip.m.51', cell: 'm', pin_cell_version: true });
  await make(app, '/v1/sessions', { id: 'oip.m.52', cell: 'other' });
  await infer(6, row(1), { sequence_start: true });
  const key = { cellstep_idempotency: true };
  const replies = await Promise.all([
    infer(6, row(2)),
    infer(99, row(2)),
    infer(50, row(2)),
    infer(51, row(2)),
    infer(52, row(2)),
    infer(6, [...row(2), ...row(3)]),
    infer(6, row(3), key),
    infer(6, row(4), { sequence_end: true }),
    infer(6, row(5)),
  ]);
  expect(replies.map(({ status, body }) => body.code ?? status)).toEqual([
    200,
    'sequence-not-started',
    'already-exists',
    'already-exists',
    'already-exists',
    'wrong-shape',
    200,
    200,
    'sequence-not-started',
  ]);
  expect(replies[1].body.error).toMatch(/Sequence 99 of cell 'm' has not begun/);
  for (const id of ['50', '51', '52']) {
    expect((await call(app, 'GET', `/v1/sessions/oip.m.${id}`)).body.step).toBe(0);
  }
});

it('repeats a step of a sequence only once by its id', async () => {
  await infer(7, row(1), { sequence_start: true });
  const send = () => infer(7, row(2), { cellstep_idempotency: true });
  const [first, second] = [await send(), await send()];
  expect(dataOf(second)).toEqual(dataOf(first));
  expect((await call(app, 'GET', '/v1/sessions/oip.m.7')).body.step).toBe(2);
});
