import { describe, expect, it } from 'vitest';
import { newGrowthLog, newSharedMemory, SharedMemory } from '../../../src/engine/simd/shared-memory.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';
import { expectSameStep, stepArguments } from '../kernel-programs.ts';
import { standardCell } from '../some-programs.ts';

describe('packed weights', () => {
  it('take no more room over 10,000 versions of a cell', () => {
    const engines = createSimdEngines({ maxPackedBytes: 2 ** 20 });
    const first = standardCell('lstm', 8, 16);
    const { inputs, states } = stepArguments(first, 1, 1);
    let settled = 0;
    for (let version = 0; version < 10_000; version++) {
      const program = { ...first };
      engines[version % 3 === 0 ? 'exact' : 'fast'].prepare(program).step(inputs, states, 1);
      const { packedBytes, memoryBytes } = engines.statistics();
      expect(packedBytes).toBeLessThanOrEqual(2 ** 20);
      if (version === 1000) settled = memoryBytes;
      if (version > 1000) expect(memoryBytes).toBe(settled);
    }
    expect(settled).toBeLessThan(8 * 2 ** 20);
  });

  it('are packed anew, with the same results, where they had to give way', () => {
    const engines = createSimdEngines({ maxPackedBytes: 2 ** 16 });
    const programs = [5, 24, 33, 40, 41].map((units) => standardCell('gru', 7, units));
    const prepared = programs.map((program) => engines.fast.prepare(program));
    const roomy = createSimdEngines();
    for (let round = 0; round < 3; round++) {
      for (const [k, program] of programs.entries()) {
        const { inputs, states } = stepArguments(program, 2, round);
        const wanted = roomy.fast.prepare(program).step(inputs, states, 2);
        expectSameStep(prepared[k].step(inputs, states, 2), wanted);
        expect(engines.statistics().packedBytes).toBeLessThanOrEqual(2 ** 16);
      }
    }
  });

  it('keep one cell that is larger than the limit', () => {
    const engines = createSimdEngines({ maxPackedBytes: 1000 });
    const program = standardCell('lstm', 30, 30);
    const { inputs, states } = stepArguments(program, 1, 1);
    const prepared = engines.exact.prepare(program);
    expectSameStep(prepared.step(inputs, states, 1), prepared.step(inputs, states, 1));
    expect(engines.statistics().packedBytes).toBeGreaterThan(1000);
  });

  it('all give way to a cell that is larger than the limit, spared ones too', () => {
    const sizes = createSimdEngines();
    const step = (engines: ReturnType<typeof createSimdEngines>, units: number) => {
      const program = standardCell('lstm', 3, units);
      const { inputs, states } = stepArguments(program, 1, 1);
      return engines.exact.prepare(program).step(inputs, states, 1);
    };
    step(sizes, 4);
    const one = sizes.statistics().packedBytes;
    // Room for two: the third lets one go, and has spared the other.
    const engines = createSimdEngines({ maxPackedBytes: 2.5 * one });
    for (const units of [4, 4, 4, 60, 4]) expectSameStep(step(engines, units), step(sizes, units));
    expect(engines.statistics().packedBytes).toBe(one);
  });

  it('stay where they are while they are shared, and are read by engines over the same memory', () => {
    const engines = createSimdEngines({ maxPackedBytes: 2 ** 16 });
    const program = standardCell('lstm', 9, 20);
    const shared = structuredClone(engines.share(program, 'fast'));
    const { options, end } = engines.newThread();
    const other = createSimdEngines(options);
    const { inputs, states } = stepArguments(program, 3, 4);
    const wanted = engines.fast.prepare(program).step(inputs, states, 3);
    const cells = Array.from({ length: 20 }, (_, k) => standardCell('gru', 9, 20 + k));
    for (const cell of cells) engines.fast.prepare(cell).step(inputs, [new Float32Array(3 * cell.units)], 3);
    expect(shared.kernel).toHaveLength(0);
    expectSameStep(other.fast.prepare(shared).step(inputs, states, 3), wanted);
    end();
  });
});

