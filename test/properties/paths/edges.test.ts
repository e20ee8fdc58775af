import { describe, expect, it, onTestFinished } from 'vitest';
import { initialize } from '../../../src/cells/random/initializers.ts';
import { randint } from '../../../src/cells/random/randint.ts';
import { OWN_WORK } from '../../../src/domain/caller.ts';
import type { SequenceRequest } from '../../../src/domain/ports.ts';
import type { CellProgram, RunProgram, SequenceProgram } from '../../../src/domain/program.ts';
import { stateWidths, stepWidth } from '../../../src/domain/program.ts';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { createSharing } from '../../../src/engine/simd/shared-weights.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { createStepper } from '../../../src/engine/stepper.ts';
import { createDraws } from '../../../src/engine/threads/draw.ts';
import { createPool } from '../../../src/engine/threads/pool.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { numbers } from '../../engine/cell-parts.ts';
import { standardCell } from '../../engine/some-programs.ts';
import { eventually } from '../../support/until.ts';
import { expectNearLearning, expectSameLearning, trainingRequest } from './network-paths.ts';
import { manyWeights } from './odd-networks.ts';
import { expectSameGradients, expectSameResult, gradientRequest, PRECISIONS } from './paths.ts';
import { outputWidths } from './programs.ts';

const engines = createSimdEngines();

function run(cell: CellProgram, rest: Partial<RunProgram> = {}): RunProgram {
  return { kind: 'run', computeDtype: cell.computeDtype, cell, goBackwards: false, ...rest };
}

function requestOf(cells: readonly CellProgram[], batch: number, time: number): SequenceRequest {
  const [{ features, computeDtype }] = cells;
  return {
    inputs: numbers(computeDtype, batch * time * features, 5, 0.5),
    batch,
    time,
    states: cells.flatMap(stateWidths).map((width, k) => numbers(computeDtype, batch * width, 6 + k)),
    zeroOutputForMask: false,
  };
}

const gru = standardCell('gru', 3, 4);
const lstm = standardCell('lstm', 3, 4);

