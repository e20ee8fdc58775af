import type { GruProgram } from '../domain/program.ts';
import { blocks, float64 } from './cell-row.ts';
import { gateGradient } from './gate-gradient.ts';
import { gateMask, pullGateProducts } from './gate-product.ts';
import { gruRow } from './gru.ts';
import { addTo, type DifferentiableCell, recordStep } from './step-gradient.ts';

/**
 * Back through the equations of gru.ts. With p what goes into a gate's activation and d the gradient with respect to
 * what follows it:
 * dpz = s'(pz)∘dh'∘(h - hh)   dph = a'(ph)∘dh'∘(1 - z)
 * with resetAfter, q = h·Uh + b'h:   dq = r∘dph   dpr = s'(pr)∘dph∘q
 * without, e = (r∘h)·Uh:   dq = dph   de = dq·Uhᵀ   dpr = s'(pr)∘de∘h
 * db = [dpz, dpr, dph]   dW = xᵀ·db   dx = db·Wᵀ
 * db' = [dpz, dpr, dq]   dU = hᵀ·db'  dh = dh'∘z + db'·Uᵀ, but without resetAfter dUh = (r∘h)ᵀ·dq and its part of dh is r∘de
 */
export function gruGradient(program: GruProgram): DifferentiableCell {
  const { features, units, resetAfter } = program;
  const row = gruRow(program);
  const W = float64(program.kernel);
  const U = float64(program.recurrentKernel);
  const s = gateGradient(program.recurrentActivation, program.clip);
  const a = gateGradient(program.activation, program.clip);
  return {
    row,
    step(masks) {
      const { inputs: x, states, gates } = recordStep(row, masks);
      const [h] = states;
      const [z, r, hh] = gates.map((gate) => gate.after);
      const q = row.candidateRecurrent.slice();
      return ([dNext], sums) => {
        const dh = dNext.map((d, u) => d * z[u]);
        const dx = new Float64Array(features);
        const { all: db, each } = blocks(3, units);
        const [dpz, dpr, dph] = each;
        const { all: dbRecurrent, each: eachRecurrent } = blocks(3, units);
        const dq = eachRecurrent[2];
        const zGradient = dNext.map((d, u) => d * (h[u] - hh[u]));
        const hhGradient = dNext.map((d, u) => d * (1 - z[u]));
        const rGradient = new Float64Array(units);
        dpz.set(s(gates[0], zGradient));
        dph.set(a(gates[2], hhGradient));
        if (resetAfter) {
          for (let u = 0; u < units; u++) dq[u] = r[u] * dph[u];
          for (let u = 0; u < units; u++) rGradient[u] = dph[u] * q[u];
        } else {
          dq.set(dph);
          const mask = gateMask(masks?.recurrent, 2);
          const kept = mask ? h.map((value, u) => value * mask[u]) : h;
          const de = new Float64Array(units);
          const product = {
            vector: r.map((value, u) => value * kept[u]),
            matrix: U,
            first: 2,
            gates: 1,
            blocks: 3,
            units,
          };
          pullGateProducts(product, dbRecurrent, sums.recurrentKernel, de);
          for (let u = 0; u < units; u++) rGradient[u] = de[u] * kept[u];
          for (let u = 0; u < units; u++) dh[u] += de[u] * r[u] * (mask ? mask[u] : 1);
        }
        dpr.set(s(gates[1], rGradient));
        dbRecurrent.set(dpz);
        dbRecurrent.set(dpr, units);

        addTo(sums.bias, db);
        addTo(sums.recurrentBias, dbRecurrent);
        const input = { vector: x, matrix: W, gates: 3, units, masks: masks?.inputs };
        pullGateProducts(input, db, sums.kernel, dx);
        const state = { vector: h, matrix: U, gates: resetAfter ? 3 : 2, blocks: 3, units, masks: masks?.recurrent };
        pullGateProducts(state, dbRecurrent, sums.recurrentKernel, dh);
        return { inputs: dx, states: [dh] };
      };
    },
  };
}
