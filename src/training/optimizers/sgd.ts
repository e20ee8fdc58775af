import { type Rule, type RuleParameters, zeroSlot } from './rule.ts';

/**
 * m ← momentum·m - lr·g; w ← w + m, with nesterov w ← w + momentum·m - lr·g. Without momentum w ← w - lr·g.
 * Keras SGD.update_step (keras/src/optimizers/sgd.py).
 */
export function sgd(params: RuleParameters): Rule {
  const momentum = Number(params.momentum);
  const nesterov = params.nesterov === true;
  return {
    slots: momentum === 0 ? [] : [zeroSlot('momentum')],
    update(w, g, [m], { learningRate: lr }) {
      if (!m) {
        for (let i = 0; i < w.length; i++) w[i] -= lr * g[i];
        return;
      }
      for (let i = 0; i < w.length; i++) {
        m[i] = momentum * m[i] - lr * g[i];
        w[i] += nesterov ? momentum * m[i] - lr * g[i] : m[i];
      }
    },
  };
}
