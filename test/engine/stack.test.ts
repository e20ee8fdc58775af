import { expect, it } from 'vitest';
import type { SimpleRnnProgram, StackProgram, StepProgram } from '../../src/domain/program.ts';
import { referenceEngine } from '../../src/engine/reference.ts';

/** One unit that masks its input in training. */
function cell(weight: number): SimpleRnnProgram {
  return {
    kind: 'simple_rnn',
    features: 1,
    units: 1,
    computeDtype: 'float32',
    activation: { name: 'linear', params: {} },
    kernel: Float32Array.of(weight),
    recurrentKernel: Float32Array.of(1),
    dropout: { inputs: 0.5, recurrent: 0.5 },
  };
}

function stack(...cells: StepProgram[]): StackProgram {
  return { kind: 'stack', computeDtype: 'float32', names: cells.map((_, k) => `cells.${k}`), cells };
}

it('draws the same masks for the cells of a stack however they are nested', () => {
  const cells = [cell(2), cell(3), cell(5), cell(7)];
  const [a, b, c, d] = cells;
  const states = cells.map((_, k) => Float32Array.from({ length: 8 }, (_, n) => k + n + 1));
  const run = (program: StepProgram, seed: number) =>
    referenceEngine.prepare(program).step(new Float32Array(8).fill(1), states, 8, { training: { seed } });
  for (let seed = 0; seed < 10; seed++) {
    const flat = run(stack(a, b, c, d), seed);
    expect(run(stack(stack(a, b), stack(c, d)), seed)).toEqual(flat);
    expect(run(stack(a, stack(b, stack(c, d))), seed)).toEqual(flat);
  }
});

it('names the gates of a stack by their cell', () => {
  const one = Float32Array.of(1);
  const { trace } = referenceEngine.prepare(stack(cell(1), stack(cell(1)))).step(one, [one, one], 1, { trace: true });
  expect(trace?.map(({ name }) => name)).toEqual(['cells.0.h', 'cells.1.cells.0.h']);
});