describe('what cases are drawn too seldom for has the same bits', () => {
  it('of a few whole numbers, and of many, which a thread draws', async () => {
    const draws = createDraws();
    for (const count of [3, 100_000]) {
      expect(await draws.randint(-5, 5, [count], 7)).toEqual(randint(-5, 5, [count], 7));
    }
  });

  it('of elements of two bytes, at once and in a thread', async () => {
    const spec = { className: 'RandomUniform', params: { minval: -1, maxval: 1, seed: 3 } };
    for (const count of [3, 100_000]) {
      expect(await createDraws().initialize(spec, [count], 'bfloat16')).toEqual(initialize(spec, [count], 'bfloat16'));
    }
  });

  it('a row that is larger than the room that rows share', () => {
    const wide = standardCell('simple_rnn', 2 ** 17, 2);
    const program = run(wide);
    const request = requestOf([wide], 3, 4);
    const reference = referenceEngine.prepareSequence(program).run(request);
    expectSameResult(engines.exact.prepareSequence(program).run(request), reference);
    const alone = {
      ...request,
      batch: 1,
      inputs: request.inputs.subarray(0, 4 * 2 ** 17),
      states: [request.states[0].subarray(0, 2)],
    };
    const fast = engines.fast.prepareSequence(program);
    expect(fast.run(alone).sequences[0]).toEqual(fast.run(request).sequences[0].subarray(0, 8));
  });

  it('weights in a memory that cannot grow', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 256, shared: true });
    const tight = createSimdEngines({ memory });
    const programs = Array.from({ length: 12 }, (_, k) => run(standardCell('gru', 180, 200 + k)));
    for (const program of [...programs, ...programs.slice(0, 2)]) {
      const request = requestOf([program.cell as CellProgram], 2, 2);
      const wanted = engines.fast.prepareSequence(program).run(request);
      expectSameResult(tight.fast.prepareSequence(program).run(request), wanted);
    }
    expect(tight.statistics().memoryBytes).toBeLessThanOrEqual(256 * 65_536);
  });

  it.each([null, 'concat', 'mul'] as const)('gradients of no steps and of no rows, merged by %s', (merge) => {
    const program: SequenceProgram = {
      kind: 'bidirectional',
      computeDtype: 'float32',
      forward: run(gru),
      backward: run(gru, { goBackwards: true }),
      merge,
    };
    for (const [batch, time] of [
      [2, 0],
      [0, 3],
    ]) {
      const asked = gradientRequest(program, requestOf([gru, gru], batch, time), true);
      const wanted = referenceEngine.prepareGradients(program).run(asked);
      expectSameGradients(engines.exact.prepareGradients(program).run(asked), wanted);
      expect(wanted.cells[0].kernel.every((value) => value === 0)).toBe(true);
    }
  });

  it('gradients of an output of two, of which only one goes on', () => {
    const both: SequenceProgram = {
      kind: 'bidirectional',
      computeDtype: 'float32',
      forward: run(gru),
      backward: run(lstm, { goBackwards: true }),
      merge: null,
    };
    const above = standardCell('simple_rnn', 4, 2);
    const program: SequenceProgram = { kind: 'chain', computeDtype: 'float32', layers: [both, run(above)] };
    for (const time of [3, 0]) {
      const request = requestOf([gru, lstm, above], 2, time);
      const asked = gradientRequest(program, request, true);
      const wanted = referenceEngine.prepareGradients(program).run(asked);
      expectSameGradients(engines.exact.prepareGradients(program).run(asked), wanted);
    }
  });

  it.each(['concat', 'sum', 'ave', 'mul'] as const)('training of two directions, merged by %s', (merge) => {
    const program: SequenceProgram = {
      kind: 'bidirectional',
      computeDtype: 'float32',
      forward: run(gru),
      backward: run(gru, { goBackwards: true }),
      merge,
    };
    const request = requestOf([gru, gru], 2, 3);
    expectTrained(program, request);
  });

  it('training of a cell that takes no features', () => {
    const none = standardCell('gru', 0, 3);
    expectTrained(run(none), requestOf([none], 2, 3));
  });

  function expectTrained(program: SequenceProgram, request: SequenceRequest): void {
    const outputs = referenceEngine.prepareSequence(program).run(request);
    const lesson = trainingRequest(request, outputs, true, outputWidths(program)[0]);
    const wanted = atOnce(referenceEngine.prepareTraining(program).run(lesson));
    expectSameLearning(atOnce(engines.exact.prepareTraining(program).run(lesson)), wanted);
    expectNearLearning(atOnce(engines.fast.prepareTraining(program).run(lesson)), wanted, 1e-4);
  }

  it('a network whose many weights are packed between two turns', async () => {
    const { program, request } = manyWeights();
    for (const precision of PRECISIONS) {
      const apart = createSimdEngines();
      const stepper = createStepper({ engines: apart });
      const wanted = engines[precision].prepareSequence(program).run(request);
      expectSameResult(await stepper.prepareSequence(program, precision).run(request), wanted);
      expectSameResult(await stepper.prepareSequence(program, precision).run(request), wanted);
    }
  });
});

