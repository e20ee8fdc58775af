import type { Rule, RuleParameters } from './rule.ts';

/** a ← a + g²; w ← w - lr·g/√(a + ε). Keras Adagrad.update_step (keras/src/optimizers/adagrad.py). */
export function adagrad(params: RuleParameters): Rule {
  const epsilon = Number(params.epsilon);
  return {
    slots: [{ name: 'accumulator', initial: Number(params.initial_accumulator_value) }],
    update(w, g, [a], { learningRate: lr }, squares) {
      for (let i = 0; i < w.length; i++) {
        a[i] += squares ? squares[i] : g[i] * g[i];
        w[i] -= (lr * g[i]) / Math.sqrt(a[i] + epsilon);
      }
    },
  };
}
