import { type Rule, type RuleParameters, zeroSlot } from './rule.ts';

/**
 * v ← rho·v + (1 - rho)·g²; centered: a ← rho·a + (1 - rho)·g and d = v - a² + ε, else d = v + ε; u = lr·g/√d;
 * w ← w - u, with momentum m ← momentum·m + u and w ← w - m. Keras RMSprop.update_step (keras/src/optimizers/rmsprop.py).
 */
export function rmsprop(params: RuleParameters): Rule {
  const [rho, momentum, epsilon] = [Number(params.rho), Number(params.momentum), Number(params.epsilon)];
  const centered = params.centered === true;
  const slots = ['velocity', ...(momentum > 0 ? ['momentum'] : []), ...(centered ? ['average_gradient'] : [])];
  return {
    slots: slots.map(zeroSlot),
    update(w, g, given, { learningRate: lr }, squares) {
      const v = given[0];
      const m = momentum > 0 ? given[1] : undefined;
      const a = centered ? given[given.length - 1] : undefined;
      for (let i = 0; i < w.length; i++) {
        v[i] = rho * v[i] + (1 - rho) * (squares ? squares[i] : g[i] * g[i]);
        if (a) a[i] = rho * a[i] + (1 - rho) * g[i];
        const step = (lr * g[i]) / Math.sqrt(v[i] - (a ? a[i] * a[i] : 0) + epsilon);
        if (m) m[i] = momentum * m[i] + step;
        w[i] -= m ? m[i] : step;
      }
    },
  };
}
