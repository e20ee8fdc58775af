import { afterAll, describe, expect, it } from 'vitest';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { createStepper } from '../../../src/engine/stepper.ts';
import { createPool } from '../../../src/engine/threads/pool.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { smallCase } from './find.ts';
import { expectNearLearning, expectSameLearning, trainingRequest } from './network-paths.ts';
import { again, indices, SEED } from './options.ts';
import { isSmooth } from './paths.ts';
import { describeCase, outputWidths, type PathCase } from './programs.ts';

const engines = createSimdEngines();
const pool = createPool({ threads: 1, engines });
const steppers = [createStepper({ engines, loopNanoseconds: 0 }), createStepper({ engines, pool, loopNanoseconds: 0 })];

afterAll(() => pool.close());

const KINDS = ['run', 'run', 'bidirectional', 'chain'] as const;

async function checkTraining({ program, request }: PathCase, index: number): Promise<void> {
  const returnSequences = index % 3 !== 0;
  const { previous: _, ...rest } = request;
  const outputs = referenceEngine.prepareSequence(program).run(rest);
  // A loss is that of the first output.
  const lesson = trainingRequest(request, outputs, returnSequences, outputWidths(program)[0]);
  const wanted = atOnce(referenceEngine.prepareTraining(program).run(lesson));
  expectSameLearning(atOnce(engines.exact.prepareTraining(program).run(lesson)), wanted);
  const fast = atOnce(engines.fast.prepareTraining(program).run(lesson));
  for (const stepper of steppers) {
    expectSameLearning(await stepper.prepareTraining(program, 'exact').run(lesson), wanted);
    expectSameLearning(await stepper.prepareTraining(program, 'fast').run(lesson), fast);
  }
  const finite = wanted.cells.every((cell) => Object.values(cell).every((values) => values.every(Number.isFinite)));
  if (finite && isSmooth(program, request)) expectNearLearning(fast, wanted, 2e-3);
}

describe('training has the same bits by every path', () => {
  it.each(indices(32))('case %i', async (index) => {
    const one = smallCase(SEED + 400 + index, KINDS[index % KINDS.length], 2e4);
    try {
      await checkTraining(one, index);
    } catch (error) {
      throw new Error(`${again(index)}: ${describeCase(one)}`, { cause: error });
    }
  });

  it('has no gradients of a loss that is not finite', () => {
    const { program, request } = smallCase(SEED + 400, 'run');
    const odd = { ...request, inputs: request.inputs.map(() => Number.NaN) };
    const lesson = trainingRequest(
      odd,
      referenceEngine.prepareSequence(program).run(odd),
      true,
      outputWidths(program)[0],
    );
    const wanted = atOnce(referenceEngine.prepareTraining(program).run(lesson));
    expect(wanted).toEqual({ loss: Number.NaN, cells: [] });
    expect(atOnce(engines.fast.prepareTraining(program).run(lesson))).toEqual(wanted);
  });
});
