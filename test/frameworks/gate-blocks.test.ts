import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CellKind, GATES } from '../../src/domain/program.ts';
import {
  canonicalBias,
  canonicalKernel,
  frameworkBias,
  frameworkMatrix,
  ONNX_GATES,
  ONNX_PEEPHOLE_GATES,
  PEEPHOLE_GATES,
  PYTORCH_GATES,
  reorderBlocks,
  sumBiases,
  transpose,
} from '../../src/frameworks/gate-blocks.ts';

const kinds = Object.keys(GATES) as CellKind[];
const doubles = (length: number) => fc.float64Array({ minLength: length, maxLength: length });
const orders = kinds.flatMap((kind) => [PYTORCH_GATES, ONNX_GATES].map((order) => [order[kind], GATES[kind]] as const));
const pairs = [...orders, [ONNX_PEEPHOLE_GATES, PEEPHOLE_GATES] as const];

describe('gate blocks', () => {
  it('are the same gates in every framework', () => {
    for (const [own, canonical] of pairs) expect([...own].sort()).toEqual([...canonical].sort());
  });

  it('come back to where they were when they are put into another order and back', () => {
    const values = fc
      .record({ pair: fc.constantFrom(...pairs), size: fc.nat(9) })
      .chain(({ pair: [from, to], size }) => {
        return doubles(from.length * size).map((array) => ({ from, to, array }));
      });
    fc.assert(
      fc.property(values, ({ from, to, array }) => {
        expect(reorderBlocks(reorderBlocks(array, from, to), to, from)).toEqual(array);
      }),
    );
  });

  it('move as whole blocks', () => {
    const moved = reorderBlocks(Float32Array.of(1, 2, 3, 4, 5, 6), PYTORCH_GATES.gru, GATES.gru);
    expect(moved).toEqual(Float32Array.of(3, 4, 1, 2, 5, 6));
    const gates = reorderBlocks(Float32Array.of(1, 2, 3, 4), ONNX_GATES.lstm, GATES.lstm);
    expect(gates).toEqual(Float32Array.of(1, 3, 4, 2));
    expect(reorderBlocks(Float32Array.of(1, 2, 3), ONNX_PEEPHOLE_GATES, PEEPHOLE_GATES)).toEqual(
      Float32Array.of(1, 3, 2),
    );
  });
});

describe('a matrix of weights', () => {
  it('is itself when it is transposed twice', () => {
    const matrix = fc.tuple(fc.nat(6), fc.nat(6)).chain(([rows, columns]) => {
      return doubles(rows * columns).map((array) => ({ rows, columns, array }));
    });
    fc.assert(
      fc.property(matrix, ({ rows, columns, array }) => {
        expect(transpose(transpose(array, rows, columns), columns, rows)).toEqual(array);
      }),
    );
  });

  it('that acts from the left becomes a kernel that acts from the right', () => {
    // Rows r, z, n of one unit over two features.
    const weightIh = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect(canonicalKernel(weightIh, 2, 'gru', PYTORCH_GATES)).toEqual(Float32Array.of(3, 1, 5, 4, 2, 6));
  });

  it('comes back from its kernel, and a bias from its canonical order', () => {
    const matrix = fc
      .record({
        kind: fc.constantFrom(...kinds),
        order: fc.constantFrom(PYTORCH_GATES, ONNX_GATES),
        units: fc.nat(4),
        columns: fc.nat(4),
      })
      .chain(({ kind, order, units, columns }) => {
        return doubles(GATES[kind].length * units * columns).map((array) => ({ kind, order, columns, array }));
      });
    fc.assert(
      fc.property(matrix, ({ kind, order, columns, array }) => {
        const kernel = canonicalKernel(array, columns, kind, order);
        expect(frameworkMatrix(kernel, columns, kind, order)).toEqual(array);
        expect(frameworkBias(canonicalBias(array, kind, order), kind, order)).toEqual(array);
      }),
    );
  });

  it('over no features stays empty', () => {
    expect(canonicalKernel(new Float32Array(), 0, 'lstm', ONNX_GATES)).toEqual(new Float32Array());
  });

  it('has one bias, the sum of two without rounding to float32', () => {
    const [a, b] = [Float32Array.of(1), Float32Array.of(2 ** -40)];
    expect(sumBiases(a, b)).toEqual(Float64Array.of(1 + 2 ** -40));
  });
});
