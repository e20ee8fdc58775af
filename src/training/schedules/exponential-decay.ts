import type { Schedule, ScheduleParameters } from './schedule.ts';

/** initial·rate^(iteration/decay_steps), the exponent rounded down with staircase. Keras ExponentialDecay. */
export function exponentialDecay(params: ScheduleParameters): Schedule {
  const [initial, steps, rate] = [params.initial_learning_rate, params.decay_steps, params.decay_rate].map(Number);
  return (iteration) => {
    const p = iteration / steps;
    return initial * rate ** (params.staircase === true ? Math.floor(p) : p);
  };
}
