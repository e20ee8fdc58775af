import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { runs } from '../support/runs.ts';
import { anyCell, initialOf, layerOverCell, pytorchModule, withRun } from './arbitrary-cells.ts';
import { Client } from './client.ts';
import { at, type Flat, joined, pick, range, reversed, swapped } from './flat.ts';

const anything = fc.oneof(anyCell, layerOverCell, pytorchModule);
const keras = fc.oneof(anyCell, layerOverCell);
const masked = (mask: Flat | undefined) => (mask ? { mask } : {});

describe('a sequence', () => {
  let app: TestApp;
  let client: Client;
  beforeAll(async () => {
    app = await startApp();
    client = new Client(app);
  });
  afterAll(() => app.close());

  it('is its steps, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(anything, { minTime: 1 }), async ({ cell, run }) => {
        const id = await client.cell(cell);
        const initial = initialOf(cell, run);
        const whole = await client.sequence(id, run.inputs, initial);
        let states = initial;
        const outputs: Flat[] = [];
        for (const t of range(0, run.time)) {
          const step = await client.step(id, at(run.inputs, 1, t), states);
          outputs.push(asStep(step.outputs[0]));
          states = step.states;
        }
        expect(whole).toEqual({ outputs: [joined(outputs, 1)], states });
      }),
      { numRuns: runs(80) },
    );
  });

  it('of a layer equals the sequence of its cell', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(layerOverCell), async ({ cell: layer, run: { inputs, initial, mask } }) => {
        const [outer, inner] = [await client.cell(layer), await client.cell(layer.cell)];
        const weights = Object.values(await client.weights(outer));
        expect(weights).toEqual(Object.values(await client.weights(inner)));
        const options = { ...masked(mask), zero_output_for_mask: true };
        const whole = await client.sequence(outer, inputs, initial, options);
        expect(whole).toEqual(await client.sequence(inner, inputs, initial, options));
        if (inputs.shape[1] === 0) return;
        const x = at(inputs, 1, 0);
        expect(await client.step(outer, x, initial)).toEqual(await client.step(inner, x, initial));
      }),
      { numRuns: runs(60) },
    );
  });

  it('gives a row of a batch what it gives the row alone', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(keras, { minBatch: 1 }), async ({ cell, run: { batch, inputs, initial, mask } }) => {
        const id = await client.cell(cell);
        const whole = await client.sequence(id, inputs, initial, masked(mask));
        for (const row of range(0, batch)) {
          const one = (tensor: Flat) => pick(tensor, 0, [row]);
          const alone = await client.sequence(id, one(inputs), initial.map(one), masked(mask && one(mask)));
          expect(alone).toEqual({ outputs: whole.outputs.map(one), states: whole.states.map(one) });
        }
      }),
      { numRuns: runs(60) },
    );
  });

  it('that goes backwards equals a sequence of the reversed inputs and mask', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(keras), fc.boolean(), async ({ cell, run }, returnSequences) => {
        const id = await client.cell(cell);
        const { inputs, initial, mask } = run;
        const back = { go_backwards: true, return_sequences: returnSequences, ...masked(mask) };
        const ahead = { return_sequences: returnSequences, ...masked(mask && reversed(mask, 1)) };
        const backwards = await client.sequence(id, inputs, initial, back);
        expect(backwards).toEqual(await client.sequence(id, reversed(inputs, 1), initial, ahead));
      }),
      { numRuns: runs(60) },
    );
  });

  it('is cut short by a mask of its first steps, or by its length', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(keras), fc.nat({ max: 6 }), async ({ cell, run }, cut) => {
        const id = await client.cell(cell);
        const { batch, time, inputs, initial } = run;
        const length = Math.min(cut, time);
        const live = { shape: [batch, time], data: range(0, batch * time).map((i) => i % time < length) };
        const whole = await client.sequence(id, inputs, initial, { mask: live });
        const short = await client.sequence(id, pick(inputs, 1, range(0, length)), initial);
        expect(whole.states).toEqual(short.states);
        expect(pick(whole.outputs[0], 1, range(0, length))).toEqual(short.outputs[0]);
        const lengths = { sequence_lengths: range(0, batch).map(() => length) };
        expect(await client.sequence(id, inputs, initial, lengths)).toEqual(whole);
      }),
      { numRuns: runs(60) },
    );
  });

  it('takes a length for each row as it takes the mask of as many first steps', async () => {
    const lengths = fc.array(fc.nat({ max: 6 }), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(withRun(keras), lengths, fc.boolean(), async ({ cell, run }, each, zeroed) => {
        const id = await client.cell(cell);
        const { batch, time, inputs, initial } = run;
        const own = each.slice(0, batch).map((length) => Math.min(length, time));
        const mask = { shape: [batch, time], data: own.flatMap((length) => range(0, time).map((t) => t < length)) };
        const options = { zero_output_for_mask: zeroed };
        const byLength = await client.sequence(id, inputs, initial, { sequence_lengths: own, ...options });
        expect(byLength).toEqual(await client.sequence(id, inputs, initial, { mask, ...options }));
      }),
      { numRuns: runs(60) },
    );
  });

  it('with time first is the same, transposed', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(keras), async ({ cell, run: { inputs, initial, mask } }) => {
        const id = await client.cell(cell);
        const major = await client.sequence(id, swapped(inputs), initial, { time_major: true, ...masked(mask) });
        const minor = await client.sequence(id, inputs, initial, masked(mask));
        expect(major).toEqual({ outputs: minor.outputs.map(swapped), states: minor.states });
      }),
      { numRuns: runs(60) },
    );
  });

  it('gives its last output alone where the others are not asked for', async () => {
    await fc.assert(
      fc.asyncProperty(withRun(keras, { minTime: 1 }), async ({ cell, run: { time, inputs, initial, mask } }) => {
        const id = await client.cell(cell);
        const whole = await client.sequence(id, inputs, initial, masked(mask));
        const last = await client.sequence(id, inputs, initial, { return_sequences: false, ...masked(mask) });
        expect(last).toEqual({ outputs: [at(whole.outputs[0], 1, time - 1)], states: whole.states });
      }),
      { numRuns: runs(60) },
    );
  });
});

/** [batch, width] as one step [batch, 1, width]. */
function asStep({ shape: [batch, width], data }: Flat): Flat {
  return { shape: [batch, 1, width], data };
}
