import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Precision } from '../../../src/domain/ports.ts';
import {
  type CellProgram,
  type SequenceProgram,
  type StackProgram,
  type StepProgram,
  stateWidths,
  stepWidth,
} from '../../../src/domain/program.ts';
import type { FloatArray } from '../../../src/domain/tensor.ts';
import { referenceEngine } from '../../../src/engine/reference.ts';
import { prepareStepwiseRun } from '../../../src/engine/run.ts';
import { arithmeticOf, cellArithmetic } from '../../../src/engine/simd/kernel-arithmetic.ts';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { TESTED_V8, widenSimd } from '../../../src/engine/simd/wide-simd.ts';
import { runs } from '../../support/runs.ts';
import { numbers, SPECS } from '../cell-parts.ts';
import {
  expectSame,
  expectSameRun,
  expectSameStep,
  kernelPrograms,
  kernelRuns,
  stepArguments,
} from '../kernel-programs.ts';
import { standardCell } from '../some-programs.ts';

widenSimd();
const strict = createSimdEngines();
const relaxed = createSimdEngines({ relaxed: true });
const batches = fc.integer({ min: 0, max: 9 });
const rarities = fc.constantFrom(0, 0, 4);
const ALL_DTYPES = ['float32', 'float64', 'float16', 'bfloat16'] as const;

/** An LSTM without a bias. */
const largeCell = (units: number): CellProgram => ({
  kind: 'lstm',
  features: 33,
  units,
  computeDtype: 'float32',
  kernel: numbers('float32', 33 * 4 * units, 1, 0.2),
  recurrentKernel: numbers('float32', units * 4 * units, 2, 0.1),
  activation: SPECS[2],
  recurrentActivation: SPECS[1],
  outputActivation: SPECS[2],
});

const rowOf = (all: FloatArray, row: number, width: number) => all.slice(row * width, (row + 1) * width);

function alone(program: CellProgram, inputs: FloatArray, states: readonly FloatArray[], row: number) {
  const widths = stateWidths(program);
  return {
    inputs: rowOf(inputs, row, program.features),
    states: states.map((state, k) => rowOf(state, row, widths[k])),
  };
}

describe('the exact engine', () => {
  it('steps with the bits of the reference engine, traces, special values and all dtypes included', () => {
    fc.assert(
      fc.property(
        kernelPrograms({ dtypes: ALL_DTYPES }),
        batches,
        fc.integer(),
        rarities,
        fc.boolean(),
        (program, batch, seed, rarity, trace) => {
          const { inputs, states } = stepArguments(program, batch, seed, rarity);
          const wanted = referenceEngine.prepare(program).step(inputs, states, batch, { trace });
          expectSameStep(strict.exact.prepare(program).step(inputs, states, batch, { trace }), wanted);
        },
      ),
      { numRuns: runs(600) },
    );
  });

  it('is tried with each kind of cell in each arithmetic', () => {
    const drawn = fc.sample(kernelPrograms({ dtypes: ALL_DTYPES }), 600);
    const seen = drawn.map((program) => `${program.kind} ${arithmeticOf(cellArithmetic(program), 'exact')}`);
    for (const kind of ['simple_rnn', 'gru', 'lstm']) {
      for (const way of ['float64', 'reference']) expect(seen).toContain(`${kind} ${way}`);
    }
  });

  it('runs with the bits of the reference engine, masked and backwards too', () => {
    fc.assert(
      fc.property(kernelRuns({ dtypes: ALL_DTYPES }), ({ program, request }) => {
        const wanted = referenceEngine.prepareSequence(program).run(request);
        expectSameRun(strict.exact.prepareSequence(program).run(request), wanted);
      }),
      { numRuns: runs(250) },
    );
  });
});

