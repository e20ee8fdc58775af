import { rounder } from '../../domain/tensor.ts';
import { type Rule, type RuleParameters, zeroSlot } from './rule.ts';

/**
 * m ← m + (g - m)·(1 - β₁); v ← v + (g² - v)·(1 - β₂); amsgrad: v̂ ← max(v̂, v), which then stands for v;
 * w ← w - m·lr·√(1 - β₂ᵗ)/(1 - β₁ᵗ) / (√v + ε). AdamW is the same with a weight decay.
 * Keras Adam.update_step (keras/src/optimizers/adam.py), which takes the powers of the β in the variable's dtype.
 */
export function adam(params: RuleParameters): Rule {
  const [beta1, beta2, epsilon] = [Number(params.beta_1), Number(params.beta_2), Number(params.epsilon)];
  const amsgrad = params.amsgrad === true;
  return {
    slots: ['momentum', 'velocity', ...(amsgrad ? ['velocity_hat'] : [])].map(zeroSlot),
    update(w, g, [m, v, hat], { t, learningRate, dtype }, squares) {
      const round = rounder(dtype);
      const alpha = (learningRate * Math.sqrt(1 - round(round(beta2) ** t))) / (1 - round(round(beta1) ** t));
      for (let i = 0; i < w.length; i++) {
        m[i] += (g[i] - m[i]) * (1 - beta1);
        v[i] += ((squares ? squares[i] : g[i] * g[i]) - v[i]) * (1 - beta2);
        if (hat) hat[i] = Math.max(hat[i], v[i]);
        w[i] -= (m[i] * alpha) / (Math.sqrt(hat ? hat[i] : v[i]) + epsilon);
      }
    },
  };
}
