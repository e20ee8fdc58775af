import { EventEmitter } from 'node:events';
import { getPriority } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { initialize } from '../../../src/cells/random/initializers.ts';
import type { SequenceProgram } from '../../../src/domain/program.ts';
import { sequenceCells } from '../../../src/domain/program.ts';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { cellArithmetic } from '../../../src/engine/simd/kernel-arithmetic.ts';
import { inSharedMemory } from '../../../src/engine/simd/shared-weights.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { widenSimd } from '../../../src/engine/simd/wide-simd.ts';
import { createStepper } from '../../../src/engine/stepper.ts';
import type { ComputeAnswer, ComputeTask } from '../../../src/engine/threads/compute-task.ts';
import { createDraws } from '../../../src/engine/threads/draw.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { eventually } from '../../support/until.ts';
import { findCase, smallCase } from './find.ts';
import { expectSameLearning, trainingRequest } from './network-paths.ts';
import { oddNetworks } from './odd-networks.ts';
import { again, indices, SEED } from './options.ts';
import { expectSameGradients, expectSameResult, gradientRequest, inGroups, stepwise } from './paths.ts';
import { outputWidths, type PathCase } from './programs.ts';

widenSimd();
const engines = createSimdEngines();

describe('gradients have the same bits', () => {
  const stepper = createStepper({ engines });

  it.each(indices(24))('of a row alone and with others: case %i', async (index) => {
    const { program, request } = smallCase(
      SEED + index,
      index % 3 === 0 ? 'run' : index % 3 === 1 ? 'bidirectional' : 'chain',
    );
    for (const returnSequences of [true, false]) {
      const asked = gradientRequest(program, request, returnSequences);
      const wanted = referenceEngine.prepareGradients(program).run(asked);
      expectSameGradients(await stepper.prepareGradients(program).run(asked), wanted);
      const half = Math.floor(request.batch / 2);
      const rows = { ...gradientRequest(program, cutRows(request, half), returnSequences) };
      const own = stepper.prepareGradients(program).run(rows);
      const shorter = wanted.inputs.subarray(0, (wanted.inputs.length / request.batch) * half);
      expect((await own).inputs, again(index)).toEqual(shorter);
    }
  });
});

function cutRows(request: PathCase['request'], rows: number): PathCase['request'] {
  const cut = <A extends { length: number; slice(from: number, to: number): A }>(all: A) =>
    all.slice(0, (all.length / request.batch) * rows);
  const { inputs, states, mask, previous } = request;
  return {
    ...request,
    batch: rows,
    inputs: cut(inputs),
    states: states.map(cut),
    ...(mask ? { mask: cut(mask) } : {}),
    ...(previous ? { previous: cut(previous) } : {}),
  };
}

describe('engines that are made another way have the same bits', () => {
  const tight = createSimdEngines({ maxPackedBytes: 2 ** 15 });
  const relaxed = createSimdEngines({ relaxed: true });

  it.each(indices(12))('with room for few weights, which are packed again and again: case %i', (index) => {
    const cases = [index, index + 20, index + 40].map((k) => findCase(SEED, k));
    for (let times = 0; times < 2; times++) {
      for (const { program, request } of cases) {
        for (const precision of ['fast', 'exact'] as const) {
          expectSameResult(
            tight[precision].prepareSequence(program).run(request),
            engines[precision].prepareSequence(program).run(request),
          );
        }
      }
    }
    expect(tight.statistics().memoryBytes).toBeGreaterThan(0);
  });

  it.each(indices(8))('with fused multiply-adds, by each of its own paths: case %i', (index) => {
    const { program, request } = smallCase(SEED + 100 + index, 'run');
    if (program.kind !== 'run') return;
    const run = (part: PathCase['request']) => relaxed.fast.prepareSequence(program).run(part);
    const wanted = run(request);
    expectSameResult(stepwise(program, relaxed.fast, request), wanted);
    expectSameResult(inGroups(run, request, [0, ...(request.batch > 1 ? [1] : [])]), wanted);
    expectSameResult(
      relaxed.exact.prepareSequence(program).run(request),
      referenceEngine.prepareSequence(program).run(request),
    );
  });

  it.each(indices(8))('asked for a precision that it has: case %i', (index) => {
    const { program, request } = smallCase(SEED + 200 + index, 'run');
    const cells = sequenceCells(program).map(cellArithmetic);
    const stepper = createStepper({ engines });
    // Where the fast engine has nothing of its own to compute a cell with, it is the exact one.
    if (stepper.precisionUsed(cells, 'fast') === 'fast') return;
    expect(stepper.precisionUsed(cells, 'exact')).toBe('exact');
    expectSameResult(
      engines.fast.prepareSequence(program).run(request),
      engines.exact.prepareSequence(program).run(request),
    );
  });

  it('on a V8 that is not known, whose 128-bit operations stay as they are', () => {
    const versions = Object.getOwnPropertyDescriptor(process, 'versions')!;
    Object.defineProperty(process, 'versions', { ...versions, value: { ...process.versions, v8: '1.2.3' } });
    expect(widenSimd()).toBe(false);
    Object.defineProperty(process, 'versions', versions);
    expect(widenSimd()).toBe(true);
  });
});

