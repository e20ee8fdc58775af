import { type LstmProgram, stepWidth } from '../domain/program.ts';
import { blocks, type CellRow, float64, gateFunction } from './cell-row.ts';
import { addGateProducts } from './gate-product.ts';
import { addProduct } from './product.ts';

/**
 * p = x·W + h·U + b, in blocks i, f, c, o of units
 * i = s(pi + Pi∘c)   f = s(pf + Pf∘c), or 1 - i with inputForget
 * c' = f∘c + i∘a(pc)
 * o = s(po + Po∘c')   h' = o∘a'(c'), times the projection where there is one
 * x [features], h [projection size or units], c [units]; s = recurrentActivation, a = activation,
 * a' = outputActivation. Keras LSTMCell.call (keras/src/layers/rnn/lstm.py); peepholes P, inputForget and clip are
 * ONNX's (LSTM-22; the clip bounds the gates, not c' on its way into a'), the projection is PyTorch's (proj_size).
 * In training x and h are masked first.
 * @throws {Problem} invalid-config for an activation that a gate can't have.
 */
export function lstmRow(program: LstmProgram): CellRow {
  const { features, units, inputForget, clip } = program;
  const W = float64(program.kernel);
  const U = float64(program.recurrentKernel);
  const b = program.bias && float64(program.bias);
  const projection = program.projection && float64(program.projection);
  const peepholes = program.peepholes && float64(program.peepholes);
  const s = gateFunction(program.recurrentActivation, clip);
  const a = gateFunction(program.activation, clip);
  const aOut = gateFunction(program.outputActivation);

  const x = new Float64Array(features);
  const h = new Float64Array(stepWidth(program));
  const c = new Float64Array(units);
  const sums = blocks(4, units);
  const [iBefore, fBefore, gBefore, oBefore] = sums.each;
  const [i, f, g, o, nextC, outC, full] = blocks(7, units).each;
  const nextH = projection ? new Float64Array(h.length) : full;

  return {
    inputs: x,
    states: [h, c],
    nextStates: [nextH, nextC],
    trace: [
      { name: 'i', before: iBefore, after: i },
      { name: 'f', before: fBefore, after: f },
      { name: 'c', before: gBefore, after: g },
      { name: 'o', before: oBefore, after: o },
      { name: 'new_c', before: nextC, after: outC },
    ],
    step(masks) {
      if (b) sums.all.set(b);
      else sums.all.fill(0);
      addGateProducts(sums.all, { vector: x, matrix: W, gates: 4, units, masks: masks?.inputs });
      addGateProducts(sums.all, { vector: h, matrix: U, gates: 4, units, masks: masks?.recurrent });

      if (peepholes) {
        for (let u = 0; u < units; u++) iBefore[u] += peepholes[u] * c[u];
        for (let u = 0; u < units; u++) fBefore[u] += peepholes[units + u] * c[u];
      }
      s(iBefore, i);
      if (inputForget) for (let u = 0; u < units; u++) f[u] = 1 - i[u];
      else s(fBefore, f);
      a(gBefore, g);
      for (let u = 0; u < units; u++) nextC[u] = f[u] * c[u] + i[u] * g[u];

      if (peepholes) for (let u = 0; u < units; u++) oBefore[u] += peepholes[2 * units + u] * nextC[u];
      s(oBefore, o);
      aOut(nextC, outC);
      for (let u = 0; u < units; u++) full[u] = o[u] * outC[u];
      if (projection) {
        nextH.fill(0);
        addProduct(nextH, full, projection, nextH.length);
      }
    },
  };
}
