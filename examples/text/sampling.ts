import { randomFrom } from '../service.ts';

export interface Sampling {
  /** The same seed chooses the same letters. */
  readonly seed: number;
  /** Below 1 the likely letters become likelier still; 0 always takes the likeliest. */
  readonly temperature: number;
  /** Only so many of the likeliest letters can be chosen. */
  readonly topK: number;
}

/** Chooses an index from logits: with the probabilities softmax(logits / temperature) of the `topK` largest. */
export function sampler({ seed, temperature, topK }: Sampling): (logits: readonly number[]) => number {
  const random = randomFrom(seed);
  return (logits) => {
    const order = logits.map((_, id) => id).sort((a, b) => logits[b] - logits[a]);
    const best = order.slice(0, temperature === 0 ? 1 : topK);
    const weights = best.map((id) => Math.exp((logits[id] - logits[best[0]]) / (temperature || 1)));
    let left = random() * weights.reduce((sum, weight) => sum + weight);
    for (const [k, id] of best.entries()) {
      left -= weights[k];
      if (left < 0) return id;
    }
    return best[best.length - 1];
  };
}
