import type { RunProgram, StepProgram } from '../../domain/program.ts';
import type { ParsedLayer } from './composite-config.ts';
import { activityOf } from './variable-rules.ts';

/** One direction of a Bidirectional. */
export function directionOf(layer: ParsedLayer, cell: StepProgram): RunProgram {
  const activity = activityOf(layer.className, layer.config);
  const run = { kind: 'run' as const, computeDtype: layer.policy.computeDtype, cell, goBackwards: layer.goBackwards };
  return activity ? { ...run, activity } : run;
}
