import { afterAll, describe, expect, it } from 'vitest';
import type { SequenceRequest } from '../../../src/domain/ports.ts';
import { type RunProgram, sequenceCells } from '../../../src/domain/program.ts';
import { hasDropout } from '../../../src/domain/training.ts';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { widenSimd } from '../../../src/engine/simd/wide-simd.ts';
import { createStepper } from '../../../src/engine/stepper.ts';
import { createPool } from '../../../src/engine/threads/pool.ts';
import { expectSame } from '../../engine/kernel-programs.ts';
import { Draws } from './draws.ts';
import { findCase } from './find.ts';
import { again, indices, SEED } from './options.ts';
import {
  expectSameGradients,
  expectSameResult,
  expectWithinBound,
  firstStep,
  gradientRequest,
  inGroups,
  inPieces,
  isSmooth,
  PRECISIONS,
  stepwise,
} from './paths.ts';
import { describeCase, type PathCase, workOf } from './programs.ts';
import { met, TARGETS, uncrossed } from './thresholds.ts';

/** Steps one by one, rows one by one and gradients are so much slower that only smaller cases go these ways. */
const SMALL = 4e5;
const GRADIENTS = 1e5;
const MOST_ROWS = 9;

widenSimd();
const engines = createSimdEngines();
const pools = [1, 2].map((threads) => createPool({ threads, engines }));
// Everything goes to a thread where there is one; what is on the event loop is larger than it would be there.
const steppers = [undefined, ...pools].map((pool) =>
  createStepper({ engines, pool, batchRows: 256, loopNanoseconds: 0 }),
);
const alone = createStepper({ engines, batchRows: 1 });
const usual = createStepper({ engines, pool: pools[1], batchRows: 256 });

afterAll(async () => {
  for (const pool of pools) await pool.close();
});

/** Ordered cuts of [0, end), the first at 0. */
function drawCuts(draws: Draws, end: number): number[] {
  const drawn = Array.from({ length: draws.integer(1, 3) }, () => draws.integer(1, Math.max(1, end - 1)));
  return [0, ...new Set(drawn.filter((cut) => cut < end).sort((a, b) => a - b))];
}

const drawsMasks = ({ program, request }: PathCase) =>
  request.training !== undefined && sequenceCells(program).some(({ dropout }) => dropout && hasDropout(dropout));

/** All ways to compute a case, each compared with the one in one piece. */
async function checkPaths(one: PathCase, draws: Draws): Promise<void> {
  const { program, request } = one;
  const { batch, time } = request;
  const small = workOf(one) <= SMALL;
  const whole = drawsMasks(one);
  const seeded = request.training === undefined || request.training.seed !== undefined;
  if (whole && !seeded && sequenceCells(program).some(({ dropout }) => dropout && dropout.seed === undefined)) return;
  const reference = referenceEngine.prepareSequence(program).run(request);
  for (const precision of PRECISIONS) {
    const engine = engines[precision];
    const run = (part: SequenceRequest) => engine.prepareSequence(program).run(part);
    const wanted = precision === 'exact' ? reference : run(request);
    expectSameResult(run(request), wanted);
    if (program.kind === 'run') {
      expectSameResult(stepwise(program, engine, request), wanted);
    }
    // A dropout mask is that of a call, and of its whole batch.
    if (program.kind === 'run' && time > 0 && !whole) {
      expectSameResult(inPieces(program, engine, request, drawCuts(draws, time)), wanted);
    }
    if (batch > 0 && !whole) {
      expectSameResult(inGroups(run, request, drawCuts(draws, batch)), wanted);
      if (small) expectSameResult(inGroups(run, request, everyRow(Math.min(batch, MOST_ROWS), batch)), wanted);
    }
    for (const stepper of [...steppers, usual]) {
      expectSameResult(await stepper.prepareSequence(program, precision).run(request), wanted);
    }
    if (small) await checkTraces(one, precision);
    if (program.kind === 'run' && batch > 0 && time > 0 && !request.training) {
      await checkSteps(program, request, precision);
    }
  }
  if (workOf(one) <= GRADIENTS && batch > 0 && time > 0) await checkGradients(one, draws);
}

