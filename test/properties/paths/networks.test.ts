import { afterAll, describe, expect, it } from 'vitest';
import { layersOf, type NetworkProgram, networkWidth } from '../../../src/domain/network.ts';
import type { SequenceRequest } from '../../../src/domain/ports.ts';
import { Problem } from '../../../src/domain/problems.ts';
import type { FloatArray } from '../../../src/domain/tensor.ts';
import { prepareNetworkGradients } from '../../../src/engine/gradients/network-gradients.ts';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { widenSimd } from '../../../src/engine/simd/wide-simd.ts';
import { createStepper } from '../../../src/engine/stepper.ts';
import { createPool } from '../../../src/engine/threads/pool.ts';
import { atOnce } from '../../../src/threads/in-turns.ts';
import { describeNetwork, drawNetworks, type NetworkPathCase } from './network-cases.ts';
import {
  expectNear,
  expectNearLearning,
  expectSameLearning,
  networkGradients,
  networkPieces,
  networkSteps,
  trainingRequest,
} from './network-paths.ts';
import { oddNetworks, refusedNetworks } from './odd-networks.ts';
import { again, indices } from './options.ts';
import { expectSameResult, inGroups, PRECISIONS } from './paths.ts';

widenSimd();
const engines = createSimdEngines();
/** Reads the weights that the first one packed, as a thread does. */
const other = createSimdEngines(engines.newThread().options);
const pool = createPool({ threads: 2, engines });
const steppers = [
  createStepper({ engines, loopNanoseconds: 0 }),
  createStepper({ engines, pool, batchRows: 256, loopNanoseconds: 0 }),
];

afterAll(() => pool.close());

type Prepared = Pick<typeof engines.exact, 'prepareSequence' | 'prepareGradients' | 'prepareTraining'>;

/** The outputs of all steps may be asked for where there are some: what looks ahead and ends in one vector has that alone. */
const mayReturn = ({ program, streams }: NetworkPathCase) => streams || program.time;

async function checkPaths(one: NetworkPathCase, index: number): Promise<void> {
  const { program } = one;
  const request = { ...one.request, returnSequences: mayReturn(one) && index % 2 === 0 };
  const reference = referenceEngine.prepareSequence(program).run(request);
  for (const precision of PRECISIONS) {
    const engine = engines[precision];
    const run = (part: SequenceRequest) => engine.prepareSequence(program).run(part);
    const wanted = precision === 'exact' ? reference : run(request);
    expectSameResult(run(request), wanted);
    const rows = Array.from({ length: request.batch }, (_, row) => row);
    if (request.batch > 0) expectSameResult(inGroups(run, request, rows.slice(0, 3)), wanted);
    for (const stepper of steppers) {
      expectSameResult(await stepper.prepareSequence(program, precision).run(request), wanted);
    }
    const shared = structuredClone(engines.share(program, precision));
    expectSameResult(other[precision].prepareSequence(shared).run(request), wanted);
    checkTrace(one, engine, precision, index);
    if (one.streams && request.time > 0) await checkSteps(one, precision);
    if (precision === 'fast' && isNear(program)) {
      for (const [k, values] of reference.last.entries()) expectNear(wanted.last[k], values, 2e-3, `last[${k}]`);
    }
  }
}

/** What float32 computes differs by rounding alone where nothing divides by what may be as good as 0. */
function isNear(program: NetworkProgram): boolean {
  const layers = layersOf(program);
  const plain = program.nodes.every(({ dtype }) => dtype === 'float32' || dtype === 'float64');
  return plain && layers.every(({ kind }) => !kind.endsWith('normalization'));
}

function checkTrace(one: NetworkPathCase, engine: Prepared, precision: string, index: number): void {
  const { program, request } = one;
  const traced = { ...request, trace: true, returnSequences: mayReturn(one) && index % 2 === 0 };
  const wanted = engine.prepareSequence(program).run(traced);
  const { trace: _, ...untraced } = wanted;
  expectSameResult(engine.prepareSequence(program).run({ ...traced, trace: false }), untraced);
  if (precision === 'exact') expectSameResult(wanted, referenceEngine.prepareSequence(program).run(traced));
}

async function checkSteps({ program, request: given }: NetworkPathCase, precision: 'fast' | 'exact'): Promise<void> {
  const engine = engines[precision];
  const masked = { ...given, returnSequences: true };
  if (given.batch > 0 && given.time > 1) {
    const cut = Math.ceil(given.time / 3);
    expectSameResult(networkPieces(program, engine, masked, cut), engine.prepareSequence(program).run(masked));
  }
  // A step has no mask but that which the network makes itself.
  const { mask: _, ...request } = masked;
  const wanted = engine.prepareSequence(program).run(request);
  expectSameResult(networkSteps(program, engine, request), wanted);
  const first = { ...request, time: 1, inputs: request.inputs.subarray(0, program.inputWidth) };
  const states = request.states.map((state) => state.subarray(0, state.length / Math.max(request.batch, 1)));
  if (request.batch === 0) return;
  const step = engine.prepare(program).step(first.inputs, states, 1, { trace: true });
  for (const stepper of steppers) {
    const got = await stepper.prepare(program, precision).step(first.inputs, states, 1);
    expect(got.output).toEqual(step.output);
    expect(got.states).toEqual(step.states);
  }
}

