import { GATES, type GruProgram } from '../domain/program.ts';
import { blocks, type CellRow, float64, gateFunction } from './cell-row.ts';
import { addGateProducts, gateMask } from './gate-product.ts';
import { addProduct } from './product.ts';

/** A GRU's row also tells h·Uh + b'h, which r multiplies with resetAfter; the backward pass reads it. */
export interface GruRow extends CellRow {
  readonly candidateRecurrent: Float64Array;
}

/**
 * z = s(x·Wz + bz + h·Uz + b'z)   r = s(x·Wr + br + h·Ur + b'r)
 * hh = a(x·Wh + bh + r∘(h·Uh + b'h)) with resetAfter, else a(x·Wh + bh + (r∘h)·Uh + b'h)
 * h' = z∘h + (1 - z)∘hh
 * x [features], h [units]; s = recurrentActivation, a = activation, b' = recurrentBias. Keras GRUCell.call
 * (keras/src/layers/rnn/gru.py); b' without resetAfter is ONNX's (GRU with linear_before_reset = 0).
 * In training the masks are on x and h where they enter a gate's product; h in z∘h is not masked.
 * @throws {Problem} invalid-config for an activation that a gate can't have.
 */
export function gruRow(program: GruProgram): GruRow {
  const { features, units, resetAfter } = program;
  const columns = GATES.gru.length * units;
  const W = float64(program.kernel);
  const U = float64(program.recurrentKernel);
  const b = program.bias && float64(program.bias);
  const recurrentB = program.recurrentBias && float64(program.recurrentBias);
  const s = gateFunction(program.recurrentActivation, program.clip);
  const a = gateFunction(program.activation, program.clip);

  const x = new Float64Array(features);
  const h = new Float64Array(units);
  const input = blocks(3, units);
  const recurrent = blocks(3, units);
  const [zBefore, rBefore, hhBefore] = input.each;
  const [zRecurrent, rRecurrent, hhRecurrent] = recurrent.each;
  const [z, r, hh] = blocks(3, units).each;
  const resetH = new Float64Array(units);
  const next = new Float64Array(units);

  return {
    inputs: x,
    states: [h],
    nextStates: [next],
    candidateRecurrent: hhRecurrent,
    trace: [
      { name: 'z', before: zBefore, after: z },
      { name: 'r', before: rBefore, after: r },
      { name: 'hh', before: hhBefore, after: hh },
    ],
    step(masks) {
      if (b) input.all.set(b);
      else input.all.fill(0);
      addGateProducts(input.all, { vector: x, matrix: W, gates: 3, units, masks: masks?.inputs });
      if (recurrentB) recurrent.all.set(recurrentB);
      else recurrent.all.fill(0);
      const gates = resetAfter ? 3 : 2;
      addGateProducts(recurrent.all, { vector: h, matrix: U, gates, units, masks: masks?.recurrent, blocks: 3 });

      for (let u = 0; u < units; u++) zBefore[u] += zRecurrent[u];
      for (let u = 0; u < units; u++) rBefore[u] += rRecurrent[u];
      s(zBefore, z);
      s(rBefore, r);
      if (resetAfter) {
        for (let u = 0; u < units; u++) hhBefore[u] += r[u] * hhRecurrent[u];
      } else {
        for (let u = 0; u < units; u++) resetH[u] = r[u] * h[u];
        const mask = gateMask(masks?.recurrent, 2);
        if (mask) for (let u = 0; u < units; u++) resetH[u] *= mask[u];
        addProduct(hhRecurrent, resetH, U, columns, 2 * units);
        for (let u = 0; u < units; u++) hhBefore[u] += hhRecurrent[u];
      }
      a(hhBefore, hh);
      for (let u = 0; u < units; u++) next[u] = z[u] * h[u] + (1 - z[u]) * hh[u];
    },
  };
}