/** The first `count` rows one by one, and the rest of them together. */
function everyRow(count: number, batch: number): number[] {
  const rows = Array.from({ length: count }, (_, row) => row);
  return count < batch ? [...rows, count] : rows;
}

async function checkTraces({ program, request }: PathCase, precision: 'fast' | 'exact'): Promise<void> {
  const traced = { ...request, trace: true };
  const wanted = engines[precision].prepareSequence(program).run(traced);
  if (precision === 'exact') expectSameResult(wanted, referenceEngine.prepareSequence(program).run(traced));
  const { trace: _, ...untraced } = wanted;
  expectSameResult(untraced, engines[precision].prepareSequence(program).run(request));
  expectSameResult(await steppers[2].prepareSequence(program, precision).run(traced), wanted);
}

/** One step: of all rows together, of each by itself, in a batch with others, on a thread. */
async function checkSteps(program: RunProgram, request: SequenceRequest, precision: 'fast' | 'exact'): Promise<void> {
  const { cell } = program;
  const { batch } = request;
  const inputs = firstStep(program, request);
  const { states } = request;
  const wanted = engines[precision].prepare(cell).step(inputs, states, batch);
  if (precision === 'exact') {
    const exact = referenceEngine.prepare(cell).step(inputs, states, batch);
    for (const [k, state] of exact.states.entries()) expectSame(wanted.states[k], state, `states[${k}]`);
  } else if (isSmooth(program, request)) {
    const exact = engines.exact.prepare(cell).step(inputs, states, batch);
    for (const [k, state] of exact.states.entries()) expectWithinBound(wanted.states[k], state, `states[${k}]`);
  }
  const rowOf = (array: typeof inputs, row: number) =>
    array.subarray((array.length / batch) * row, (array.length / batch) * (row + 1));
  const rows = Math.min(batch, MOST_ROWS);
  for (const stepper of [alone, usual, ...steppers]) {
    const prepared = stepper.prepare(cell, precision);
    const together = await prepared.step(inputs, states, batch);
    const single = await Promise.all(
      Array.from({ length: rows }, (_, row) =>
        prepared.step(
          rowOf(inputs, row),
          states.map((state) => rowOf(state, row)),
          1,
          row % 7 === 3 ? { trace: true } : {},
        ),
      ),
    );
    expectSame(together.output, wanted.output, 'output');
    for (const [k, state] of wanted.states.entries()) {
      expectSame(together.states[k], state, `states[${k}]`);
      for (const [row, { states: own }] of single.entries()) {
        expectSame(own[k], rowOf(state, row), `row ${row}, states[${k}]`);
      }
    }
  }
}

async function checkGradients({ program, request }: PathCase, draws: Draws): Promise<void> {
  const asked = gradientRequest(program, request, draws.chance(0.6));
  const wanted = engines.exact.prepareGradients(program).run(asked);
  for (const stepper of steppers) expectSameGradients(await stepper.prepareGradients(program).run(asked), wanted);
  expectSameGradients(referenceEngine.prepareGradients(program).run(asked), wanted);
}

describe('every path of the engine has the same bits', () => {
  const crossed = new Set<string>();

  it.each(indices(TARGETS.length))('case %i', async (index) => {
    const one = findCase(SEED, index);
    for (const target of met(one)) crossed.add(JSON.stringify(target));
    try {
      await checkPaths(one, new Draws(SEED * 31 + index));
    } catch (error) {
      throw new Error(`${again(index)}: ${describeCase(one)}`, { cause: error });
    }
  });

  it('crosses every threshold of the engine on both sides, with and without masks', () => {
    if (indices(TARGETS.length).length < TARGETS.length) return;
    expect(TARGETS.map((target) => JSON.stringify(target)).filter((target) => !crossed.has(target))).toEqual([]);
  });

  it('knows every constant of the engine, as a threshold or as none', () => {
    expect(uncrossed(), 'add them to THRESHOLDS or NO_THRESHOLDS in thresholds.ts').toEqual([]);
  });
});