describe.each([
  ['strict', strict],
  ['relaxed', relaxed],
] as const)('the fast engine, %s', (_, engines) => {
  it('gives a row the bits that it has alone, whatever the other rows are', () => {
    fc.assert(
      fc.property(
        kernelPrograms(),
        fc.integer({ min: 1, max: 9 }),
        fc.integer(),
        rarities,
        (program, batch, seed, rarity) => {
          const { inputs, states } = stepArguments(program, batch, seed, rarity);
          const widths = stateWidths(program);
          const together = engines.fast.prepare(program).step(inputs, states, batch);
          for (let row = 0; row < batch; row++) {
            const own = alone(program, inputs, states, row);
            const result = engines.fast.prepare(program).step(own.inputs, own.states, 1);
            for (const [k, width] of widths.entries()) {
              expectSame(
                rowOf(together.states[k], row, width),
                result.states[k],
                `row ${row} of ${batch}, states[${k}]`,
              );
            }
          }
        },
      ),
      { numRuns: runs(250) },
    );
  });

  it('runs with the bits of its steps, masked and backwards too', () => {
    fc.assert(
      fc.property(kernelRuns(), ({ program, request }) => {
        const wanted = prepareStepwiseRun(program, engines.fast.prepare).run(request);
        expectSameRun(engines.fast.prepareSequence(program).run(request), wanted);
      }),
      { numRuns: runs(250) },
    );
  });

  it('is within the bounds of float32 of the reference engine', () => {
    const smooth = SPECS.filter(({ name }) => name !== 'thresholded_relu' && name !== 'softmax');
    fc.assert(
      fc.property(kernelPrograms({ specs: smooth }), batches, fc.integer(), (program, batch, seed) => {
        const { inputs, states } = stepArguments(program, batch, seed);
        const exact = referenceEngine.prepare(program).step(inputs, states, batch);
        const fast = engines.fast.prepare(program).step(inputs, states, batch);
        for (const [k, state] of exact.states.entries()) {
          for (let i = 0; i < state.length; i++) {
            const most = 2e-5 * Math.max(1, Math.abs(state[i]));
            if (!(Math.abs(fast.states[k][i] - state[i]) <= most)) expect(fast.states[k][i]).toBeCloseTo(state[i], 5);
          }
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it('gives the same bits with a trace', () => {
    fc.assert(
      fc.property(kernelPrograms(), batches, fc.integer(), (program, batch, seed) => {
        const { inputs, states } = stepArguments(program, batch, seed);
        const { trace, ...traced } = engines.fast.prepare(program).step(inputs, states, batch, { trace: true });
        expect(trace).toBeDefined();
        expectSameStep(traced, engines.fast.prepare(program).step(inputs, states, batch));
      }),
      { numRuns: runs(60) },
    );
  });
});

describe('a stack over time', () => {
  const stacked = fc
    .tuple(kernelRuns({ dtypes: ['float32', 'float64'] }), fc.integer(), fc.boolean())
    .chain(([{ program, request }, seed, nested]) => {
      const above = kernelPrograms({ dtypes: [program.computeDtype] }).filter(({ features }) => features > 0);
      return fc.tuple(above, above).map(([second, third]) => {
        const { computeDtype } = program;
        const onTop = (cell: CellProgram, features: number): CellProgram => {
          const columns = cell.kernel.length / cell.features;
          return { ...cell, features, kernel: numbers(computeDtype, columns * features, seed, 0.2) };
        };
        const stack = (cells: readonly StepProgram[]): StackProgram => {
          return { kind: 'stack', computeDtype, names: cells.map((_, k) => `${k}`), cells };
        };
        const below = [program.cell, onTop(second, stepWidth(program.cell))];
        const last = onTop(third, stepWidth(below[1]));
        const cell = nested ? stack([stack(below), last]) : stack([...below, last]);
        const states = stateWidths(cell).map((width, k) => numbers(computeDtype, request.batch * width, seed + k));
        const previous = request.previous && numbers(computeDtype, request.batch * stepWidth(cell), 5);
        return { program: { ...program, cell }, request: { ...request, states, previous } };
      });
    });

  it.each(['fast', 'exact'] as const)('has the bits of its steps: %s', (precision) => {
    fc.assert(
      fc.property(stacked, ({ program, request }) => {
        const wanted = prepareStepwiseRun(program, strict[precision].prepare).run(request);
        expectSameRun(strict[precision].prepareSequence(program).run(request), wanted);
      }),
      { numRuns: runs(120) },
    );
  });
});

describe('large batches and long sequences', () => {
  it.each(['fast', 'exact'] as const)('are worked on in parts with the same bits: %s', (precision: Precision) => {
    const program = largeCell(67);
    const batch = 403;
    const { inputs, states } = stepArguments(program, batch, 5);
    const prepared = strict[precision].prepare(program);
    const together = prepared.step(inputs, states, batch);
    for (const row of [0, 1, 130, 131, 132, 401, 402]) {
      const own = alone(program, inputs, states, row);
      const { output } = prepared.step(own.inputs, own.states, 1);
      expectSame(rowOf(together.output, row, 67), output, `row ${row}`);
    }
    const run: SequenceProgram = { kind: 'run', computeDtype: 'float32', cell: program, goBackwards: false };
    const request = {
      inputs: numbers('float32', 3 * 900 * 33, 9),
      batch: 3,
      time: 900,
      states: stepArguments(program, 3, 6).states,
      zeroOutputForMask: true,
    };
    expectSameRun(
      strict[precision].prepareSequence(run).run(request),
      prepareStepwiseRun(run, strict[precision].prepare).run(request),
    );
  });
});

describe('matrices of several blocks of a panel', () => {
  const cells = ['lstm', 'gru', 'simple_rnn'] as const;

  it.each(cells)('give a row of a batch the bits that it has alone: %s', (kind) => {
    for (const units of [256, 257, 600]) {
      const program = standardCell(kind, 300, units);
      const { inputs, states } = stepArguments(program, 5, units);
      for (const precision of ['fast', 'exact'] as const) {
        const prepared = strict[precision].prepare(program);
        const { output } = prepared.step(inputs, states, 5);
        for (let row = 0; row < 5; row++) {
          const own = alone(program, inputs, states, row);
          const name = `${precision}, ${units} units, row ${row}`;
          expectSame(rowOf(output, row, units), prepared.step(own.inputs, own.states, 1).output, name);
        }
      }
    }
  });

  it.each(cells)('have the bits of the reference engine: %s', (kind) => {
    const program = standardCell(kind, 300, 600);
    const { inputs, states } = stepArguments(program, 3, 1);
    const wanted = referenceEngine.prepare(program).step(inputs, states, 3);
    expectSameStep(strict.exact.prepare(program).step(inputs, states, 3), wanted);
  });
});

describe('kernels that V8 has optimised, with 256-bit operations where it does that', () => {
  it('are tested here on the V8 that the service widens them with', () => {
    expect(process.versions.v8, 'run these tests on the new V8, then name it in src/engine/simd/wide-simd.ts').toBe(
      TESTED_V8,
    );
    expect(widenSimd()).toBe(true);
  });

  it('have the bits of the reference engine, and of a plain sum in JavaScript', () => {
    const engines = createSimdEngines();
    const units = 48;
    const float32 = largeCell(units);
    const { inputs, states } = stepArguments(float32, 7, 3);
    const exact = engines.exact.prepare(float32);
    const fast = engines.fast.prepare(float32);
    const first = { exact: exact.step(inputs, states, 7), fast: fast.step(inputs, states, 7, { trace: true }) };
    // V8 optimises a function that has run for long: both ways of the product, for one row and for more.
    const one = alone(float32, inputs, states, 6);
    for (let k = 0; k < 4000; k++) {
      for (const engine of [exact, fast]) {
        engine.step(inputs, states, 7);
        engine.step(one.inputs, one.states, 1);
      }
    }
    expectSameStep(exact.step(inputs, states, 7), referenceEngine.prepare(float32).step(inputs, states, 7));
    expectSameStep(exact.step(inputs, states, 7), first.exact);
    expectSameStep(fast.step(inputs, states, 7, { trace: true }), first.fast);
    const sums = chunkedSums(float32, one.inputs, one.states[0]);
    const { trace } = fast.step(one.inputs, one.states, 1, { trace: true });
    for (const [k, { before }] of trace!.slice(0, 4).entries()) {
      expectSame(before, sums.slice(k * units, (k + 1) * units), `gate ${k}`);
    }
  });
});

/** The sums of a cell's gates in float32 as kernels/product.ts says: partial sums of 32 terms, one product after the other. */
function chunkedSums(program: CellProgram, x: FloatArray, h: FloatArray): Float32Array {
  const columns = program.kernel.length / x.length;
  const sums = new Float32Array(columns);
  for (const [vector, matrix] of [
    [x, program.kernel],
    [h, program.recurrentKernel],
  ]) {
    for (let column = 0; column < columns; column++) {
      for (let start = 0; start < vector.length; start += 32) {
        let partial = 0;
        for (let k = start; k < Math.min(start + 32, vector.length); k++) {
          partial = Math.fround(partial + Math.fround(vector[k] * matrix[k * columns + column]));
        }
        sums[column] += partial;
      }
    }
  }
  return sums;
}