describe('what a thread runs has the same bits', () => {
  /** The module of a thread, run here with a port of its own. */
  async function threadHere(script: string, workerData?: unknown) {
    const port = Object.assign(new EventEmitter(), {
      posted: [] as unknown[],
      postMessage(value: unknown) {
        port.posted.push(value);
      },
    });
    vi.resetModules();
    // What is imported meanwhile stays in memory for the files that follow: it has the real threads.
    vi.doMock('node:worker_threads', async (original) => ({
      ...(await original<object>()),
      parentPort: port,
      workerData,
    }));
    // This thread runs the files that follow, which need their part of a busy processor.
    vi.doMock('../../../src/threads/give-way.ts', () => ({ giveWay: () => undefined }));
    const priority = getPriority();
    await import(`../../../src/engine/threads/${script}.ts`);
    expect(getPriority()).toBe(priority);
    vi.doUnmock('../../../src/threads/give-way.ts');
    vi.doUnmock('node:worker_threads');
    return port;
  }

  it('in steps, sequences and gradients, of programs that it has forgotten meanwhile too', async () => {
    const { options } = engines.newThread();
    const port = await threadHere('compute-worker', options);
    const ask = (task: ComputeTask): ComputeAnswer => {
      port.emit('message', task);
      return port.posted.pop() as ComputeAnswer;
    };
    const large = new Float32Array(new SharedArrayBuffer(2 ** 27 + 4));
    for (let round = 0; round < 2; round++) {
      for (const index of indices(6)) {
        const { program, request } = smallCase(SEED + 300 + index, 'run');
        if (program.kind !== 'run') continue;
        const ballast = { ...program, ballast: large } as SequenceProgram;
        const answer = ask({ kind: 'sequence', precision: 'fast', id: index, program: ballast, request });
        expectSameResult((answer as { result: never }).result, engines.fast.prepareSequence(program).run(request));
        const { cell } = program;
        const { states, batch } = request;
        const inputs = new Float64Array((batch * request.inputs.length) / (batch * request.time));
        const step = ask({
          kind: 'step',
          precision: 'exact',
          id: index,
          program: cell,
          request: { inputs, states, rows: batch },
        });
        expect(step).toHaveProperty('result.states', engines.exact.prepare(cell).step(inputs, states, batch).states);
        const outputs = referenceEngine.prepareSequence(program).run(request);
        const lesson = trainingRequest(request, outputs, true, outputWidths(program)[0]);
        const trained = ask({ kind: 'training', precision: 'exact', id: index, program, request: lesson });
        expectSameLearning(
          (trained as { result: never }).result,
          atOnce(referenceEngine.prepareTraining(program).run(lesson)),
        );
        const asked = gradientRequest(program, request, true);
        const gradients = ask({ kind: 'gradients', precision: 'exact', id: index, program, request: asked });
        expectSameGradients(
          (gradients as { result: never }).result,
          referenceEngine.prepareGradients(program).run(asked),
        );
      }
    }
    // What comes back of a network without layers is what went in, which is shared and not moved.
    const none = oddNetworks().at(-1)![1];
    const given = atOnce(inSharedMemory(none.request));
    const same = ask({ kind: 'sequence', precision: 'exact', id: 98, program: none.program, request: given });
    expect(same).toHaveProperty('result.sequences', [none.request.inputs]);
    const { program, request } = smallCase(SEED, 'run');
    if (program.kind !== 'run' || program.cell.kind === 'stack') return;
    const odd = { ...program, cell: { ...program.cell, activation: { name: 'nothing', params: {} } } };
    expect(ask({ kind: 'sequence', precision: 'exact', id: 99, program: odd, request })).toHaveProperty('problem.code');
    const broken = { ...program, cell: undefined } as never;
    expect(() => ask({ kind: 'sequence', precision: 'exact', id: 100, program: broken, request })).toThrow(TypeError);
  });

  it('in draws, where a large orthogonal one is drawn as a small one is', async () => {
    const spec = { className: 'Orthogonal', params: { gain: 1, seed: 4 } };
    const { initialize: draw } = createDraws();
    const shape = [410, 410];
    const [first, second] = await Promise.all([draw(spec, shape, 'float32'), draw(spec, shape, 'float32')]);
    expect(first.data).toEqual(initialize(spec, shape, 'float32').data);
    expect(second.data).toEqual(first.data);
    const small = await draw(spec, [5, 3], 'float64');
    expect(small.data).toEqual(initialize(spec, [5, 3], 'float64').data);
    const port = await threadHere('draw-worker');
    port.emit('message', { spec, shape: [5, 3], dtype: 'float64' });
    await eventually(() => expect(port.posted).toMatchObject([{ result: small.data }]));
  });
});