describe('large weights', () => {
  const large = () => standardCell('lstm', 200, 330);

  it('are packed in slices, between which others have their turns', async () => {
    const engines = createSimdEngines();
    const program = large();
    slowClock();
    const { turns } = await countTurns(async () => engines.exact.ready?.([program]));
    expect(turns).toBeGreaterThanOrEqual(4);
    expect(engines.exact.ready?.([program])).toBeUndefined();
    const { inputs, states } = stepArguments(program, 2, 3);
    const wanted = createSimdEngines().exact.prepare(program).step(inputs, states, 2);
    expectSameStep(engines.exact.prepare(program).step(inputs, states, 2), wanted);
  });

  it('are finished at once where a call needs them meanwhile', async () => {
    const engines = createSimdEngines();
    const program = large();
    const readying = [engines.fast.ready?.([program]), engines.fast.ready?.([program])];
    const { inputs, states } = stepArguments(program, 2, 3);
    const step = () => engines.fast.prepare(program).step(inputs, states, 2);
    const first = step();
    await Promise.all(readying);
    expectSameStep(step(), first);
    expectSameStep(createSimdEngines().fast.prepare(program).step(inputs, states, 2), first);
  });

  it('do not give way while they are packed', async () => {
    const engines = createSimdEngines({ maxPackedBytes: 2 ** 20 });
    const programs = [large(), large(), large()];
    await Promise.all(programs.map((program) => engines.fast.ready?.([program])));
    const { inputs, states } = stepArguments(programs[0], 2, 3);
    const [first, ...others] = programs.map((program) => engines.fast.prepare(program).step(inputs, states, 2));
    for (const other of others) expectSameStep(other, first);
  });

  it('need no getting ready where they are few, or computed by the reference engine', () => {
    const engines = createSimdEngines();
    const softmax = { ...large(), activation: { name: 'softmax', params: {} } };
    expect(engines.fast.ready?.([standardCell('gru', 9, 20), softmax])).toBeUndefined();
    expect(engines.statistics().packedBytes).toBe(0);
  });
});

describe('room in a shared memory', () => {
  it('is not given twice, and is used again once it is free', () => {
    const memory = new SharedMemory(newSharedMemory());
    const other = new SharedMemory(memory.memory);
    const taken: { from: number; to: number; owner: SharedMemory }[] = [];
    let seed = 1;
    const random = (most: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % most;
    };
    for (let round = 0; round < 3000; round++) {
      if (taken.length > 40 || (taken.length > 0 && random(3) === 0)) {
        const [{ from, to, owner }] = taken.splice(random(taken.length), 1);
        owner.release(from, to - from);
        continue;
      }
      const owner = random(2) === 0 ? memory : other;
      const bytes = 1 + random(200_000);
      const from = owner.allocate(bytes);
      expect(from % 64).toBe(0);
      expect(from).toBeGreaterThanOrEqual(65536);
      for (const span of taken) expect(from >= span.to || from + bytes <= span.from).toBe(true);
      taken.push({ from, to: from + bytes, owner });
    }
    expect(memory.memory.buffer.byteLength).toBeLessThan(48 * 2 ** 20);
  });

  it('that an ended thread had is taken over', () => {
    const memory = new SharedMemory(newSharedMemory());
    const size = () => memory.memory.buffer.byteLength;
    const log = newGrowthLog();
    const once = () => {
      const thread = new SharedMemory(memory.memory, log);
      thread.allocate(3 * 2 ** 20);
      memory.adopt(log);
    };
    once();
    const after = size();
    memory.allocate(3 * 2 ** 20);
    expect(size()).toBe(after);
    for (let k = 0; k < 5; k++) once();
    expect(log[0]).toBe(0);
  });
});