describe('threads', () => {
  /** A stepper over threads that die in their first task, as long as `deaths` is not used up. */
  function mortal(deaths: number) {
    const left = new Int32Array(new SharedArrayBuffer(4)).fill(deaths);
    const script = new URL('../../engine/mortal-worker.ts', import.meta.url);
    const pool = createPool({ threads: 1, engines, script });
    onTestFinished(() => pool.close());
    const stepper = createStepper({ engines, pool, loopNanoseconds: 0 });
    // The counter travels as the dropout rates, which evaluation takes no notice of.
    return { pool, prepared: stepper.prepare({ ...gru, dropout: { left } as never }, 'exact') };
  }
  const { inputs, states } = requestOf([gru], 1, 1);

  it('that die in the middle of a task change no bit of it', async () => {
    const { prepared } = mortal(1);
    const wanted = engines.exact.prepare(gru).step(inputs, states, 1);
    expect((await prepared.step(inputs, states, 1)).output).toEqual(wanted.output);
  });

  it('that die twice in a task fail it, and those that are ended refuse it', async () => {
    const { pool, prepared } = mortal(2);
    await expect(prepared.step(inputs, states, 1)).rejects.toMatchObject({ code: 'compute-failed' });
    const left = prepared.step(inputs, states, 1);
    const refused = expect(left).rejects.toMatchObject({ code: 'shutting-down' });
    await new Promise((resolve) => setImmediate(resolve));
    await pool.close();
    await refused;
    await expect(prepared.step(inputs, states, 1)).rejects.toMatchObject({ code: 'shutting-down' });
  });

  it('refuse more than can be waited for', async () => {
    const pool = createPool({ threads: 1, engines });
    onTestFinished(() => pool.close());
    const request = { inputs, states, rows: 1 };
    const task = { kind: 'step', precision: 'exact', ...pool.share(gru, 'exact'), request } as const;
    const first = pool.run(task, 30e9);
    await expect(pool.run(task, 1)).rejects.toMatchObject({ code: 'overloaded' });
    expect((await first).output).toEqual(engines.exact.prepare(gru).step(inputs, states, 1).output);
  });

  it('are ended where nobody waits for their task any more', async () => {
    const client = new AbortController();
    // They never answer.
    const script = new URL('data:text/javascript,setInterval(() => {}, 1000)');
    const caller = () => ({ ...OWN_WORK, signal: client.signal });
    const pool = createPool({ threads: 1, engines, script, caller });
    onTestFinished(() => pool.close());
    const program = run(gru);
    const task = {
      kind: 'sequence',
      precision: 'exact',
      ...pool.share(program),
      request: requestOf([gru], 1, 2),
    } as const;
    const runs = Promise.allSettled([pool.run(task, 1), pool.run(task, 1)]);
    await eventually(() => expect(pool.statistics()).toEqual({ threads: 1, running: 1, waiting: 1 }));
    client.abort();
    const gone = { status: 'rejected', reason: { code: 'client-gone' } };
    expect(await runs).toMatchObject([gone, gone]);
    await expect(pool.run(task, 1)).rejects.toMatchObject({ code: 'client-gone' });
    expect(pool.statistics()).toEqual({ threads: 0, running: 0, waiting: 0 });
  });

  it('get weights that could not be shared at first with the next task', async () => {
    const given: unknown[] = [];
    function* shareSlices(...[program, precision]: Parameters<typeof engines.shareSlices>): Generator<void> {
      if (given.push(program) === 1) throw new RangeError('no room');
      yield* engines.shareSlices(program, precision);
    }
    const pool = createPool({ threads: 1, engines: { ...engines, shareSlices } });
    onTestFinished(() => pool.close());
    const prepared = createStepper({ engines, pool, loopNanoseconds: 0 }).prepare(gru, 'exact');
    await expect(prepared.step(inputs, states, 1)).rejects.toThrow('no room');
    const wanted = engines.exact.prepare(gru).step(inputs, states, 1);
    expect((await prepared.step(inputs, states, 1)).output).toEqual(wanted.output);
    expect(given).toEqual([gru, gru]);
  });

  it('share floats, and bytes as they are', () => {
    const { share, slices } = createSharing();
    const value = { bytes: Uint8Array.of(1), floats: Float32Array.of(1, 2), list: [Float64Array.of(3), null] };
    atOnce(slices(value.floats));
    const shared = share(value);
    expect(shared).toEqual(value);
    expect(shared.bytes).toBe(value.bytes);
    expect(shared.list[0]).toHaveProperty('buffer', expect.any(SharedArrayBuffer));
    atOnce(slices(value));
    expect(share(value).floats).toBe(shared.floats);
  });
});

describe('what cannot be computed is told', () => {
  it('to each of the steps that run in one batch', async () => {
    const odd = { ...gru, activation: { name: 'nothing', params: {} } };
    const prepared = createStepper({ engines, batchRows: 8 }).prepare(odd, 'exact');
    const { inputs, states } = requestOf([gru], 1, 1);
    const steps = [0, 1, 2].map(() => prepared.step(inputs, states, 1));
    for (const step of await Promise.allSettled(steps))
      expect(step).toMatchObject({ reason: { code: 'invalid-config' } });
  });

  it('of an orthogonal draw without axes', async () => {
    const spec = { className: 'Orthogonal', params: { gain: 1, seed: 4 } };
    await expect(createDraws().initialize(spec, [], 'float32')).rejects.toThrow();
  });

  it('of an activation without a kernel, which the reference engine computes', () => {
    const relu = { name: 'relu', params: { negative_slope: 0.1, max_value: 2, threshold: 0 } };
    const program = run({ ...gru, activation: relu });
    const request = requestOf([gru], 2, 3);
    const wanted = referenceEngine.prepareSequence(program).run(request);
    for (const precision of PRECISIONS)
      expectSameResult(engines[precision].prepareSequence(program).run(request), wanted);
    expect(stepWidth(program.cell)).toBe(4);
  });
});
