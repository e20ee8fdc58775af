import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { runs } from '../support/runs.ts';
import { anyCell, initialOf, layerOverCell, pytorchModule, withRun } from './arbitrary-cells.ts';
import { Client } from './client.ts';
import { at, type Flat, joined, pick, range } from './flat.ts';

const anything = fc.oneof(anyCell, layerOverCell, pytorchModule);

/** How a sequence is cut: after each step or not, one call with a time axis or without, an all-true mask sent or not. */
const cuts = fc.array(fc.record({ cut: fc.boolean(), flat: fc.boolean(), sendMask: fc.boolean() }), {
  minLength: 6,
  maxLength: 6,
});

describe('a session', () => {
  let app: TestApp;
  let client: Client;
  beforeAll(async () => {
    app = await startApp();
    client = new Client(app);
  });
  afterAll(() => app.close());

  it('that takes a sequence in chunks, or step by step, gives what the sequence gives at once', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(anything, { minBatch: 1, minTime: 1 }), cuts, async ({ cell, run }, plan) => {
        const { batch, time, inputs, mask } = run;
        const initial = initialOf(cell, run);
        const id = await client.cell(cell);
        const whole = await client.sequence(id, inputs, initial, mask ? { mask } : {});
        const session = await client.session(id, batch, initial);
        const outputs: Flat[] = [];
        let states: readonly Flat[] = initial;
        for (let from = 0; from < time; ) {
          let to = from + 1;
          while (to < time && !plan[to].cut) to++;
          const { flat, sendMask } = plan[from];
          const steps = range(from, to);
          const chunk = pick(inputs, 1, steps);
          const own = mask && pick(mask, 1, steps);
          // A mask that leaves nothing out may as well not be sent.
          const sent = sendMask || own?.data.includes(false) ? own : undefined;
          const single = flat && to === from + 1;
          const reply = single
            ? await client.advance(session, at(chunk, 1, 0), sent && at(sent, 1, 0))
            : await client.advance(session, chunk, sent);
          const [output] = reply.outputs;
          outputs.push(single ? { shape: [batch, 1, output.shape[1]], data: output.data } : output);
          states = reply.states;
          from = to;
        }
        expect({ outputs: [joined(outputs, 1)], states }).toEqual(whole);
      }),
      { numRuns: runs(150) },
    );
  });
});
