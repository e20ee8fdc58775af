import type { NamedSpec } from '../../domain/learning.ts';

/** The learning rate of an iteration, which counts from 0. */
export type Schedule = (iteration: number) => number;

export type ScheduleParameters = NamedSpec['params'];
