import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { startApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { picky } from '../support/onnx-models.ts';
import { runs } from '../support/runs.ts';
import { onEveryStore, type Served } from '../support/serve.ts';
import { StreamClient } from './client.ts';

const ONNX = { 'content-type': 'application/x-onnx' };

async function open({ app }: Pick<Served, 'app'>, file: Uint8Array, sessions: readonly string[]): Promise<void> {
  const made = await call(app, 'POST', '/v1/cells?graph=true&id=graph&states=s:sN', file, ONNX);
  expect(made.status, made.text).toBe(201);
  for (const id of sessions) await make(app, '/v1/sessions', { id, cell: 'graph' });
}

const stepAll = async ({ app }: Pick<Served, 'app'>, steps: readonly object[]) =>
  (await call(app, 'POST', '/v1/steps', { steps })).body.results;

/** One by one: with an option that no plain step has, each is carried out for itself. */
async function stepEach({ app }: Served, steps: readonly object[]) {
  const results: unknown[] = [];
  for (const step of steps) {
    const { body } = await call(app, 'POST', '/v1/steps', { steps: [{ ...step, trace: false }] });
    results.push(...body.results);
  }
  return results;
}

type Result = Record<string, unknown> & { readonly problem?: { readonly code: string; readonly detail: string } };

/** What does not differ by the session or by the number of the request. */
const told = (results: readonly Result[]) =>
  results.map(({ session: _, problem, ...rest }) =>
    problem ? [problem.code, problem.detail.replace(/[a-z]*-alone/g, '')] : rest,
  );

const number = fc.double({ min: -2, max: 2.9, noNaN: true, noDefaultInfinity: true }).map(Math.fround);
const inputs = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(number, number).map((row) => [row]) },
  // Refused by its shape, by the runtime, and by what it asks for.
  { weight: 1, arbitrary: fc.constant([[1]]) },
  { weight: 1, arbitrary: fc.constant([[7, 0]]) },
  {
    weight: 1,
    arbitrary: fc.constant([
      [
        [0.5, 0.25],
        [0.125, 1],
      ],
    ]),
  },
);
const step = fc.record({
  session: fc.constantFrom('a', 'b'),
  inputs,
  return_states: fc.boolean(),
  if_match: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined, freq: 4 }),
  isKeyed: fc.boolean(),
});

/** Each with a key of its own, if it has one. */
const steps = fc
  .array(step, { minLength: 1, maxLength: 40 })
  .map((all) => all.map(({ isKeyed, ...rest }, k) => (isKeyed ? { ...rest, key: `k${k}` } : rest)));

onEveryStore('steps of a session of a graph that come together', (served) => {
  it('give the same bits as one by one, whichever of them are refused, and once for each key', async () => {
    await open(served, picky(), []);
    let trial = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const named = (end: string) => all.map((one) => ({ ...one, session: `${one.session}${trial}${end}` }));
        trial++;
        const [together, alone] = [named(''), named('-alone')];
        for (const id of new Set([...together, ...alone].map(({ session }) => session))) {
          await make(served.app, '/v1/sessions', { id, cell: 'graph' });
        }
        const first = await stepAll(served, together);
        expect(told(first)).toEqual(told((await stepEach(served, alone)) as Result[]));
        const stateOf = async (id: string) => (await call(served.app, 'GET', `/v1/sessions/${id}`)).body;
        const sessions = [...new Set(all.map(({ session }) => session))].map((name) => `${name}${trial - 1}`);
        for (const id of sessions) {
          const [{ step: a, states: b }, { step: c, states: d }] = [await stateOf(id), await stateOf(`${id}-alone`)];
          expect([a, b]).toEqual([c, d]);
        }
        // Those with a key that were not refused, again.
        const again = together.flatMap((one, k) => ('key' in one && first[k].status === 200 ? [[one, first[k]]] : []));
        const replayed = await stepAll(served, again.length > 0 ? again.map(([one]) => one) : [{}]);
        for (const [k, [, kept]] of again.entries()) expect(replayed[k]).toEqual({ ...kept, replayed: true });
      }),
      { numRuns: runs(60) },
    );
  });
});

it('refuse a version that would have been, had the step before not been refused', async () => {
  const app = await startApp();
  onTestFinished(() => app.close());
  await open({ app }, picky(), ['before', 's']);
  // Only steps of a graph that is known to be quick go together.
  await stepAll({ app }, [{ session: 'before', inputs: [[0, 0]] }]);
  const results: Result[] = await stepAll({ app }, [
    { session: 's', inputs: [[7, 0]] },
    { session: 's', inputs: [[1]], if_match: 2 },
  ]);
  expect(results.map(({ problem }) => problem?.code)).toEqual(['graph-failed', 'version-mismatch']);
});

it('are heard by subscribers one by one', async () => {
  const app = await startApp();
  onTestFinished(() => app.close());
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await open({ app }, picky(), ['s']);
  const client = new StreamClient(url);
  await client.open();
  await client.ask({ op: 'subscribe', id: 'heard', session: 's' });
  const asked = Array.from({ length: 12 }, (_, k) => ({ session: 's', inputs: [[k / 8, 0]], return_states: true }));
  const results = await stepAll({ app }, asked);
  await client.hear(({ event, step }) => event === 'changed' && step === 12);
  const told = client.heard.flatMap(({ event, step, states }) => (event === 'changed' ? [{ step, states }] : []));
  expect(told).toEqual(results.map(({ step, states }: Result) => ({ step, states })));
});
