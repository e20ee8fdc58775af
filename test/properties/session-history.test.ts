import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { runs } from '../support/runs.ts';
import { anyCell, initialOf, layerOverCell, pytorchModule, withRun } from './arbitrary-cells.ts';
import { Client, jsonOf } from './client.ts';
import { at, type Flat, pick, range } from './flat.ts';

const anything = fc.oneof(anyCell, layerOverCell, pytorchModule);
const TIME = 6;

describe('a session with a history', () => {
  let app: TestApp;
  let client: Client;
  beforeAll(async () => {
    app = await startApp();
    client = new Client(app);
  });
  afterAll(() => app.close());

  const open = async (cell: string, batch: number, initial_state: readonly Flat[] | undefined, history: number) => {
    const reply = await call(app, 'POST', '/v1/sessions', jsonOf({ cell, batch_size: batch, initial_state, history }));
    expect(reply.status, reply.text).toBe(201);
    return `/v1/sessions/${reply.body.id}`;
  };
  const advance = async (url: string, inputs: Flat, mask: Flat | undefined, more: object = {}) => {
    const body = { inputs, mask, return_states: true, tensor_format: 'flat', ...more };
    const reply = await call(app, 'POST', `${url}/steps`, jsonOf(body));
    expect(reply.status, reply.text).toBe(200);
    return reply;
  };

  it('answers as one without, and keeps what each step was on its own', async () => {
    const plan = fc.record({
      limit: fc.integer({ min: 1, max: TIME + 1 }),
      cut: fc.integer({ min: 0, max: TIME }),
      back: fc.nat(),
      trace: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(withRun(anything, { minBatch: 1, minTime: 1 }), plan, async ({ cell, run }, how) => {
        const { batch, time, inputs, mask } = run;
        const { limit, back, trace } = how;
        const cut = Math.min(how.cut, time);
        const id = await client.cell(cell);
        const initial = initialOf(cell, run);
        const [plain, single, keeping] = [
          await open(id, batch, initial, 0),
          await open(id, batch, initial, TIME),
          await open(id, batch, initial, limit),
        ];
        for (const steps of [range(0, cut), range(cut, time)]) {
          if (steps.length === 0) continue;
          const part = [pick(inputs, 1, steps), mask && pick(mask, 1, steps), { trace }] as const;
          expect((await advance(keeping, ...part)).text).toBe((await advance(plain, ...part)).text);
        }
        for (const step of range(0, time)) {
          await advance(single, pick(inputs, 1, [step]), mask && pick(mask, 1, [step]));
        }
        const one = (await call(app, 'GET', `${single}/steps`)).body.items;
        const all = (await call(app, 'GET', `${keeping}/steps`)).body.items;
        expect(all).toEqual(one.slice(Math.max(0, time - limit)));
        // Back to any step, the same inputs lead to where it was.
        const { states, oldest_step } = (await call(app, 'GET', keeping)).body;
        expect(oldest_step).toBe(Math.max(0, time - limit));
        const to_step = oldest_step + (back % (time - oldest_step + 1));
        const rewound = await call(app, 'POST', `${keeping}/rewind`, { to_step });
        expect(rewound.status, rewound.text).toBe(200);
        if (to_step === time) return;
        const rest = range(to_step, time);
        await advance(keeping, pick(inputs, 1, rest), mask && pick(mask, 1, rest));
        expect((await call(app, 'GET', keeping)).body).toMatchObject({ step: time, states });
        expect((await call(app, 'GET', `${keeping}/steps`)).body.items.map(withoutTime)).toEqual(all.map(withoutTime));
      }),
      { numRuns: runs(60) },
    );
  });

  it('draws one set of dropout masks for all steps of a call, as one without does', async () => {
    const config = { units: 4, dropout: 0.5, recurrent_dropout: 0.4 };
    for (const kind of ['SimpleRNNCell', 'GRUCell', 'LSTMCell']) {
      await make(app, '/v1/cells', { id: kind, class_name: kind, config, input_shape: [null, 3] });
      const [plain, keeping] = [await open(kind, 2, undefined, 0), await open(kind, 2, undefined, 2)];
      const inputs = { shape: [2, 5, 3], data: range(0, 30).map((i) => i / 10 - 1) };
      const training = { training: true, seed: 7, trace: true };
      const [one, other] = [
        await advance(plain, inputs, undefined, training),
        await advance(keeping, inputs, undefined, training),
      ];
      expect(other.text).toBe(one.text);
      const evaluated = await advance(await open(kind, 2, undefined, 0), inputs, undefined, { trace: true });
      expect(evaluated.text).not.toBe(one.text);
      const step = await advance(keeping, at(inputs, 1, 0), undefined, training);
      expect(step.text).toBe((await advance(plain, at(inputs, 1, 0), undefined, training)).text);
    }
  });
});

function withoutTime({ at: _, ...item }: { at: string }): object {
  return item;
}
