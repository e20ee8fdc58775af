import type { Schedule, ScheduleParameters } from './schedule.ts';

/** values[k] up to boundaries[k], that iteration included; the last value from there on. Keras PiecewiseConstantDecay. */
export function piecewiseConstantDecay(params: ScheduleParameters): Schedule {
  const boundaries = params.boundaries as readonly number[];
  const values = params.values as readonly number[];
  return (iteration) => {
    const k = boundaries.findIndex((boundary) => iteration <= boundary);
    return values[k < 0 ? values.length - 1 : k];
  };
}
