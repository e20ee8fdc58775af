import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MERGE_MODES } from '../../src/domain/program.ts';
import type { Dtype } from '../../src/domain/tensor.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { runs } from '../support/runs.ts';
import { cellConfig, DTYPES, KINDS, runOf, serialized, widthsOf } from './arbitrary-cells.ts';
import { Client } from './client.ts';
import { element, type Flat, joined, reversed, rounded } from './flat.ts';

const COMBINE: Readonly<Record<string, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  ave: (a, b) => (a + b) / 2,
  mul: (a, b) => a * b,
};

/** A Bidirectional of two layers of their own, the two layers, and what to run them on. */
const pair = fc
  .record({
    kinds: fc.tuple(fc.constantFrom(...KINDS), fc.constantFrom(...KINDS)),
    dtype: fc.constantFrom(...DTYPES),
    units: fc.integer({ min: 1, max: 6 }),
    features: fc.integer({ min: 1, max: 4 }),
    merge: fc.constantFrom(...MERGE_MODES, null),
    sequences: fc.boolean(),
    firstBackwards: fc.boolean(),
  })
  .chain(({ kinds, dtype, units, features, merge, sequences, firstBackwards }) => {
    const width = fc.constant(units);
    return fc.tuple(cellConfig(kinds[0], dtype, width), cellConfig(kinds[1], dtype, width)).chain((configs) => {
      const layers = configs.map((config, k) => ({
        class_name: kinds[k],
        config: {
          ...config,
          name: `layer_${k}`,
          return_sequences: sequences,
          zero_output_for_mask: sequences,
          go_backwards: (k === 0) === firstBackwards,
        },
      }));
      const [layer, backward] = layers.map(({ class_name, config }) => serialized(class_name, config));
      const config = { merge_mode: merge, layer, backward_layer: backward, dtype };
      const widths = kinds.flatMap((kind) => widthsOf(kind, units));
      const body = { class_name: 'Bidirectional', config };
      const forwardStates = widthsOf(kinds[0], units).length;
      return runOf({ features, widths }).map((run) => ({
        body,
        features,
        layers,
        forwardStates,
        merge,
        sequences,
        dtype,
        run,
      }));
    });
  });

describe('a bidirectional layer', () => {
  let app: TestApp;
  let client: Client;
  beforeAll(async () => {
    app = await startApp();
    client = new Client(app);
  });
  afterAll(() => app.close());

  it('merges what its two layers give, the second in the order of time', async () => {
    await fc.assert(
      fc.asyncProperty(pair, async ({ body, features, layers, forwardStates, merge, sequences, dtype, run }) => {
        const { inputs, initial, mask } = run;
        const options = mask ? { mask } : {};
        const both = await client.sequence(await client.cell({ body, features }), inputs, initial, options);
        const halves = [initial.slice(0, forwardStates), initial.slice(forwardStates)];
        const [ahead, back] = await Promise.all(
          layers.map(async (layer, k) => {
            const id = await client.cell({ body: layer, features });
            return client.sequence(id, inputs, halves[k], options);
          }),
        );
        expect(both.states).toEqual([...ahead.states, ...back.states]);
        const [first] = ahead.outputs;
        const second = sequences ? reversed(back.outputs[0], 1) : back.outputs[0];
        expect(both.outputs).toEqual(merged(merge, first, second, computeDtype(dtype)));
      }),
      { numRuns: runs(150) },
    );
  });
});

function merged(mode: string | null, a: Flat, b: Flat, dtype: Dtype): Flat[] {
  if (mode === null) return [a, b];
  if (mode === 'concat') return [joined([a, b], a.shape.length - 1)];
  const data = a.data.map((value, i) => element(COMBINE[mode](Number(value), Number(b.data[i]))));
  return [rounded(dtype, { shape: a.shape, data })];
}

function computeDtype(policy: string): Dtype {
  return policy.replace('mixed_', '') as Dtype;
}
