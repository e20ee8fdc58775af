import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkProgram } from '../../src/domain/network.ts';
import type { SequenceRequest } from '../../src/domain/ports.ts';
import { allocate, type FloatArray } from '../../src/domain/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { runs } from '../support/runs.ts';
import { type SomeNetwork, someNetworks } from './network-arbitraries.ts';

const simd = createSimdEngines();
const ENGINES: readonly (readonly [string, Engine])[] = [
  ['the reference engine', referenceEngine],
  ['float32 kernels', simd.fast],
  ['float64 kernels', simd.exact],
];

function programOf({ definition, weights }: SomeNetwork): NetworkProgram {
  return definition.sequence(0, weights, false) as NetworkProgram;
}

function zeroStates({ definition }: SomeNetwork, batch: number): FloatArray[] {
  return definition.stateGroups.map(({ width, dtype }) => allocate(dtype, batch * width) as FloatArray);
}

function requestOf(network: SomeNetwork): SequenceRequest {
  const { batch, time, inputs } = network;
  return { inputs, batch, time, states: zeroStates(network, batch), zeroOutputForMask: false, returnSequences: true };
}

/** values[row, t] of [batch, time, …]. */
function stepRows(values: FloatArray, { batch, time }: SomeNetwork, t: number): FloatArray {
  const width = values.length / (batch * time);
  const step = values.slice(0, batch * width);
  for (let row = 0; row < batch; row++) {
    const from = (row * time + t) * width;
    step.set(values.subarray(from, from + width), row * width);
  }
  return step;
}

describe.each(ENGINES)('networks on %s', (_, engine) => {
  it('have the same bits over a sequence and one step at a time', () => {
    fc.assert(
      fc.property(someNetworks, (network) => {
        const { batch, time, inputs } = network;
        const program = programOf(network);
        const whole = engine.prepareSequence(program).run(requestOf(network));
        const { step } = engine.prepare(program);
        let states: readonly FloatArray[] = zeroStates(network, batch);
        for (let t = 0; t < time; t++) {
          const result = step(stepRows(inputs, network, t), states, batch);
          expect(result.output).toEqual(stepRows(whole.sequences[0], network, t));
          states = result.states;
        }
        expect(states).toEqual(whole.states);
      }),
      { numRuns: runs(60) },
    );
  });

  it('give a row the same bits alone and in a batch', () => {
    fc.assert(
      fc.property(someNetworks, (network) => {
        const { batch, time, inputs } = network;
        const program = programOf(network);
        const prepared = engine.prepareSequence(program);
        const {
          sequences: [together],
        } = prepared.run(requestOf(network));
        const [own, out] = [inputs.length / batch, together.length / batch];
        for (let row = 0; row < batch; row++) {
          const alone = { ...network, batch: 1, time, inputs: inputs.slice(row * own, (row + 1) * own) };
          const { sequences } = prepared.run(requestOf(alone));
          expect(sequences[0]).toEqual(together.slice(row * out, (row + 1) * out));
        }
      }),
      { numRuns: runs(40) },
    );
  });
});

describe('kernels of float64', () => {
  it('have the bits of the reference engine', () => {
    fc.assert(
      fc.property(someNetworks, (network) => {
        const request = requestOf(network);
        const program = programOf(network);
        const exact = simd.exact.prepareSequence(program).run(request);
        expect(exact).toEqual(referenceEngine.prepareSequence(program).run(request));
      }),
      { numRuns: runs(60) },
    );
  });
});

describe('another thread', () => {
  it('gives the same bits by the weights that this one packed', () => {
    const other = createSimdEngines(simd.newThread().options);
    fc.assert(
      fc.property(someNetworks, fc.constantFrom('fast' as const, 'exact' as const), (network, precision) => {
        const request = requestOf(network);
        const program = programOf(network);
        const shared = structuredClone(simd.share(program, precision));
        const there = other[precision].prepareSequence(shared).run(request);
        expect(there).toEqual(simd[precision].prepareSequence(program).run(request));
      }),
      { numRuns: runs(40) },
    );
  });
});