async function checkLearning(one: NetworkPathCase, index: number): Promise<void> {
  const { program, request } = one;
  const training = index % 3 === 0 ? { training: index % 2 === 0 ? { seed: 5 + index } : { seed: 1 } } : {};
  const asked = { ...request, ...training, returnSequences: mayReturn(one) && index % 4 < 2 };
  const outputs = referenceEngine.prepareSequence(program).run(asked);
  expectSameResult(engines.exact.prepareSequence(program).run(asked), outputs);
  expectSameResult(await steppers[1].prepareSequence(program, 'exact').run(asked), outputs);

  const cotangents = networkGradients(asked, outputs, asked.returnSequences);
  const gradients = referenceEngine.prepareGradients(program).run(cotangents);
  expectSameLearning(engines.exact.prepareGradients(program).run(cotangents), gradients);
  for (const stepper of steppers)
    expectSameLearning(await stepper.prepareGradients(program).run(cotangents), gradients);

  if (isNear(program)) {
    // The way forwards is that of evaluation, but for rounding.
    const [{ values }, evaluated] = [atOnce(prepareNetworkGradients(program).forward(asked)).output, outputs];
    expectNear(values, [...evaluated.sequences, ...evaluated.last][0], 2e-3, 'output on the way forwards');
  }

  const width = networkWidth(program);
  const lesson = trainingRequest(asked, outputs, asked.returnSequences, width);
  const wanted = atOnce(referenceEngine.prepareTraining(program).run(lesson));
  expectSameLearning(atOnce(engines.exact.prepareTraining(program).run(lesson)), wanted);
  const fast = atOnce(engines.fast.prepareTraining(program).run(lesson));
  for (const stepper of steppers) {
    expectSameLearning(await stepper.prepareTraining(program, 'exact').run(lesson), wanted);
    expectSameLearning(await stepper.prepareTraining(program, 'fast').run(lesson), fast);
  }
  if (isNear(program)) expectNearLearning(fast, wanted, 2e-3);
}

describe('every path of a network has the same bits', () => {
  const drawn = indices(48);
  const cases = drawNetworks(Math.max(...drawn) + 1);

  it.each(drawn)('case %i', async (index) => {
    const one = cases[index];
    try {
      await checkPaths(one, index);
      await checkLearning(one, index);
    } catch (error) {
      if (error instanceof Problem) throw error;
      throw new Error(`${again(index)}: ${describeNetwork(one)}`, { cause: error });
    }
  });

  it.each(oddNetworks())('%s', async (_, one) => {
    for (const index of [0, 1, 3]) {
      await checkPaths(one, index);
      await checkLearning(one, index);
    }
  });

  it.each(refusedNetworks())(
    'says that it %s, or that inputs do, by every path',
    async (text, { program, request }) => {
      const refusal = { code: expect.any(String), message: expect.stringContaining(text) };
      const cotangents = [new Float64Array(0)];
      const asked = { ...request, cotangents, returnSequences: true };
      for (const engine of [referenceEngine, engines.fast, engines.exact]) {
        expect(() => engine.prepareSequence(program).run(request)).toThrow(expect.objectContaining(refusal));
      }
      for (const stepper of steppers) {
        await expect(stepper.prepareSequence(program, 'fast').run(request)).rejects.toMatchObject(refusal);
      }
      if (text !== 'do not fit together') {
        expect(() => referenceEngine.prepareGradients(program).run(asked)).toThrow(expect.objectContaining(refusal));
      }
    },
  );

  it('has the bits that steps have alone where they run in one batch', async () => {
    const one = drawNetworks(1)[0];
    const { program, request } = one.streams ? one : oddNetworks()[0][1];
    const { batch, states, inputs, time } = request;
    const prepared = steppers[1].prepare(program, 'fast');
    const rowOf = (array: FloatArray, row: number, width: number) => array.subarray(row * width, (row + 1) * width);
    const rows = Array.from({ length: batch }, (_, row) => ({
      inputs: rowOf(inputs, row * time, program.inputWidth),
      states: states.map((state) => rowOf(state, row, state.length / batch)),
    }));
    const together = await Promise.all(rows.map((row) => prepared.step(row.inputs, row.states, 1)));
    for (const [row, given] of rows.entries()) {
      const alone = engines.fast.prepare(program).step(given.inputs, given.states, 1);
      expect({ ...together[row] }).toEqual({ ...alone });
    }
  });
});
