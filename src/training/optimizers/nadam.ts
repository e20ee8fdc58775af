import { rounder } from '../../domain/tensor.ts';
import { type Rule, type RuleParameters, zeroSlot } from './rule.ts';

/**
 * m and v as Adam's; u_t = β₁·(1 - 0.5·0.96ᵗ), U = Π u_k up to t;
 * w ← w - lr·(u_{t+1}·m/(1 - U·u_{t+1}) + (1 - u_t)·g/(1 - U)) / (√(v/(1 - β₂ᵗ)) + ε).
 * Keras Nadam.update_step (keras/src/optimizers/nadam.py).
 */
export function nadam(params: RuleParameters): Rule {
  const [beta1, beta2, epsilon] = [Number(params.beta_1), Number(params.beta_2), Number(params.epsilon)];
  const factor = (t: number) => beta1 * (1 - 0.5 * 0.96 ** t);
  return {
    slots: ['momentum', 'velocity'].map(zeroSlot),
    update(w, g, [m, v], { t, learningRate: lr, dtype }, squares) {
      const round = rounder(dtype);
      const [now, next] = [factor(t), factor(t + 1)];
      const product = productOf(factor, t);
      const beta2Power = round(round(beta2) ** t);
      for (let i = 0; i < w.length; i++) {
        m[i] += (g[i] - m[i]) * (1 - beta1);
        v[i] += ((squares ? squares[i] : g[i] * g[i]) - v[i]) * (1 - beta2);
        const mHat = (next * m[i]) / (1 - product * next) + ((1 - now) * g[i]) / (1 - product);
        w[i] -= (lr * mHat) / (Math.sqrt(v[i] / (1 - beta2Power)) + epsilon);
      }
    },
  };
}

/** Π factor(k), k from 1 to t. */
function productOf(factor: (t: number) => number, t: number): number {
  let product = 1;
  // It comes to 0 long before t comes to large numbers, unless β₁ is 1, whose factors come to 1.
  const most = Math.min(t, 100_000);
  for (let k = 1; k <= most && product !== 0; k++) product *= factor(k);
  return product;
}
