import fc from 'fast-check';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { SequenceRequest } from '../../../src/domain/ports.ts';
import type { RunProgram } from '../../../src/domain/program.ts';
import { inSharedMemory } from '../../../src/engine/simd/shared-weights.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { createStepper } from '../../../src/engine/stepper.ts';
import type { ComputeTask } from '../../../src/engine/threads/compute-task.ts';
import { type ComputePool, createPool } from '../../../src/engine/threads/pool.ts';
import { collectGarbage } from '../../../src/threads/collect-garbage.ts';
import { runs } from '../../support/runs.ts';
import { eventually } from '../../support/until.ts';
import { gradientCall } from '../gradients-arbitraries.ts';
import { pattern, rowsFor, someCell, standardCell } from '../some-programs.ts';

const ENGINES = createSimdEngines();
const pool = createPool({ threads: 2, engines: ENGINES });
afterAll(() => pool.close());
const tasks: ComputeTask[] = [];
const watched: ComputePool = {
  ...pool,
  run: (task, ...others) => {
    tasks.push(task);
    return pool.run(task, ...others);
  },
};
/** Everything goes to a thread, whatever it costs. */
const places: string[] = [];
const threaded = createStepper({
  engines: ENGINES,
  pool: watched,
  loopNanoseconds: 0,
  observer: { computed: (_kind, place) => places.push(place), batched: () => undefined },
});

describe('work on a thread', () => {
  it('gives the bits that it gives at once: steps, traced and trained ones too', async () => {
    await fc.assert(
      fc.asyncProperty(someCell, fc.integer({ min: 1, max: 4 }), fc.boolean(), async (program, rows, trace) => {
        const { inputs, states } = rowsFor(program, rows, 5);
        const options = trace ? { trace, training: { seed: 7 } } : {};
        for (const precision of ['fast', 'exact'] as const) {
          const here = ENGINES[precision].prepare(program).step(inputs, states, rows, options);
          expect(await threaded.prepare(program, precision).step(inputs, states, rows, options)).toEqual(here);
        }
      }),
      { numRuns: runs(30) },
    );
    expect(new Set(places)).toEqual(new Set(['thread']));
  });

  it('gives the bits that it gives at once: sequences of every form, and their gradients', async () => {
    await fc.assert(
      fc.asyncProperty(gradientCall, async ({ program, request }) => {
        const { cotangents: _, returnSequences: __, ...rest } = request;
        const sequence = { ...rest, trace: true };
        const here = ENGINES.exact.prepareSequence(program).run(sequence);
        const there = await threaded.prepareSequence(program, 'exact').run(sequence);
        for (const name of ['sequences', 'last', 'states', 'trace'] as const) expect(there[name]).toEqual(here[name]);
        const gradients = ENGINES.exact.prepareGradients(program).run(request);
        expect(await threaded.prepareGradients(program).run(request)).toEqual(gradients);
      }),
      { numRuns: runs(60) },
    );
  });

  it('shares the rows of a sequence among the threads, traced and in training without dropout too', async () => {
    const cell = standardCell('lstm', 3, 8);
    const program: RunProgram = { kind: 'run', computeDtype: 'float32', cell, goBackwards: false };
    const request = (batch: number): SequenceRequest => ({
      inputs: pattern(batch * 4 * 3, 1),
      batch,
      time: 4,
      states: rowsFor(cell, batch, 2).states,
      mask: Uint8Array.from({ length: batch * 4 }, (_, i) => (i % 3 === 0 ? 0 : 1)),
      previous: pattern(batch * 8, 3),
      zeroOutputForMask: false,
    });
    const prepared = threaded.prepareSequence(program, 'fast');
    for (const batch of [1, 2, 5]) {
      for (const options of [{}, { trace: true, training: {} }]) {
        const one = { ...request(batch), ...options };
        tasks.length = 0;
        expect(await prepared.run(one)).toEqual(ENGINES.fast.prepareSequence(program).run(one));
        expect(tasks).toHaveLength(Math.min(batch, pool.threads));
      }
    }
  });

  it('tells what a client has to know of it', async () => {
    const program = { ...standardCell('lstm', 2, 2), activation: { name: 'nothing', params: {} } };
    const { inputs, states } = rowsFor(program, 1, 1);
    await expect(threaded.prepare(program, 'exact').step(inputs, states, 1)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('nothing'),
    });
  });

  it('takes of a large buffer only what it needs', async () => {
    const program = standardCell('simple_rnn', 2, 2);
    const { inputs, states } = rowsFor(program, 1, 1);
    const wide = new Float32Array(1000);
    wide.set(inputs, 500);
    const part = wide.subarray(500, 502);
    const here = ENGINES.fast.prepare(program).step(inputs, states, 1);
    expect(await threaded.prepare(program, 'fast').step(part, states, 1)).toEqual(here);
    expect(wide).toHaveLength(1000);
  });
});

it('gives back the memory of what a thread has computed with, although that has nothing more to do', async () => {
  const own = createPool({ threads: 1, engines: ENGINES });
  onTestFinished(() => own.close());
  const program = standardCell('gru', 1, 64);
  // States of 16 MiB.
  const { inputs, states, rows } = rowsFor(program, 2 ** 16, 1);
  const prepared = createStepper({ engines: ENGINES, pool: own, loopNanoseconds: 0 }).prepare(program, 'fast');
  const bytes = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };
  const before = bytes();
  for (let k = 0; k < 12; k++) await prepared.step(inputs, states, rows);
  await eventually(() => expect(bytes()).toBeLessThan(before + 2 ** 26));
});

