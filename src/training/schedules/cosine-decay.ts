import type { Schedule, ScheduleParameters } from './schedule.ts';

/**
 * from·((1 - alpha)·(1 + cos(π·k/decay_steps))/2 + alpha), k at most decay_steps. With a warmup_target the rate first rises
 * to it from the initial one, along a line of warmup_steps, and decays from there. Keras CosineDecay.
 */
export function cosineDecay(params: ScheduleParameters): Schedule {
  const [initial, steps, alpha] = [params.initial_learning_rate, params.decay_steps, params.alpha].map(Number);
  const decay = (from: number, k: number) =>
    from * ((1 - alpha) * 0.5 * (1 + Math.cos(Math.PI * (Math.min(k, steps) / steps))) + alpha);
  if (params.warmup_target === null) return (iteration) => decay(initial, iteration);
  const [target, warmup] = [Number(params.warmup_target), Number(params.warmup_steps)];
  return (iteration) =>
    iteration < warmup ? initial + (target - initial) * (iteration / warmup) : decay(target, iteration - warmup);
}
