import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Precision, StepResult } from '../../src/domain/ports.ts';
import { createBatcher } from '../../src/engine/batcher.ts';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { createStepper } from '../../src/engine/stepper.ts';
import type { StepRows } from '../../src/engine/threads/compute-task.ts';
import { runs } from '../support/runs.ts';
import { eventually } from '../support/until.ts';
import { rowsFor, someCell, standardCell } from './some-programs.ts';

const ENGINES = createSimdEngines();

/** A stepper that notes the rows of its batches. */
function watched(batchRows: number) {
  const batches: number[] = [];
  const waits: number[] = [];
  const observer = {
    batched: (rows: number, seconds: readonly number[]) => {
      batches.push(rows);
      waits.push(...seconds);
    },
    computed: () => undefined,
  };
  return { stepper: createStepper({ engines: ENGINES, batchRows, observer }), batches, waits };
}

const precisions = fc.constantFrom<Precision>('fast', 'exact');

describe('steps of one cell that are asked for together', () => {
  it('have the bits that each has alone, in one batch', async () => {
    await fc.assert(
      fc.asyncProperty(
        someCell,
        precisions,
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 24 }),
        async (program, precision, sizes) => {
          const { stepper, batches } = watched(256);
          const prepared = stepper.prepare(program, precision);
          const engine = ENGINES[precision].prepare(program);
          const requests = sizes.map((rows, k) => rowsFor(program, rows, k));
          const together = await Promise.all(
            requests.map(({ inputs, states, rows }) => prepared.step(inputs, states, rows)),
          );
          expect(batches).toEqual([sizes.reduce((sum, rows) => sum + rows, 0)]);
          for (const [k, { inputs, states, rows }] of requests.entries()) {
            const alone = engine.step(inputs, states, rows);
            expect(together[k].output).toEqual(alone.output);
            expect(together[k].states).toEqual(alone.states);
            // What is one array is sent and printed once.
            expect(together[k].states.indexOf(together[k].output)).toBe(alone.states.indexOf(alone.output));
          }
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it('are not touched by a NaN, an infinity or a huge state in a full batch', async () => {
    const poisons = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38);
    await fc.assert(
      fc.asyncProperty(someCell, precisions, fc.nat({ max: 31 }), poisons, async (program, precision, at, poison) => {
        const { stepper, batches } = watched(32);
        const prepared = stepper.prepare(program, precision);
        const engine = ENGINES[precision].prepare(program);
        const requests = Array.from({ length: 32 }, (_, k) => rowsFor(program, 1, k));
        for (const array of [...requests[at].states, requests[at].inputs]) array.fill(poison);
        const together = await Promise.all(requests.map(({ inputs, states }) => prepared.step(inputs, states, 1)));
        expect(batches).toEqual([32]);
        for (const [k, { inputs, states }] of requests.entries()) {
          const alone = engine.step(inputs, states, 1);
          expect(together[k].states).toEqual(alone.states);
          if (k !== at) expect(together[k].output.every(Number.isFinite)).toBe(true);
        }
      }),
      { numRuns: runs(60) },
    );
  });

  it('make no batch larger than its bound, and none waits for ever', async () => {
    const { stepper, batches, waits } = watched(8);
    const program = standardCell('gru', 2, 3);
    const prepared = stepper.prepare(program, 'exact');
    const sizes = [3, 3, 3, 8, 1, 20, 1, 1];
    await Promise.all(
      sizes.map((rows) => prepared.step(rowsFor(program, rows, 1).inputs, rowsFor(program, rows, 1).states, rows)),
    );
    // In the order that they came; one that is larger than the bound by itself goes alone.
    expect(batches).toEqual([6, 3, 8, 1, 20, 2]);
    expect(waits).toHaveLength(sizes.length);
    expect(waits.every((seconds) => seconds >= 0)).toBe(true);
  });

  it('that are traced or trained are computed alone', async () => {
    const { stepper, batches } = watched(8);
    const program = standardCell('lstm', 2, 3);
    const { inputs, states } = rowsFor(program, 1, 1);
    const prepared = stepper.prepare(program, 'exact');
    const [traced] = await Promise.all([
      prepared.step(inputs, states, 1, { trace: true }),
      prepared.step(inputs, states, 1, { training: { seed: 1 } }),
    ]);
    expect(traced.trace?.map(({ name }) => name)).toEqual(['i', 'f', 'c', 'o', 'new_c']);
    expect(batches).toEqual([]);
  });
});

describe('a batch that fails', () => {
  const result = ({ inputs, states }: StepRows): StepResult => ({ output: inputs, states });
  const one = (value: number): StepRows => ({ inputs: Float32Array.of(value), states: [], rows: 1 });

  it('fails only the requests that fail alone, each with its own error', async () => {
    const sizes: number[] = [];
    const step = createBatcher(
      async (request) => {
        sizes.push(request.rows);
        const bad = request.inputs.findIndex((value) => value < 0);
        if (bad >= 0) throw new Error(`no ${request.inputs[bad]}`);
        return result(request);
      },
      { maxRows: 8, maxRunning: 1 },
    );
    const settled = await Promise.allSettled([1, -2, 3, -4].map((value) => step(one(value))));
    expect(settled.map((each) => (each.status === 'fulfilled' ? each.value.output[0] : String(each.reason)))).toEqual([
      1,
      'Error: no -2',
      3,
      'Error: no -4',
    ]);
    expect(sizes).toEqual([4, 1, 1, 1, 1]);
    expect((await step(one(5))).output[0]).toBe(5);
  });

  it('does not keep later ones waiting, and what comes while batches run gathers', async () => {
    const started: number[] = [];
    let release = () => {};
    const step = createBatcher(
      async (request) => {
        started.push(request.rows);
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return result(request);
      },
      { maxRows: 8, maxRunning: 1 },
    );
    const first = step(one(1));
    await new Promise(setImmediate);
    const others = [step(one(2)), step(one(3))];
    await new Promise(setImmediate);
    others.push(step(one(4)));
    await new Promise(setImmediate);
    expect(started).toEqual([1]);
    release();
    await first;
    await eventually(() => expect(started).toEqual([1, 3]));
    release();
    expect((await Promise.all(others)).map(({ output }) => output[0])).toEqual([2, 3, 4]);
  });
});