describe('a thread that dies', () => {
  const program = standardCell('gru', 2, 3);
  const { inputs, states } = rowsFor(program, 1, 1);

  /** A stepper over threads that die in their first task, as long as `deaths` is not used up. */
  function mortal(deaths: number) {
    const left = new Int32Array(new SharedArrayBuffer(4)).fill(deaths);
    const own = createPool({ threads: 1, engines: ENGINES, script: new URL('../mortal-worker.ts', import.meta.url) });
    onTestFinished(() => own.close());
    const stepper = createStepper({ engines: ENGINES, pool: own, loopNanoseconds: 0 });
    // The counter travels as the dropout rates, which evaluation takes no notice of.
    const prepared = stepper.prepare({ ...program, dropout: { left } as never }, 'exact');
    return { step: () => prepared.step(inputs, states, 1), own, left };
  }

  it('is replaced, and its task done by the next, those behind it too', async () => {
    const { step, own, left } = mortal(1);
    const results = await Promise.all([step(), step(), step()]);
    const here = ENGINES.exact.prepare(program).step(inputs, states, 1);
    for (const result of results) expect(result.output).toEqual(here.output);
    expect(left[0]).toBe(0);
    expect(own.statistics()).toEqual({ threads: 1, running: 0, waiting: 0 });
  });

  it('twice in one task fails that task with 503, and no other', async () => {
    const { step } = mortal(2);
    const [first, ...others] = await Promise.allSettled([step(), step(), step()]);
    expect(first).toMatchObject({ reason: { code: 'compute-failed', status: 503 } });
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    await expect(step()).resolves.toBeDefined();
  });

  it('leaves nobody waiting when the service ends', async () => {
    const { step, own } = mortal(0);
    const settled = Promise.allSettled([step(), step()]);
    await own.close();
    for (const one of await settled) expect(one).toMatchObject({ reason: { code: 'shutting-down' } });
    await expect(step()).rejects.toMatchObject({ code: 'shutting-down' });
    expect(own.statistics()).toEqual({ threads: 0, running: 0, waiting: 0 });
  });
});

it('refuses more work than can be waited for, and says for how long', async () => {
  const own = createPool({ threads: 2, engines: ENGINES });
  onTestFinished(() => own.close());
  const program = standardCell('lstm', 2, 2);
  const task = {
    kind: 'step',
    precision: 'exact',
    ...own.share(program, 'exact'),
    request: rowsFor(program, 1, 1),
  } as const;
  const first = own.run(task, 48e9);
  await expect(own.run(task, 1)).rejects.toMatchObject({
    code: 'overloaded',
    status: 503,
    retryAfterSeconds: 4,
    message: expect.stringContaining('24 s'),
  });
  await first;
  await expect(own.run(task, 1)).resolves.toBeDefined();
});

describe('what a thread is given', () => {
  it('is the same in shared memory, copied in slices', () => {
    const wide = pattern(2 ** 20, 3);
    const given = {
      inputs: wide.subarray(5),
      states: [Float64Array.of(1, 2), wide],
      mask: Uint8Array.of(1, 0),
      options: { training: undefined, seed: 7 },
    };
    const copying = inSharedMemory(given);
    let slices = 1;
    let step = copying.next();
    for (; !step.done; step = copying.next()) slices++;
    expect(slices).toBeGreaterThanOrEqual(2 * (wide.byteLength / 2 ** 20) - 1);
    expect(step.value).toEqual(given);
    const arrays = [step.value.inputs, ...step.value.states, step.value.mask];
    for (const { buffer, byteLength } of arrays) {
      expect(buffer).toBeInstanceOf(SharedArrayBuffer);
      expect(buffer.byteLength).toBe(byteLength);
    }
  });

  it('has weights that were copied in slices before, where it needs them as they are', () => {
    const engines = createSimdEngines();
    const cell = standardCell('gru', 256, 512);
    const program: RunProgram = { kind: 'run', computeDtype: 'float32', cell, goBackwards: false };
    expect(engines.shareSlices(program, 'fast').next().done).toBe(true);
    const copying = engines.shareSlices(program);
    let slices = 1;
    while (!copying.next().done) slices++;
    expect(slices).toBeGreaterThanOrEqual(3);
    const before = new Float32Array(cell.recurrentKernel);
    cell.recurrentKernel.fill(7);
    const { recurrentKernel } = engines.share(program).cell as typeof cell;
    expect(recurrentKernel.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(recurrentKernel).toEqual(before);
    expect((engines.share(program).cell as typeof cell).recurrentKernel).toBe(recurrentKernel);
  });

  it('goes to no thread where the client leaves, or the service ends, while it is copied', async () => {
    const cell = standardCell('simple_rnn', 1, 1);
    const program: RunProgram = { kind: 'run', computeDtype: 'float32', cell, goBackwards: false };
    const leaving = new AbortController();
    const caller = { client: 'a', signal: leaving.signal, hold: () => undefined, holdResult: () => undefined };
    const own = createPool({ threads: 1, engines: ENGINES, caller: () => caller });
    const time = 2 ** 21;
    const states = rowsFor(cell, 1, 1).states;
    const request: SequenceRequest = { inputs: pattern(time, 1), batch: 1, time, states, zeroOutputForMask: false };
    const task = { kind: 'sequence', precision: 'fast', ...own.share(program, 'fast'), request } as const;
    const left = own.run(task, 1);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'client-gone' });
    const ended = own.run(task, 1);
    const settled = expect(ended).rejects.toMatchObject({ code: 'shutting-down' });
    await own.close();
    await settled;
    expect(own.statistics()).toEqual({ threads: 0, running: 0, waiting: 0 });
  });
});
