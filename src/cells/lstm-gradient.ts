import type { LstmProgram } from '../domain/program.ts';
import { blocks, float64 } from './cell-row.ts';
import { gateGradient } from './gate-gradient.ts';
import { pullGateProducts } from './gate-product.ts';
import { lstmRow } from './lstm.ts';
import { addTo, type DifferentiableCell, recordStep } from './step-gradient.ts';

/**
 * Back through the equations of lstm.ts. With p what goes into a gate's activation, g = a(pc), y = o∘a'(c') before the
 * projection V, and d the gradient with respect to what follows it:
 * dy = dh'·Vᵀ   dV = yᵀ·dh'   dpo = s'(po)∘dy∘a'(c')
 * dc' += a''(c')∘dy∘o + dpo∘Po
 * dpi = s'(pi)∘dc'∘g   dpf = s'(pf)∘dc'∘c   dpc = a'(pc)∘dc'∘i
 * with inputForget, f = 1 - i:   dpi = s'(pi)∘dc'∘(g - c)   dpf = 0
 * dc = dc'∘f + dpi∘Pi + dpf∘Pf   dP = [dpi∘c, dpf∘c, dpo∘c']
 * db = [dpi, dpf, dpc, dpo]   dW = xᵀ·db   dU = hᵀ·db   dx = db·Wᵀ   dh = db·Uᵀ
 */
export function lstmGradient(program: LstmProgram): DifferentiableCell {
  const { features, units, inputForget, clip } = program;
  const row = lstmRow(program);
  const W = float64(program.kernel);
  const U = float64(program.recurrentKernel);
  const V = program.projection && float64(program.projection);
  const P = program.peepholes && float64(program.peepholes);
  const s = gateGradient(program.recurrentActivation, clip);
  const a = gateGradient(program.activation, clip);
  const aOut = gateGradient(program.outputActivation);
  return {
    row,
    step(masks) {
      const { inputs: x, states, gates } = recordStep(row, masks);
      const [h, c] = states;
      const [i, f, g, o, outC] = gates.map((gate) => gate.after);
      const nextC = gates[4].before;
      return ([dNextH, dNextC], sums) => {
        let dy = dNextH;
        if (V && sums.projection) {
          dy = new Float64Array(units);
          const product = { vector: o.map((value, u) => value * outC[u]), matrix: V, gates: 1, units: dNextH.length };
          pullGateProducts(product, dNextH, sums.projection, dy);
        }
        const { all: db, each } = blocks(4, units);
        const [dpi, dpf, dpc, dpo] = each;
        const oGradient = dy.map((d, u) => d * outC[u]);
        const outGradient = dy.map((d, u) => d * o[u]);
        dpo.set(s(gates[3], oGradient));
        const dc = aOut(gates[4], outGradient).map((d, u) => d + dNextC[u] + (P ? dpo[u] * P[2 * units + u] : 0));

        const iGradient = dc.map((d, u) => d * (inputForget ? g[u] - c[u] : g[u]));
        const gGradient = dc.map((d, u) => d * i[u]);
        dpi.set(s(gates[0], iGradient));
        dpc.set(a(gates[2], gGradient));
        if (!inputForget) {
          const fGradient = dc.map((d, u) => d * c[u]);
          dpf.set(s(gates[1], fGradient));
        }
        const dOldC = dc.map((d, u) => d * f[u] + (P ? dpi[u] * P[u] + dpf[u] * P[units + u] : 0));
        if (P && sums.peepholes) {
          for (let u = 0; u < units; u++) {
            sums.peepholes[u] += dpi[u] * c[u];
            sums.peepholes[units + u] += dpf[u] * c[u];
            sums.peepholes[2 * units + u] += dpo[u] * nextC[u];
          }
        }

        addTo(sums.bias, db);
        const [dx, dh] = [new Float64Array(features), new Float64Array(h.length)];
        const input = { vector: x, matrix: W, gates: 4, units, masks: masks?.inputs };
        pullGateProducts(input, db, sums.kernel, dx);
        const recurrent = { vector: h, matrix: U, gates: 4, units, masks: masks?.recurrent };
        pullGateProducts(recurrent, db, sums.recurrentKernel, dh);
        return { inputs: dx, states: [dh, dOldC] };
      };
    },
  };
}
