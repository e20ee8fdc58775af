import { cosineDecay } from './cosine-decay.ts';
import { exponentialDecay } from './exponential-decay.ts';
import { piecewiseConstantDecay } from './piecewise-constant-decay.ts';
import type { Schedule, ScheduleParameters } from './schedule.ts';

/** By Keras' class name (keras/src/optimizers/schedules/learning_rate_schedule.py). */
export const SCHEDULES: Readonly<Record<string, (params: ScheduleParameters) => Schedule>> = {
  CosineDecay: cosineDecay,
  ExponentialDecay: exponentialDecay,
  PiecewiseConstantDecay: piecewiseConstantDecay,
};
